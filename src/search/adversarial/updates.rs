//! The four updates of a search by themselves, on made-up pictures: what a benchmark measures.

use super::AdversarialConfig;
use super::players::{Half, Players};
use crate::data::ImageShape;
use crate::space::build::Relaxation;
use crate::{Device, Error, Rng, Tensor};

/// One of the four things that a search minimises its losses by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The discriminator's logits.
    DArch,
    /// The discriminator's weights.
    DWeight,
    /// The generator's logits.
    GArch,
    /// The generator's weights.
    GWeight,
}

impl Update {
    /// All four in the order of a search, and their names.
    pub const ALL: [(&'static str, Update); 4] = [
        ("d_arch", Update::DArch),
        ("d_weight", Update::DWeight),
        ("g_arch", Update::GArch),
        ("g_weight", Update::GWeight),
    ];
}

/// Two supernets at the beginning of a search, and the pictures and latents of every update.
pub struct Updates {
    players: Players,
    /// Half of a mini-batch, for either update of the discriminator.
    judged: Half,
    /// What the generator makes pictures of.
    made: Half,
    relaxation: Relaxation,
    eta: f64,
    noise: Rng,
}

impl Updates {
    /// Networks and batches of these sizes.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(device: &Device, config: &AdversarialConfig, rng: &mut Rng) -> Result<Updates, Error> {
        let players = Players::new(device, config, rng)?;
        let side = config.image_size();
        let shape = ImageShape { h: side, w: side, c: 3 };
        let half = config.batch / 2;
        let mut latents = |n| Tensor::normal(device, [n, config.latent], rng);
        let (zd, zg) = (latents(half), latents(config.gen_batch));
        let images = Tensor::uniform(device, [half, shape.h, shape.w, shape.c], 1.0, rng);
        Ok(Updates {
            players,
            judged: Half { x: Some(images), z: zd },
            made: Half { x: None, z: zg },
            relaxation: match config.gumbel {
                true => Relaxation::Gumbel { tau: config.tau_max, input: config.gumbel_input },
                false => Relaxation::Softmax,
            },
            eta: config.amended_gradient,
            noise: rng.clone(),
        })
    }

    /// Makes one update; the loss stays on the device.
    pub fn make(&mut self, update: Update) -> Tensor {
        let Updates { players, judged, made, relaxation, eta, noise } = self;
        let (relaxation, eta) = (*relaxation, *eta);
        match update {
            Update::DArch => players.discriminator_architecture(judged, judged, relaxation, eta, noise),
            Update::DWeight => players.discriminator_weights(judged, relaxation, noise),
            Update::GArch => players.generator_architecture(made, made, relaxation, eta, noise),
            Update::GWeight => {
                let loss = players.generator_weights(made, relaxation, noise);
                players.average();
                loss
            }
        }
    }
}
