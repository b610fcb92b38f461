//! The two players: both supernets with their optimisers, and the four updates.

use super::AdversarialConfig;
use super::amend::{self, Amendment};
use crate::nn::{self, Adam, AdamConfig, Ema, Init, Mode, Role, generator_loss, hinge_loss};
use crate::space::build::{
    AdversarialDiscriminator, Discriminator, Generator, GeneratorSize, Logits, Noise, Relaxation,
};
use crate::{Device, Error, Rng, Tensor};

/// What one update sees: images (for the discriminator) and latents.
pub(super) struct Half {
    pub x: Option<Tensor>,
    pub z: Tensor,
}

/// The last loss of each update, on the device until somebody reads them.
#[derive(Default)]
pub(super) struct Losses {
    pub d_arch: Option<Tensor>,
    pub d_weight: Option<Tensor>,
    pub g_arch: Option<Tensor>,
    pub g_weight: Option<Tensor>,
}

impl Losses {
    fn named(&mut self) -> [(&'static str, &mut Option<Tensor>); 4] {
        [
            ("d_arch", &mut self.d_arch),
            ("d_weight", &mut self.d_weight),
            ("g_arch", &mut self.g_arch),
            ("g_weight", &mut self.g_weight),
        ]
    }

    /// All losses there are, in one readback.
    pub(super) fn read(&mut self) -> Result<Vec<(&'static str, f32)>, Error> {
        let present: Vec<(&'static str, Tensor)> = self
            .named()
            .into_iter()
            .filter_map(|(name, loss)| Some((name, loss.clone()?)))
            .collect();
        if present.is_empty() {
            return Ok(Vec::new());
        }
        let tensors: Vec<&Tensor> = present.iter().map(|(_, loss)| loss).collect();
        let values = Tensor::concat(&tensors, 0).to_vec()?;
        Ok(present.iter().map(|(name, _)| *name).zip(values).collect())
    }

    /// For snapshots: each loss under its name.
    pub(super) fn tensors(&mut self) -> Vec<(&'static str, Tensor)> {
        self.named()
            .into_iter()
            .filter_map(|(name, loss)| Some((name, loss.clone()?)))
            .collect()
    }

    pub(super) fn set(&mut self, wanted: &str, value: Tensor) {
        for (name, loss) in self.named() {
            if name == wanted {
                *loss = Some(value.clone());
            }
        }
    }
}

pub(super) struct Players {
    pub(super) g: Generator,
    pub(super) d: AdversarialDiscriminator,
    pub(super) g_weights: Adam,
    pub(super) d_weights: Adam,
    pub(super) g_logits: Adam,
    pub(super) d_logits: Adam,
    pub(super) ema: Ema,
}

impl Players {
    pub(super) fn new(device: &Device, config: &AdversarialConfig, rng: &mut Rng) -> Result<Players, Error> {
        let mut init = Init { device, rng, spectral: config.initialisation };
        let size = GeneratorSize {
            channels: config.channels,
            bottom: config.bottom_width,
            latent: config.latent,
            parts: config.latent_split,
        };
        let mut g = Generator::supernet(size, config.mixed, &mut init)?;
        g.accumulate_skips(config.skip_out_includes_skips);
        let d = AdversarialDiscriminator::supernet(config.disc_channels, config.mixed, &mut init);
        let weights = |lr: f64| {
            let adam = AdamConfig {
                lr,
                beta1: config.beta1,
                beta2: config.beta2,
                weight_decay: 0.0,
            };
            Adam::new(adam, Role::Weight)
        };
        let logits = || {
            let adam = AdamConfig {
                lr: config.arch_lr,
                beta1: config.arch_beta1,
                beta2: config.arch_beta2,
                weight_decay: config.arch_weight_decay,
            };
            Adam::new(adam, Role::Logit)
        };
        Ok(Players {
            ema: Ema::new(config.ema, &mut g),
            g_weights: weights(config.gen_lr),
            d_weights: weights(config.disc_lr),
            g_logits: logits(),
            d_logits: logits(),
            g,
            d,
        })
    }

    pub(super) fn generator_logits(&self) -> &Logits {
        self.g.logits().expect("the generator of a search is a supernet")
    }

    pub(super) fn discriminator_logits(&self) -> &Logits {
        self.d.logits().expect("the discriminator of a search is a supernet")
    }

    /// Minimises the hinge loss with respect to the discriminator's logits.
    pub(super) fn discriminator_architecture(
        &mut self,
        half: &Half,
        weights: &Half,
        relaxation: Relaxation,
        eta: f64,
        rng: &mut Rng,
    ) -> Tensor {
        let (Players { d, g, d_logits, .. }, x) =
            (self, half.x.as_ref().expect("a discriminator half has images"));
        let draws = [noise(d, rng), generator_noise(g, rng), noise(d, rng)];
        let fake = fakes(g, &half.z, relaxation, &draws[1]);
        let mut loss = |d: &mut AdversarialDiscriminator| hinge(d, x, &fake, relaxation, &draws);
        if eta == 0.0 {
            return amend::descend(d, d_logits, loss);
        }
        let weight_fake = fakes_without_trace(g, &weights.z, relaxation, &draws[1]);
        let xw = weights.x.as_ref().expect("a discriminator half has images");
        let mut inner = |d: &mut AdversarialDiscriminator| hinge(d, xw, &weight_fake, relaxation, &draws);
        amend::descend_amended(d, d_logits, Amendment { eta, loss: &mut loss, weight_loss: &mut inner })
    }

    /// Minimises the hinge loss with respect to the discriminator's weights.
    pub(super) fn discriminator_weights(
        &mut self,
        half: &Half,
        relaxation: Relaxation,
        rng: &mut Rng,
    ) -> Tensor {
        let (Players { d, g, d_weights, .. }, x) =
            (self, half.x.as_ref().expect("a discriminator half has images"));
        let draws = [noise(d, rng), generator_noise(g, rng), noise(d, rng)];
        let fake = fakes(g, &half.z, relaxation, &draws[1]);
        amend::descend(d, d_weights, |d| hinge(d, x, &fake, relaxation, &draws))
    }

    /// Minimises the generator's loss with respect to its logits.
    pub(super) fn generator_architecture(
        &mut self,
        half: &Half,
        weights: &Half,
        relaxation: Relaxation,
        eta: f64,
        rng: &mut Rng,
    ) -> Tensor {
        let Players { d, g, g_logits, .. } = self;
        let draws = [generator_noise(g, rng), noise(d, rng)];
        if eta == 0.0 {
            return amend::descend(g, g_logits, |g| deception(g, d, &half.z, relaxation, &draws));
        }
        // Both closures play against the same discriminator, one after the other.
        let d = std::cell::RefCell::new(d);
        let mut loss = |g: &mut Generator| deception(g, &mut d.borrow_mut(), &half.z, relaxation, &draws);
        let mut inner = |g: &mut Generator| {
            let mut d = d.borrow_mut();
            let buffers = nn::collect(*d, Role::Buffer);
            let loss = deception(g, &mut d, &weights.z, relaxation, &draws);
            nn::restore(*d, &buffers);
            loss
        };
        amend::descend_amended(g, g_logits, Amendment { eta, loss: &mut loss, weight_loss: &mut inner })
    }

    /// Minimises the generator's loss with respect to its weights.
    pub(super) fn generator_weights(&mut self, half: &Half, relaxation: Relaxation, rng: &mut Rng) -> Tensor {
        let Players { d, g, g_weights, .. } = self;
        let draws = [generator_noise(g, rng), noise(d, rng)];
        amend::descend(g, g_weights, |g| deception(g, d, &half.z, relaxation, &draws))
    }

    /// Moves the running average towards the generator.
    pub(super) fn average(&mut self) {
        self.ema.update(&mut self.g);
    }

    /// Images of the averaged generator; afterwards the generator is itself again if `restore`.
    pub(super) fn average_samples(
        &mut self,
        z: &Tensor,
        relaxation: Relaxation,
        rng: &mut Rng,
        restore: bool,
    ) -> Tensor {
        self.ema.swap(&mut self.g);
        let images = self.g.images(z, relaxation, rng);
        if restore {
            self.ema.swap(&mut self.g);
        } else {
            // Generator and average are the same from here on.
            self.ema.copy_from(&mut self.g);
        }
        images
    }
}

fn noise(d: &AdversarialDiscriminator, rng: &mut Rng) -> Noise {
    d.logits().expect("the discriminator of a search is a supernet").noise(rng)
}

fn generator_noise(g: &Generator, rng: &mut Rng) -> Noise {
    g.logits().expect("the generator of a search is a supernet").noise(rng)
}

/// Images of the generator in training mode, without a tape.
fn fakes(g: &mut Generator, z: &Tensor, relaxation: Relaxation, noise: &Noise) -> Tensor {
    nn::freeze(g);
    generate(g, z, relaxation, noise)
}

/// The same without a trace in the running statistics: an evaluation that the plain search does not make.
fn fakes_without_trace(g: &mut Generator, z: &Tensor, relaxation: Relaxation, noise: &Noise) -> Tensor {
    let buffers = nn::collect(g, Role::Buffer);
    let images = fakes(g, z, relaxation, noise);
    nn::restore(g, &buffers);
    images
}

fn generate(g: &mut Generator, z: &Tensor, relaxation: Relaxation, noise: &Noise) -> Tensor {
    let mix = g.logits().map(|logits| logits.mix(relaxation, noise));
    g.forward(z, Mode::Train, mix.as_ref())
}

fn judge(d: &mut AdversarialDiscriminator, x: &Tensor, relaxation: Relaxation, noise: &Noise) -> Tensor {
    let mix = d.logits().map(|logits| logits.mix(relaxation, noise));
    d.forward(x, Mode::Train, mix.as_ref())
}

/// The discriminator's loss; `draws` holds the noise of its two forward passes at 0 and 2.
fn hinge(
    d: &mut AdversarialDiscriminator,
    real: &Tensor,
    fake: &Tensor,
    relaxation: Relaxation,
    draws: &[Noise; 3],
) -> Tensor {
    let real = judge(d, real, relaxation, &draws[0]);
    let fake = judge(d, fake, relaxation, &draws[2]);
    hinge_loss(&real, &fake)
}

/// The generator's loss.
fn deception(
    g: &mut Generator,
    d: &mut AdversarialDiscriminator,
    z: &Tensor,
    relaxation: Relaxation,
    draws: &[Noise; 2],
) -> Tensor {
    nn::freeze(d);
    let images = generate(g, z, relaxation, &draws[0]);
    generator_loss(&judge(d, &images, relaxation, &draws[1]))
}
