//! How much memory evaluations take.

use super::{GanConfig, evaluator};
use crate::data::Blank;
use crate::evaluation::Evaluator;
use crate::runs::{Footprint, Snapshot};
use crate::space::Space;
use crate::{Device, Error, Rng};

/// Mini-batches of a dry warm-up, in which a path meets nearly every candidate of the supernet.
const WARMUP: u64 = 60;
/// Mini-batches of a dry training.
const STEPS: u64 = 2;
/// Architectures that are evaluated: the largest of so many is near the largest there is.
const CANDIDATES: usize = 20;

impl GanConfig {
    /// What evaluations with these settings take at most on a device like `device`, pictures and their network left out:
    /// found out by some on a dry one.
    ///
    /// # Errors
    /// If the settings cannot work, or a tensor is larger than the device takes.
    pub fn footprint(&self, device: &Device) -> Result<Footprint, Error> {
        let device = device.dry();
        let config = GanConfig {
            warmup: self.warmup.min(WARMUP),
            steps: self.steps.min(STEPS),
            settings: self.settings.dry(),
            ..self.clone()
        };
        let images = Blank::new(self.settings.image_size(), 4 * self.settings.batch);
        let pictures = Evaluator::blind(config.settings.eval_images);
        let space = self.space();
        let mut evaluator = evaluator(&config, &device, Box::new(images), pictures, 0)?;
        let mut rng = Rng::seed(0);
        for _ in 0..CANDIDATES {
            evaluator.evaluate(&space.random(&mut rng))?;
        }
        let mut snapshot = Snapshot::new(0);
        evaluator.save(&mut snapshot)?;
        Ok(Footprint {
            device: device.memory().bytes,
            host: snapshot.bytes(),
        })
    }
}
