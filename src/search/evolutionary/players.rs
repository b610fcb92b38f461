//! One mini-batch of a candidate's pair of networks, applied only if it makes sense.

use super::config::EvolutionConfig;
use crate::data::{Batches, Images};
use crate::nn::{self, Adam, AdamConfig, Mode, Module, Role, Visitor, generator_loss, hinge_loss};
use crate::space::build::{Discriminator, Generator};
use crate::{Device, Error, Rng, Tensor};

/// What a mini-batch sees.
pub(in crate::search) struct Batch {
    /// Real pictures `[n,h,w,3]`.
    pub x: Tensor,
    /// As many latents for the discriminator's step.
    pub z: Tensor,
    /// Latents of the generator's step, if there is one.
    pub zg: Option<Tensor>,
}

impl Batch {
    /// The next pictures of `batches`, and latents from `latents`; with those of a generator step if it `generates`.
    ///
    /// # Errors
    /// If a picture cannot be read.
    pub fn draw(
        config: &EvolutionConfig,
        device: &Device,
        images: &dyn Images,
        batches: &mut Batches,
        latents: &mut Rng,
        generates: bool,
    ) -> Result<Batch, Error> {
        let shape = images.shape();
        let batch = batches.next(images)?;
        let n = batch.n;
        let x = Tensor::from_slice(device, [n, shape.h, shape.w, shape.c], batch.pixels);
        let mut latents = |n| Tensor::normal(device, [n, config.latent], latents);
        Ok(Batch {
            x,
            z: latents(n),
            zg: generates.then(|| latents(config.gen_batch)),
        })
    }
}

/// The losses of a mini-batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::search) struct Losses {
    pub d: f32,
    pub g: Option<f32>,
}

/// The losses, or why the step was not applied.
pub(in crate::search) type Played = Result<Losses, String>;

pub(in crate::search) fn adam(lr: f64, [beta1, beta2]: [f64; 2]) -> Adam {
    Adam::new(AdamConfig { lr, beta1, beta2, weight_decay: 0.0 }, Role::Weight)
}

/// A step of the discriminator on the hinge loss, then one of the generator if the batch has latents for it. A step whose
/// loss or gradient is not finite changes nothing; the steps before it stay.
///
/// # Errors
/// If the device fails.
pub(in crate::search) fn play(
    g: &mut Generator,
    g_adam: &mut Adam,
    d: &mut dyn Discriminator,
    d_adam: &mut Adam,
    batch: &Batch,
) -> Result<Played, Error> {
    nn::freeze(g);
    let before = nn::collect(g, Role::Buffer);
    let mut d = AnyDiscriminator(d);
    let judge = |d: &mut AnyDiscriminator| {
        let real = d.0.forward(&batch.x, Mode::Train, None);
        let fake = g.forward(&batch.z, Mode::Train, None);
        hinge_loss(&real, &d.0.forward(&fake, Mode::Train, None))
    };
    let d_loss = match descend(&mut d, d_adam, "discriminator", judge)? {
        Ok(loss) => loss,
        Err(reason) => {
            nn::restore(g, &before);
            return Ok(Err(reason));
        }
    };
    let Some(zg) = &batch.zg else {
        return Ok(Ok(Losses { d: d_loss, g: None }));
    };
    let before = nn::collect(&mut d, Role::Buffer);
    nn::freeze(&mut d);
    let deceive = |g: &mut Generator| {
        generator_loss(&d.0.forward(&g.forward(zg, Mode::Train, None), Mode::Train, None))
    };
    let played = descend(g, g_adam, "generator", deceive)?;
    if played.is_err() {
        nn::restore(&mut d, &before);
    }
    Ok(played.map(|loss| Losses { d: d_loss, g: Some(loss) }))
}

/// A discriminator of any kind as one type.
struct AnyDiscriminator<'a>(&'a mut dyn Discriminator);

impl Module for AnyDiscriminator<'_> {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.0.visit(v);
    }
}

/// One step of `optimiser` on `loss`; gives the loss, or says what was not finite and leaves `net` as it was.
fn descend<M: Module>(
    net: &mut M,
    optimiser: &mut Adam,
    who: &str,
    loss: impl FnOnce(&mut M) -> Tensor,
) -> Result<Result<f32, String>, Error> {
    let buffers = nn::collect(net, Role::Buffer);
    nn::track(net, Role::Weight);
    let leaves: Vec<Tensor> = nn::collect(net, Role::Weight).into_iter().map(|named| named.1).collect();
    let loss = loss(net);
    let grads = loss.backward(&leaves.iter().collect::<Vec<_>>());
    let squares: Vec<Tensor> = leaves
        .iter()
        .filter_map(|leaf| Some(grads.get(leaf)?.square().sum_all()))
        .collect();
    drop(leaves);
    // Loss and norm come back in one readback, the only wait of the step.
    let loss = loss.detach();
    let all: Vec<&Tensor> = std::iter::once(&loss).chain(&squares).collect();
    let values = Tensor::concat(&all, 0).to_vec()?;
    let finite = values.iter().all(|v| v.is_finite());
    if finite {
        optimiser.step(net, grads);
        return Ok(Ok(values[0]));
    }
    nn::freeze(net);
    nn::restore(net, &buffers);
    let what = if values[0].is_finite() { "gradient" } else { "loss" };
    Ok(Err(format!("the {who}'s {what} is not finite")))
}
