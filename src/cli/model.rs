//! A model that an argument names.

use std::path::Path;

use crate::formats::NamedArrays;
use crate::runs::{Snapshot, newest_snapshot};
use crate::search::adversarial::generator_of;
use crate::space::GanGenotype;
use crate::space::build::{Generator, Relaxation};
use crate::{Device, Error};

/// The generator of a run folder, a snapshot or a weights file, averaged unless `live`, and how its edges are mixed if it
/// is a supernet. Only a bare weights file takes a genotype.
pub(super) fn load(
    model: &Path,
    genotype: Option<&str>,
    live: bool,
    device: &Device,
) -> Result<(Generator, Relaxation), Error> {
    let own_architecture = || match genotype {
        Some(_) => Err(Error::config(
            "genotype",
            "a run or a snapshot knows its architecture; leave --genotype away",
        )),
        None => Ok(()),
    };
    if model.is_dir() {
        own_architecture()?;
        return generator_of(&newest_snapshot(model)?, device, live);
    }
    if matches!(model.extension().and_then(|e| e.to_str()), Some("pth" | "pt")) {
        return Err(Error::format(model, "is a torch checkpoint; only .safetensors files can be read"));
    }
    let arrays = NamedArrays::read(model)?;
    if Snapshot::is_in(&arrays) {
        own_architecture()?;
        return generator_of(&Snapshot::read(model)?, device, live);
    }
    let arch = match genotype {
        Some(text) => Some(*GanGenotype::load(text)?.require_generator()?),
        None => None,
    };
    Ok((Generator::from_arrays(&arrays, arch.as_ref(), live, device)?, Relaxation::Softmax))
}
