//! Pictures of a generator, as they are looked at and evaluated.

use super::generator::Generator;
use super::mix::Relaxation;
use crate::nn::{self, Mode, Role};
use crate::{Rng, Tensor};

impl Generator {
    /// Images `[n,h,w,3]` in -1..1 of latents `[n,latent]`; the generator is left as it was.
    ///
    /// A derived network uses its running statistics. A supernet is another network in every forward pass, since its
    /// edges are mixed by other weights each time: running statistics belong to none of them and saturate the pictures,
    /// so those of the images at hand are used, as in training.
    ///
    /// # Panics
    /// If the latents have another length.
    #[track_caller]
    pub fn images(&mut self, z: &Tensor, relaxation: Relaxation, noise: &mut Rng) -> Tensor {
        let Some(mix) = self.logits().map(|logits| logits.mix(relaxation, &logits.noise(noise))) else {
            return self.forward(z, Mode::Eval, None);
        };
        let buffers = nn::collect(self, Role::Buffer);
        let images = self.forward(z, Mode::Train, Some(&mix));
        nn::restore(self, &buffers);
        images
    }
}
