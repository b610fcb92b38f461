//! Generator and discriminator with their optimisers: one step of each.

use super::config::{Loss, TrainConfig};
use crate::nn::{
    self, Adam, AdamConfig, Ema, GradSum, Init, Mode, Role, discrepancy_loss, generator_loss, hinge_loss,
    repulsive_loss,
};
use crate::space::GanGenotype;
use crate::space::build::{Discriminator, Generator, GeneratorSize, discriminator};
use crate::{Device, Error, Rng, Tensor};

/// What a step of the generator made.
pub(super) struct GeneratorStep {
    /// The loss `[1]`.
    pub loss: Tensor,
    /// Mean over pixels of the variance among the pictures of the first part `[1]`.
    pub variance: Tensor,
}

pub(super) struct Players {
    pub g: Generator,
    pub d: Box<dyn Discriminator>,
    pub g_adam: Adam,
    pub d_adam: Adam,
    pub ema: Ema,
    loss: Loss,
    clip: f64,
}

impl Players {
    pub fn new(
        device: &Device,
        config: &TrainConfig,
        genotype: &GanGenotype,
        rng: &mut Rng,
    ) -> Result<Players, Error> {
        let mut init = Init { device, rng, spectral: config.initialisation };
        let size = GeneratorSize {
            channels: config.channels,
            bottom: config.bottom_width,
            latent: config.latent,
            parts: config.latent_split,
        };
        let mut g = Generator::derived(genotype.require_generator()?, size, &mut init)?;
        g.accumulate_skips(config.skip_out_includes_skips);
        let d = genotype.require_discriminator()?;
        let d = discriminator(d, config.disc_channels, config.outputs(), &mut init)?;
        let adam = |lr| {
            let adam = AdamConfig {
                lr,
                beta1: config.beta1,
                beta2: config.beta2,
                weight_decay: 0.0,
            };
            Adam::new(adam, Role::Weight)
        };
        Ok(Players {
            ema: Ema::new(config.ema, &mut g),
            g,
            d,
            g_adam: adam(config.gen_lr),
            d_adam: adam(config.disc_lr),
            loss: config.loss,
            clip: config.clip,
        })
    }

    /// Minimises the discriminator's loss over parts of a batch, each of real pictures, latents and the change that
    /// `view` makes to pictures; gives the mean loss `[1]`.
    pub fn discriminator_step(
        &mut self,
        parts: &[(Tensor, Tensor)],
        view: &mut dyn FnMut(&Tensor) -> Tensor,
    ) -> Tensor {
        let Players { g, d, .. } = self;
        nn::freeze(g);
        nn::track(d.as_mut(), Role::Weight);
        let leaves = leaves(d.as_mut());
        let mut sum = GradSum::new(leaves.iter().collect());
        let mut losses = Vec::new();
        for (x, z) in parts {
            // The order of the reference programs: their buffers see the real pictures first.
            let real = d.forward(&view(x), Mode::Train, None);
            let fake = g.forward(z, Mode::Train, None);
            let fake = d.forward(&view(&fake), Mode::Train, None);
            let loss = match self.loss {
                Loss::Hinge => hinge_loss(&real, &fake),
                Loss::Mmd => repulsive_loss(&real, &fake),
            };
            let loss = loss.scale(1.0 / parts.len() as f32);
            sum.add(&loss);
            losses.push(loss.detach());
        }
        let grads = sum.finish(self.clip);
        self.d_adam.step(d.as_mut(), grads);
        total(&losses)
    }

    /// Minimises the generator's loss over parts of a batch of latents, then moves the average. The repulsive loss
    /// compares with `real`, some real pictures.
    pub fn generator_step(
        &mut self,
        parts: &[Tensor],
        real: &Tensor,
        view: &mut dyn FnMut(&Tensor) -> Tensor,
    ) -> GeneratorStep {
        let Players { g, d, .. } = self;
        nn::freeze(d.as_mut());
        nn::track(g, Role::Weight);
        let leaves = leaves(g);
        let mut sum = GradSum::new(leaves.iter().collect());
        let (mut losses, mut spread) = (Vec::new(), None);
        for z in parts {
            let images = g.forward(z, Mode::Train, None);
            spread.get_or_insert_with(|| variance(&images.detach()));
            let fake = d.forward(&view(&images), Mode::Train, None);
            let loss = match self.loss {
                Loss::Hinge => generator_loss(&fake),
                Loss::Mmd => {
                    let real = d.forward(&view(real), Mode::Train, None);
                    discrepancy_loss(&real, &fake)
                }
            };
            let loss = loss.scale(1.0 / parts.len() as f32);
            sum.add(&loss);
            losses.push(loss.detach());
        }
        let grads = sum.finish(self.clip);
        self.g_adam.step(g, grads);
        self.ema.update(g);
        GeneratorStep {
            loss: total(&losses),
            variance: spread.expect("a batch has at least one part"),
        }
    }
}

fn leaves(net: &mut (impl nn::Module + ?Sized)) -> Vec<Tensor> {
    nn::collect(net, Role::Weight).into_iter().map(|named| named.1).collect()
}

fn total(losses: &[Tensor]) -> Tensor {
    match losses {
        [one] => one.clone(),
        several => Tensor::concat(&several.iter().collect::<Vec<_>>(), 0).sum_all(),
    }
}

/// Mean over pixels and channels of the variance among pictures `[n,h,w,c]`, `[1]`.
pub(super) fn variance(images: &Tensor) -> Tensor {
    images.square().mean_all() - images.mean(&[0]).square().mean_all()
}
