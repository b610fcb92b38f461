//! Generators from weights files alone: sizes are read off the shapes.

use super::edge::Mixing;
use super::generator::{Generator, GeneratorSize};
use crate::formats::NamedArrays;
use crate::nn::{self, Init, SpectralInit};
use crate::space::gan::GeneratorArch;
use crate::{Device, Error, Rng};

/// A tensor that every generator has and no discriminator.
const LANDMARK: &str = "to_rgb.2.weight";

impl Generator {
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
        nn::import(&mut net, &prefix, arrays)?;
        Ok(net)
    }
}

/// What stands before the names of the generator's tensors.
fn prefix(arrays: &NamedArrays, live: bool) -> Result<String, Error> {
    let found: Vec<&str> = arrays.iter().filter_map(|(name, _)| name.strip_suffix(LANDMARK)).collect();
    let parameters = |prefix: &&&str| !prefix.contains("grad") && !prefix.starts_with("after");
    let candidates: Vec<&&str> = found.iter().filter(parameters).collect();
    let averaged = |prefix: &str| prefix.contains("ema") || prefix.contains("avg");
    match candidates.as_slice() {
        [] => Err(Error::weights(LANDMARK, "is missing; the file holds no generator")),
        [one] => Ok((**one).to_owned()),
        several => {
            let wanted = several.iter().find(|prefix| averaged(prefix) != live);
            Ok((**wanted.unwrap_or(&several[0])).to_owned())
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
