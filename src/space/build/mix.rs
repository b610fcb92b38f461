//! From architecture logits to the weights of mixed edges.

use serde::{Deserialize, Serialize};

use crate::nn::{Layout, Module, Role, Visitor};
use crate::{Rng, Tensor};

/// What the Gumbel noise is added to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GumbelInput {
    /// The soft-max of the logits, as the released program does.
    #[default]
    Probabilities,
    /// Its logarithm, as in the textbook.
    LogProbabilities,
}

/// How logits become weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relaxation {
    /// `softmax(a)`.
    Softmax,
    /// `softmax((softmax(a) + g) / tau)` with Gumbel noise `g`, or with `log softmax(a)`.
    Gumbel {
        /// Temperature.
        tau: f64,
        /// What the noise is added to.
        input: GumbelInput,
    },
}

/// Gumbel draws for the logits of one forward pass; drawn on the host so that both devices get the same.
pub struct Noise {
    normal: Tensor,
    resize: Tensor,
}

/// The weights of mixed edges for logits `[.., edges, options]` and Gumbel draws of the same shape.
pub fn mixing_weights(logits: &Tensor, relaxation: Relaxation, noise: &Tensor) -> Tensor {
    let Relaxation::Gumbel { tau, input } = relaxation else {
        return logits.softmax();
    };
    let pi = match input {
        GumbelInput::Probabilities => logits.softmax(),
        GumbelInput::LogProbabilities => logits.log_softmax(),
    };
    (&pi + noise).scale((1.0 / tau) as f32).softmax()
}

/// The architecture logits of a supernet: five normal edges and two edges that change the size, per cell.
pub struct Logits {
    name: &'static str,
    normal: Tensor,
    resize: Tensor,
}

impl Logits {
    /// Logits drawn from `1e-3 N(0,1)`; `name` is that of the resizing edges in files.
    pub(super) fn new(
        name: &'static str,
        cells: usize,
        normal: usize,
        resize: usize,
        init: &mut crate::nn::Init,
    ) -> Logits {
        Logits {
            name,
            normal: init.normal([cells, 5, normal], 0.0, 1e-3),
            resize: init.normal([cells, 2, resize], 0.0, 1e-3),
        }
    }

    /// Logits of the normal edges `[cells, 5, options]` and of the resizing edges `[cells, 2, options]`.
    pub fn tensors(&self) -> [&Tensor; 2] {
        [&self.normal, &self.resize]
    }

    /// Fresh Gumbel draws, whether or not the relaxation will use them.
    pub fn noise(&self, rng: &mut Rng) -> Noise {
        let mut draw = |logits: &Tensor| {
            let draws: Vec<f32> = (0..logits.elements()).map(|_| rng.gumbel()).collect();
            Tensor::from_slice(&logits.device(), logits.shape(), &draws)
        };
        Noise {
            normal: draw(&self.normal),
            resize: draw(&self.resize),
        }
    }

    /// The weights of every edge.
    pub fn mix(&self, relaxation: Relaxation, noise: &Noise) -> Mix {
        Mix {
            normal: mixing_weights(&self.normal, relaxation, &noise.normal),
            resize: mixing_weights(&self.resize, relaxation, &noise.resize),
        }
    }
}

impl Module for Logits {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("alphas_normal", Role::Logit, Layout::Plain, &mut self.normal);
        v.tensor(self.name, Role::Logit, Layout::Plain, &mut self.resize);
    }
}

/// The weights of every mixed edge of a supernet for one forward pass.
pub struct Mix {
    /// `[cells, 5, options]`.
    pub normal: Tensor,
    /// `[cells, 2, options]`.
    pub resize: Tensor,
}

impl Mix {
    /// Weights `[options]` of normal edge `edge` of `cell`.
    pub(super) fn normal(&self, cell: usize, edge: usize) -> Tensor {
        row(&self.normal, cell, edge)
    }

    /// Weights `[options]` of resizing edge `edge` of `cell`.
    pub(super) fn resize(&self, cell: usize, edge: usize) -> Tensor {
        row(&self.resize, cell, edge)
    }
}

fn row(weights: &Tensor, cell: usize, edge: usize) -> Tensor {
    let [edges, options] = [weights.shape()[1], weights.shape()[2]];
    let flat = weights.reshape([weights.elements()]);
    flat.slice(0, (cell * edges + edge) * options, options)
}
