//! A model that an argument names.

use std::path::Path;

use crate::formats::{NamedArrays, torch};
use crate::runs::{Snapshot, newest_snapshot};
use crate::search::adversarial;
use crate::space::GanGenotype;
use crate::space::build::{GENOTYPE, Generator, Relaxation};
use crate::{Device, Error, train};

/// A generator and what is known of it.
pub(super) struct Model {
    pub generator: Generator,
    /// How its edges are mixed if it is a supernet.
    pub relaxation: Relaxation,
    /// Its architecture, unless it is a supernet.
    pub genotype: Option<GanGenotype>,
}

/// The generator of a run folder, a snapshot or a weights file (of ours or of a reference program), averaged unless
/// `live`. Only a weights file that does not say its architecture takes a genotype.
///
/// # Errors
/// If it cannot be read or holds no generator, or a genotype is missing, needless or does not fit.
pub(super) fn load(
    model: &Path,
    genotype: Option<&str>,
    live: bool,
    device: &Device,
) -> Result<Model, Error> {
    let own_architecture = || match genotype {
        Some(_) => Err(Error::config(
            "genotype",
            "a run or a snapshot knows its architecture; leave --genotype away",
        )),
        None => Ok(()),
    };
    if model.is_dir() {
        own_architecture()?;
        return of_snapshot(model, &newest_snapshot(model)?, live, device);
    }
    let arrays = arrays(model)?;
    if Snapshot::is_in(&arrays) {
        own_architecture()?;
        return of_snapshot(model, &Snapshot::read(model)?, live, device);
    }
    let genotype = genotype.or_else(|| said(&arrays));
    let genotype = genotype.map(GanGenotype::load).transpose()?;
    let arch = match &genotype {
        Some(genotype) => Some(genotype.require_generator()?),
        None => None,
    };
    Ok(Model {
        generator: Generator::from_arrays(&arrays, arch, live, device)?,
        relaxation: Relaxation::Softmax,
        genotype,
    })
}

/// As [`load`], for an architecture that is known already: it serves where the model does not say its own.
///
/// # Errors
/// As [`load`], or if the model says another architecture.
pub(super) fn load_as(model: &Path, genotype: &GanGenotype, device: &Device) -> Result<Model, Error> {
    let says_it = model.is_dir() || {
        let arrays = arrays(model)?;
        Snapshot::is_in(&arrays) || said(&arrays).is_some()
    };
    let text = genotype.to_json().to_string();
    let loaded = load(model, (!says_it).then_some(text.as_str()), false, device)?;
    match &loaded.genotype {
        Some(own) if own.generator == genotype.generator => Ok(loaded),
        own => Err(Error::genotype(format!(
            "{} holds {}, and {} is to be trained",
            model.display(),
            own.as_ref().map_or("a supernet".to_owned(), |own| own.to_json().to_string()),
            genotype.to_json()
        ))),
    }
}

/// The architecture that a snapshot of the run or file `place` knows.
///
/// # Errors
/// If it has no generator, or a supernet, which is no single architecture.
pub(super) fn genotype_of(place: &Path, snapshot: &Snapshot) -> Result<Option<GanGenotype>, Error> {
    match train::is_in(snapshot) {
        true => Ok(Some(train::genotype_of(snapshot)?)),
        false => Err(Error::run(
            place,
            "holds a supernet, not one architecture's weights; train what it found (ganas train RUN) and convert that",
        )),
    }
}

/// The architecture that a weights file says it has.
///
/// # Errors
/// As [`genotype_of`], or if what it says is no genotype.
pub(super) fn genotype_in(path: &Path, arrays: &NamedArrays) -> Result<Option<GanGenotype>, Error> {
    if Snapshot::is_in(arrays) {
        return genotype_of(path, &Snapshot::read(path)?);
    }
    said(arrays).map(GanGenotype::load).transpose()
}

/// The arrays of a weights file, whichever program wrote it.
///
/// # Errors
/// If it cannot be read.
pub(super) fn arrays(path: &Path) -> Result<NamedArrays, Error> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("pth" | "pt") => Ok(torch::read(path)?.tensors),
        _ => NamedArrays::read(path),
    }
}

fn of_snapshot(place: &Path, snapshot: &Snapshot, live: bool, device: &Device) -> Result<Model, Error> {
    if adversarial::is_in(snapshot) {
        let (generator, relaxation) = adversarial::generator_of(snapshot, device, live)?;
        return Ok(Model { generator, relaxation, genotype: None });
    }
    if train::is_in(snapshot) {
        let (generator, genotype) = train::generator_of(snapshot, device, live)?;
        return Ok(Model {
            generator,
            relaxation: Relaxation::Softmax,
            genotype: Some(genotype),
        });
    }
    Err(Error::format(place, "is a snapshot of a kind of run that has no generator"))
}

/// The text of the architecture that a file of ours says it has; other programs use the key for forms of their own.
fn said(arrays: &NamedArrays) -> Option<&str> {
    arrays
        .metadata
        .get(GENOTYPE)
        .map(String::as_str)
        .filter(|text| text.starts_with('{'))
}
