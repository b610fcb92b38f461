//! Batch normalisation over the channels of an image, with running statistics.

use super::{Init, Layout, Mode, Module, Role, Visitor};
use crate::Tensor;

/// `eps` of the reference programs.
const EPS: f64 = 1e-5;
/// Share of the new batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// `y = gamma (x - mean) / sqrt(var + eps) + beta` per channel.
pub struct BatchNorm {
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    batches: Tensor,
    /// Batches so far, while the running statistics are taken anew.
    anew: Option<u32>,
}

impl BatchNorm {
    /// A layer for `c` channels: gamma normal around 1 with deviation 0.02, beta 0.
    pub fn new(c: usize, init: &mut Init) -> BatchNorm {
        BatchNorm {
            gamma: init.normal([c], 1.0, 0.02),
            beta: Tensor::zeros(init.device, [c]),
            mean: Tensor::zeros(init.device, [c]),
            var: Tensor::full(init.device, [c], 1.0),
            batches: Tensor::zeros(init.device, [1]),
            anew: None,
        }
    }

    /// Whether the running statistics are taken anew from here on: the plain mean over the batches in training mode until
    /// the next call, instead of a moving average.
    pub fn recalibrate(&mut self, begins: bool) {
        self.anew = begins.then_some(0);
    }

    /// Normalises by the batch and updates the running statistics in training mode, by them in evaluation mode.
    pub fn forward(&mut self, x: &Tensor, mode: Mode) -> Tensor {
        if mode == Mode::Eval {
            return x.batch_norm_eval(&self.gamma, &self.beta, &self.mean, &self.var, EPS);
        }
        let out = x.batch_norm(&self.gamma, &self.beta, EPS);
        let share = match &mut self.anew {
            None => MOMENTUM,
            Some(batches) => {
                *batches += 1;
                1.0 / f64::from(*batches)
            }
        };
        (self.mean, self.var) = out.update_running(&self.mean, &self.var, share);
        self.batches = self.batches.add_scalar(1.0);
        out.y
    }
}

impl Module for BatchNorm {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight", Role::Weight, Layout::Plain, &mut self.gamma);
        v.tensor("bias", Role::Weight, Layout::Plain, &mut self.beta);
        v.tensor("running_mean", Role::Buffer, Layout::Plain, &mut self.mean);
        v.tensor("running_var", Role::Buffer, Layout::Plain, &mut self.var);
        v.tensor("num_batches_tracked", Role::Buffer, Layout::Counter, &mut self.batches);
    }
}
