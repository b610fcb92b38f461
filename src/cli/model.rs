//! A model that an argument names.

use std::path::Path;

use crate::formats::{NamedArrays, torch};
use crate::runs::{Snapshot, newest_snapshot};
use crate::search::{adversarial, evolutionary};
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

/// What a path holds that a generator can be made of.
pub(super) enum Found {
    /// The state of a run.
    Snapshot(Snapshot),
    /// Weights, of ours or of a reference program.
    Weights(NamedArrays),
}

/// Reads the run folder, snapshot or weights file `model`.
///
/// # Errors
/// If it cannot be read.
pub(super) fn find(model: &Path) -> Result<Found, Error> {
    if model.is_dir() {
        return Ok(Found::Snapshot(newest_snapshot(model)?));
    }
    let arrays = match model.extension().and_then(|e| e.to_str()) {
        Some("pth" | "pt") => torch::read(model)?.tensors,
        _ => NamedArrays::read(model)?,
    };
    match Snapshot::is_in(&arrays) {
        true => Ok(Found::Snapshot(Snapshot::of_arrays(model, arrays)?)),
        false => Ok(Found::Weights(arrays)),
    }
}

/// The generator of a run folder, a snapshot or a weights file, averaged unless `live`. Only a weights file that does
/// not say its architecture takes a genotype.
///
/// # Errors
/// If it cannot be read or holds no generator, or a genotype is missing, needless or does not fit.
pub(super) fn load(
    model: &Path,
    genotype: Option<&str>,
    live: bool,
    device: &Device,
) -> Result<Model, Error> {
    build(model, find(model)?, genotype, live, device)
}

/// As [`load`], for an architecture that is known already: it serves where the model does not say its own.
///
/// # Errors
/// As [`load`], or if the model says another architecture.
pub(super) fn load_as(model: &Path, genotype: &GanGenotype, device: &Device) -> Result<Model, Error> {
    let found = find(model)?;
    let text = genotype.to_json().to_string();
    let missing = matches!(&found, Found::Weights(arrays) if said(arrays).is_none());
    let loaded = build(model, found, missing.then_some(text.as_str()), false, device)?;
    match &loaded.genotype {
        Some(own) if own.generator == genotype.generator => Ok(loaded),
        own => Err(Error::genotype(format!(
            "{} holds {}, and {text} is wanted",
            model.display(),
            own.as_ref().map_or("a supernet".to_owned(), |own| own.to_json().to_string())
        ))),
    }
}

fn build(
    model: &Path,
    found: Found,
    genotype: Option<&str>,
    live: bool,
    device: &Device,
) -> Result<Model, Error> {
    let arrays = match found {
        Found::Snapshot(_) if genotype.is_some() => {
            let reason = "a run or a snapshot knows its architecture; leave --genotype away";
            return Err(Error::config("genotype", reason));
        }
        Found::Snapshot(snapshot) => return of_snapshot(model, &snapshot, live, device),
        Found::Weights(arrays) => arrays,
    };
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
    if evolutionary::is_in(snapshot) {
        let (generator, genotype) = evolutionary::generator_of(snapshot, device)?;
        return Ok(Model {
            generator,
            relaxation: Relaxation::Softmax,
            genotype: Some(genotype),
        });
    }
    Err(Error::format(place, "is a snapshot of a kind of run that has no generator"))
}

/// The text of the architecture that a file of ours says it has; other programs use the key for forms of their own.
pub(super) fn said(arrays: &NamedArrays) -> Option<&str> {
    arrays
        .metadata
        .get(GENOTYPE)
        .map(String::as_str)
        .filter(|text| text.starts_with('{'))
}
