//! The two updates of a training by themselves, on made-up pictures: what a benchmark measures.

use super::TrainConfig;
use super::players::Players;
use crate::space::GanGenotype;
use crate::{Device, Error, Rng, Tensor};

/// A generator and a discriminator at the beginning of a training, and the batches of either.
pub struct Updates {
    players: Players,
    /// Real pictures and latents of the discriminator.
    judged: [(Tensor, Tensor); 1],
    /// Latents of the generator.
    made: [Tensor; 1],
}

impl Updates {
    /// Networks and batches of these sizes.
    ///
    /// # Errors
    /// If the configuration cannot work or half of the genotype is missing.
    pub fn new(
        device: &Device,
        config: &TrainConfig,
        genotype: &GanGenotype,
        rng: &mut Rng,
    ) -> Result<Updates, Error> {
        let players = Players::new(device, config, genotype, rng)?;
        let side = config.image_size();
        let mut latents = |n| Tensor::normal(device, [n, config.latent], rng);
        let (zd, zg) = (latents(config.batch), latents(config.gen_batch));
        let images = Tensor::uniform(device, [config.batch, side, side, 3], 1.0, rng);
        Ok(Updates { players, judged: [(images, zd)], made: [zg] })
    }

    /// A step of the discriminator; the loss stays on the device.
    pub fn discriminator(&mut self) -> Tensor {
        self.players.discriminator_step(&self.judged, &mut Tensor::clone)
    }

    /// A step of the generator and of its average; the loss stays on the device.
    pub fn generator(&mut self) -> Tensor {
        let [(real, _)] = &self.judged;
        self.players.generator_step(&self.made, real, &mut Tensor::clone).loss
    }
}
