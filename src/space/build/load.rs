//! Generators from weights files alone: sizes are read off the shapes.

use std::path::Path;

use super::edge::Mixing;
use super::generator::{Generator, GeneratorSize};
use crate::formats::NamedArrays;
use crate::nn::{self, Init, SpectralInit};
use crate::space::gan::{GanGenotype, GeneratorArch};
use crate::{Device, Error, Rng};

/// A tensor that every generator has and no discriminator.
const LANDMARK: &str = "to_rgb.2.weight";

/// The key under which a weights file of ours holds its architecture.
pub const GENOTYPE: &str = "genotype";
/// The key under which it says whether the skip that a cell hands on includes those it received; absent means yes.
pub const SKIPS: &str = "skip_out_includes_skips";

impl Generator {
    /// The generator in a weights file of ours, which says its own architecture; averaged unless `live`.
    ///
    /// # Errors
    /// If the file cannot be read, does not say its architecture, or holds another one's tensors.
    pub fn load(path: impl AsRef<Path>, live: bool, device: &Device) -> Result<Generator, Error> {
        let path = path.as_ref();
        let arrays = NamedArrays::read(path)?;
        let text = arrays.metadata.get(GENOTYPE);
        let unknown =
            || Error::format(path, "does not say its architecture; `ganas convert` makes a file that does");
        let genotype = GanGenotype::load(text.ok_or_else(unknown)?)?;
        Generator::from_arrays(&arrays, Some(genotype.require_generator()?), live, device)
    }

    /// The generator whose tensors `arrays` holds, under any prefix, in the names and layouts of the reference
    /// programs. A file with architecture logits is a supernet, any other needs `arch`. Of a snapshot's generators
    /// this is the averaged one, unless `live`.
    ///
    /// # Errors
    /// If there is no generator, or a tensor is missing or has another shape than the architecture demands.
    pub fn from_arrays(
        arrays: &NamedArrays,
        arch: Option<&GeneratorArch>,
        live: bool,
        device: &Device,
    ) -> Result<Generator, Error> {
        let prefix = prefix(arrays, live)?;
        let size = size(arrays, &prefix)?;
        let mut rng = Rng::seed(0);
        let mut init = Init {
            device,
            rng: &mut rng,
            spectral: SpectralInit::default(),
        };
        let is_supernet = arrays.get(&format!("{prefix}alphas_normal")).is_some();
        let mut net = match (arch, is_supernet) {
            (Some(arch), false) => Generator::derived(arch, size, &mut init)?,
            (None, true) => Generator::supernet(size, Mixing::Merged, &mut init)?,
            (Some(_), true) => {
                let reason = "the file holds a supernet, which has no genotype; leave --genotype away";
                return Err(Error::genotype(reason));
            }
            (None, false) => {
                let reason = "the file holds one architecture's weights; say which with --genotype";
                return Err(Error::genotype(reason));
            }
        };
        net.accumulate_skips(arrays.metadata.get(SKIPS).is_none_or(|says| says != "false"));
        nn::import(&mut net, &prefix, arrays)?;
        Ok(net)
    }
}

/// Says in a weights file what rebuilding its generator takes beside its tensors.
pub fn describe(genotype: &GanGenotype, skip_out_includes_skips: bool, arrays: &mut NamedArrays) {
    let said = [(GENOTYPE, genotype.to_json().to_string()), (SKIPS, skip_out_includes_skips.to_string())];
    arrays.metadata.extend(said.map(|(key, text)| (key.to_owned(), text)));
}

/// What stands before the names of each generator's tensors.
fn prefixes(arrays: &NamedArrays) -> Vec<&str> {
    let found = arrays.iter().filter_map(|(name, _)| name.strip_suffix(LANDMARK));
    found
        .filter(|prefix| !prefix.contains("grad") && !prefix.starts_with("after"))
        .collect()
}

fn is_averaged(prefix: &str) -> bool {
    prefix.contains("ema") || prefix.contains("avg")
}

/// The tensors of each network that a file of weights holds, under the names of one network alone.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    /// The generator as it was trained.
    pub live: Option<NamedArrays>,
    /// Its moving average.
    pub averaged: Option<NamedArrays>,
    /// The discriminator.
    pub discriminator: Option<NamedArrays>,
}

impl Networks {
    /// Sorts `arrays`, a weights file of ours or a checkpoint of a reference program. A single generator counts as
    /// live unless its name says that it is averaged.
    ///
    /// # Errors
    /// If there is no generator.
    pub fn of(arrays: &NamedArrays) -> Result<Networks, Error> {
        let mut all = Networks::default();
        for prefix in prefixes(arrays) {
            let place = if is_averaged(prefix) {
                &mut all.averaged
            } else {
                &mut all.live
            };
            place.get_or_insert_with(|| below(arrays, prefix));
        }
        if all.live.is_none() && all.averaged.is_none() {
            return Err(Error::weights(LANDMARK, "is missing; the file holds no generator"));
        }
        let heads = ["l5.weight_orig", "linear.weight_orig"];
        let found = arrays
            .iter()
            .find_map(|(name, _)| heads.iter().find_map(|head| name.strip_suffix(head)));
        all.discriminator = found.map(|prefix| below(arrays, prefix));
        Ok(all)
    }
}

/// The arrays below `prefix`, each convolution once: the reference programs name it twice. A bare generator beside a
/// bare discriminator cannot be told apart, and no program writes one so.
fn below(arrays: &NamedArrays, prefix: &str) -> NamedArrays {
    let mut all = NamedArrays::new();
    all.metadata.clone_from(&arrays.metadata);
    for (name, array) in arrays.iter() {
        if let Some(name) = name.strip_prefix(prefix)
            && !name.contains(".op.")
        {
            all.insert(name, &array.shape, array.values.clone());
        }
    }
    all
}

/// What stands before the names of the wanted generator's tensors.
fn prefix(arrays: &NamedArrays, live: bool) -> Result<String, Error> {
    match prefixes(arrays).as_slice() {
        [] => Err(Error::weights(LANDMARK, "is missing; the file holds no generator")),
        [one] => Ok((*one).to_owned()),
        several => {
            let wanted = several.iter().find(|prefix| is_averaged(prefix) != live);
            Ok((*wanted.unwrap_or(&several[0])).to_owned())
        }
    }
}

fn size(arrays: &NamedArrays, prefix: &str) -> Result<GeneratorSize, Error> {
    let shape = |name: &str, rank: usize| {
        let full = format!("{prefix}{name}");
        let array = arrays.get(&full).ok_or_else(|| Error::weights(&full, "is missing"))?;
        match array.shape.len() == rank {
            true => Ok(array.shape.clone()),
            false => Err(Error::weights(&full, format!("has shape {:?}, expected {rank} axes", array.shape))),
        }
    };
    let channels = shape(LANDMARK, 4)?[1];
    let first = shape("l1.weight", 2)?;
    let parts = (1..)
        .take_while(|i| arrays.get(&format!("{prefix}l{i}.weight")).is_some())
        .count();
    let bottom = ((first[0] / channels.max(1)) as f64).sqrt() as usize;
    if bottom * bottom * channels != first[0] {
        let reason = format!("has {} rows, which is no square image of {channels} channels", first[0]);
        return Err(Error::weights(format!("{prefix}l1.weight"), reason));
    }
    Ok(GeneratorSize { channels, bottom, latent: first[1] * parts, parts })
}
