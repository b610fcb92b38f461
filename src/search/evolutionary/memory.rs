//! How much memory a search takes.

use super::{Evolution, EvolutionConfig};
use crate::data::Blank;
use crate::evaluation::{BATCH, Evaluator};
use crate::runs::{Footprint, footprint};
use crate::{Device, Error};

/// Mini-batches of a dry round: a path meets nearly every candidate of a supernet in so many, and every one of a population
/// of `n` is drawn in `4 n`.
const STEPS: usize = 60;

impl EvolutionConfig {
    /// What a search with these settings takes at most on a device like `device`, its pictures and the network of its
    /// evaluations left out: found out by a round of each stage on a dry one.
    ///
    /// # Errors
    /// If the settings cannot work, or a tensor is larger than the device takes.
    pub fn footprint(&self, device: &Device) -> Result<Footprint, Error> {
        let device = device.dry();
        let config = self.dry();
        let images = Blank::new(self.image_size(), self.batch * (STEPS + 4 * self.population));
        let evaluator = Evaluator::blind(config.eval_images);
        footprint(&mut Evolution::new(&device, Box::new(images), evaluator, config, 0, None)?, &device)
    }

    /// The shortest schedule with everything in it, and nothing that depends on values.
    pub(in crate::search) fn dry(&self) -> EvolutionConfig {
        EvolutionConfig {
            init: String::new(),
            warmup: self.warmup.min(1),
            rounds1: self.rounds1.min(1),
            rounds2: self.rounds2.min(1),
            epochs: 1,
            iterations: 0,
            max_steps: 0,
            n_critic1: 1,
            n_critic2: 1,
            min_score: 0.0,
            eval_images: self.eval_images.min(BATCH),
            recalibration_images: self.recalibration_images.min(BATCH),
            ..self.clone()
        }
    }
}
