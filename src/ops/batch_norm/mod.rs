//! Batch normalisation: statistics per channel, training mode, evaluation mode.

mod cpu;
mod gpu;

use super::ema::scaled_sum;
use crate::tensor::{Ctx, Op};
use crate::{Device, Tensor};

/// What batch normalisation in training mode gives.
#[derive(Debug, Clone)]
pub struct BatchNormOut {
    /// The normalised values; gradients flow through the statistics.
    pub y: Tensor,
    /// Mean of each channel, `[c]`, a constant.
    pub mean: Tensor,
    /// Biased variance of each channel, `[c]`, a constant.
    pub var: Tensor,
}

impl BatchNormOut {
    /// New running statistics `(mean, var)`: `(1 - momentum) running + momentum batch`, the variance of the batch
    /// made unbiased by `n / (n - 1)` for `n` values per channel.
    ///
    /// # Panics
    /// If the shapes differ or there is one value per channel.
    #[track_caller]
    pub fn update_running(
        &self,
        running_mean: &Tensor,
        running_var: &Tensor,
        momentum: f64,
    ) -> (Tensor, Tensor) {
        let n = (self.y.elements() / self.mean.elements()) as f64;
        assert!(n > 1.0, "update_running: one value per channel has no variance (y {})", self.y.shape());
        let keep = 1.0 - momentum;
        (
            scaled_sum("update_running", running_mean, keep, &self.mean, momentum),
            scaled_sum("update_running", running_var, keep, &self.var, momentum * n / (n - 1.0)),
        )
    }
}

/// Normalises by given statistics.
struct BatchNorm {
    mean: Tensor,
    var: Tensor,
    eps: f32,
    /// Whether the statistics are those of the input, so that gradients flow through them.
    train: bool,
}

/// Inputs x, gamma, beta.
impl Op for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let (x, gamma, beta) = (x[0], x[1], x[2]);
        let mut y = x.empty_like();
        match y.device() {
            Device::Gpu(gpu) => gpu::forward(&gpu, self, x, gamma, beta, &y),
            Device::Cpu(cpu) => cpu.run(|| {
                cpu::forward(self, x.cpu(), gamma.cpu(), beta.cpu(), y.cpu_mut());
            }),
        }
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let through = self.train && ctx.wants(0);
        let sums = (through || ctx.wants(1) || ctx.wants(2)).then(|| self.sums(ctx.x(0), gy));
        let gx = ctx.wants(0).then(|| {
            let sums = sums.as_ref().filter(|_| through);
            self.backward_x(ctx.x(0), ctx.x(1), gy, sums)
        });
        let (ggamma, gbeta) = sums.unzip();
        vec![gx, ggamma, gbeta]
    }

    fn reads(&self, i: usize) -> bool {
        i != 2
    }
}

impl BatchNorm {
    /// Gradients of gamma and beta.
    fn sums(&self, x: &Tensor, gy: &Tensor) -> (Tensor, Tensor) {
        let (mut ggamma, mut gbeta) = (self.mean.empty_like(), self.mean.empty_like());
        match gy.device() {
            Device::Gpu(gpu) => gpu::backward_sums(&gpu, self, x, gy, &ggamma, &gbeta),
            Device::Cpu(cpu) => {
                cpu.run(|| cpu::backward_sums(self, x.cpu(), gy.cpu(), ggamma.cpu_mut(), gbeta.cpu_mut()))
            }
        }
        (ggamma, gbeta)
    }

    /// Gradient of x; `sums` only if it flows through the statistics.
    fn backward_x(&self, x: &Tensor, gamma: &Tensor, gy: &Tensor, sums: Option<&(Tensor, Tensor)>) -> Tensor {
        let mut gx = gy.empty_like();
        match (gx.device(), sums) {
            (Device::Gpu(gpu), Some(sums)) => gpu::backward_x(&gpu, self, x, gamma, gy, sums, &gx),
            (Device::Gpu(gpu), None) => gpu::backward_fixed(&gpu, self, gamma, gy, &gx),
            (Device::Cpu(cpu), sums) => cpu.run(|| {
                let sums = sums.map(|(ggamma, gbeta)| (ggamma.cpu(), gbeta.cpu()));
                cpu::backward_x(self, x.cpu(), gamma.cpu(), gy.cpu(), sums, gx.cpu_mut());
            }),
        }
        gx
    }
}

/// Mean and biased variance of each channel (last axis), `([c], [c])`, as constants.
///
/// # Panics
/// If there are no values.
#[track_caller]
pub fn channel_moments(x: &Tensor) -> (Tensor, Tensor) {
    assert!(x.elements() > 0, "channel_moments: x {}", x.shape());
    let c = x.shape().last();
    let (mut mean, mut var) = (x.empty([c]), x.empty([c]));
    match x.device() {
        Device::Gpu(gpu) => gpu::moments(&gpu, x, &mean, &var),
        Device::Cpu(cpu) => cpu.run(|| cpu::moments(x.cpu(), mean.cpu_mut(), var.cpu_mut())),
    }
    (mean, var)
}

impl Tensor {
    /// Training mode: `y = (x - mean) / sqrt(var + eps) * gamma + beta` with the statistics of `x` over all axes but
    /// the last; gradients flow through them.
    ///
    /// # Panics
    /// If gamma or beta is not `[c]`.
    #[track_caller]
    pub fn batch_norm(&self, gamma: &Tensor, beta: &Tensor, eps: f64) -> BatchNormOut {
        self.check_channels("batch_norm", &[("gamma", gamma), ("beta", beta)]);
        let (mean, var) = channel_moments(self);
        let op = BatchNorm {
            mean: mean.clone(),
            var: var.clone(),
            eps: eps as f32,
            train: true,
        };
        BatchNormOut {
            y: Tensor::apply(op, &[self, gamma, beta]),
            mean,
            var,
        }
    }

    /// Evaluation mode: `y = (x - mean) / sqrt(var + eps) * gamma + beta` with given statistics, which are constants.
    ///
    /// # Panics
    /// If gamma, beta, mean or var is not `[c]`.
    #[track_caller]
    pub fn batch_norm_eval(
        &self,
        gamma: &Tensor,
        beta: &Tensor,
        mean: &Tensor,
        var: &Tensor,
        eps: f64,
    ) -> Tensor {
        let all = [("gamma", gamma), ("beta", beta), ("mean", mean), ("var", var)];
        self.check_channels("batch_norm_eval", &all);
        let op = BatchNorm {
            mean: mean.detach(),
            var: var.detach(),
            eps: eps as f32,
            train: false,
        };
        Tensor::apply(op, &[self, gamma, beta])
    }

    #[track_caller]
    fn check_channels(&self, op: &str, vectors: &[(&str, &Tensor)]) {
        let c = self.shape().last();
        for (name, vector) in vectors {
            assert!(
                self.shape().rank() > 0 && vector.shape().sizes() == [c],
                "{op}: {name} {} for the channels of x {}",
                vector.shape(),
                self.shape()
            );
        }
    }
}
