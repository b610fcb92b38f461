//! How much memory a training takes.

use super::{OnDivergence, TrainConfig, Trainer};
use crate::data::Blank;
use crate::evaluation::{BATCH, Evaluator};
use crate::runs::{Footprint, footprint};
use crate::{Device, Error};

impl TrainConfig {
    /// What a training with these settings takes at most on a device like `device`, its pictures and the network of its
    /// evaluations left out: found out by a few steps on a dry one.
    ///
    /// # Errors
    /// If the settings cannot work, or a tensor is larger than the device takes.
    pub fn footprint(&self, device: &Device) -> Result<Footprint, Error> {
        let device = device.dry();
        // Both kinds of steps, samples, an evaluation, and what is written at the end.
        let config = TrainConfig {
            n_critic: 2,
            max_steps: 3,
            epochs: 1,
            eval_images: self.eval_images.min(BATCH),
            on_divergence: OnDivergence::Continue,
            ..self.clone()
        };
        let images = Blank::new(self.image_size(), 3 * self.batch);
        let evaluator = (!self.features.is_empty()).then(|| Evaluator::blind(config.eval_images));
        let mut work = Trainer::new(&device, Box::new(images), evaluator, config, 0)?;
        let mut found = footprint(&mut work, &device)?;
        if self.on_divergence == OnDivergence::Restore {
            // The state to return to, and that state in a snapshot of a later step.
            found.host *= 3;
        }
        Ok(found)
    }
}
