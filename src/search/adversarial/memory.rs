//! How much memory a search takes.

use super::{Adversarial, AdversarialConfig};
use crate::data::Blank;
use crate::runs::{Footprint, footprint};
use crate::{Device, Error};

impl AdversarialConfig {
    /// What a search with these settings takes at most on a device like `device`, its pictures left out: found out by a
    /// few steps on a dry one.
    ///
    /// # Errors
    /// If the settings cannot work, or a tensor is larger than the device takes.
    pub fn footprint(&self, device: &Device) -> Result<Footprint, Error> {
        let device = device.dry();
        // Both kinds of steps, samples, and what is written at the end.
        let config = AdversarialConfig {
            n_critic: 2,
            iterations: 0,
            max_steps: 3,
            skip_first_epoch: false,
            ..self.clone()
        };
        let images = Blank::new(self.image_size(), 4 * self.batch);
        footprint(&mut Adversarial::new(&device, Box::new(images), config, 0)?, &device)
    }
}
