//! One step of Adam, fused. Not differentiable.

use crate::Tensor;
use crate::device::cpu::threads::{self, GRAIN};
use crate::device::cpu::wide::{Wide, wide};
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};

/// Settings of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the corrected root of the second moment.
    pub eps: f64,
    /// Multiple of the parameter added to its gradient.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub t: u64,
}

params! {
    struct Params {
        len: u32,
        step: f32,
        beta1: f32,
        m_rate: f32,
        beta2: f32,
        v_rate: f32,
        eps: f32,
        decay: f32,
        root_correction: f32,
    }
}

impl AdamStep {
    /// The corrections in f64: at the first steps `1 - beta2^t` is small.
    fn params(&self, len: usize) -> Params {
        let t = self.t as f64;
        Params {
            len: len.div_ceil(4) as u32,
            step: (self.lr / (1.0 - self.beta1.powf(t))) as f32,
            beta1: self.beta1 as f32,
            m_rate: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            v_rate: (1.0 - self.beta2) as f32,
            eps: self.eps as f32,
            decay: self.weight_decay as f32,
            root_correction: (1.0 - self.beta2.powf(t)).sqrt() as f32,
        }
    }
}

/// The parameter and its moments after a step, `(p, m, v)`, as constants:
/// `d = g + weight_decay p`, `m = beta1 m + (1 - beta1) d`, `v = beta2 v + (1 - beta2) d^2`,
/// `p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)`.
///
/// # Panics
/// If the shapes differ or `t` is 0.
#[track_caller]
pub fn adam_step(p: &Tensor, g: &Tensor, m: &Tensor, v: &Tensor, step: AdamStep) -> (Tensor, Tensor, Tensor) {
    assert!(step.t > 0, "adam_step: steps count from 1");
    for (name, other) in [("g", g), ("m", m), ("v", v)] {
        assert!(other.shape() == p.shape(), "adam_step: {name} {} for p {}", other.shape(), p.shape());
    }
    let params = step.params(p.elements());
    let (mut new_p, mut new_m, mut new_v) = (p.empty_like(), p.empty_like(), p.empty_like());
    match p.device() {
        Device::Gpu(gpu) => gpu.launch(
            &kernel!("adam", "forward"),
            &params,
            &[
                ("w", p.gpu()),
                ("g", g.gpu()),
                ("m", m.gpu()),
                ("v", v.gpu()),
                ("new_w", new_p.gpu()),
                ("new_m", new_m.gpu()),
                ("new_v", new_v.gpu()),
            ],
            Grid::vectors(p.elements()),
        ),
        Device::Cpu(cpu) => cpu.run(|| {
            let old = [p.cpu(), g.cpu(), m.cpu(), v.cpu()];
            let new = [new_p.cpu_mut(), new_m.cpu_mut(), new_v.cpu_mut()];
            threads::pieces_of(new, GRAIN, |start, new| {
                wide(Step {
                    params: &params,
                    old: old.map(|x| &x[start..]),
                    new,
                });
            });
        }),
    }
    (new_p, new_m, new_v)
}

/// The formula of `shaders/adam.wgsl` for some of the elements.
struct Step<'a> {
    params: &'a Params,
    /// Parameters, gradients and moments.
    old: [&'a [f32]; 4],
    /// Parameters and moments.
    new: [&'a mut [f32]; 3],
}

impl Wide for Step<'_> {
    #[inline(always)]
    fn run(self) {
        let Step { params, old, new: [new_p, new_m, new_v] } = self;
        let [p, g, m, v] = old.map(|x| &x[..new_p.len()]);
        let old = p.iter().zip(g).zip(m.iter().zip(v));
        let new = new_p.iter_mut().zip(new_m).zip(new_v);
        for (((new_p, new_m), new_v), ((&p, &g), (&m, &v))) in new.zip(old) {
            let d = g + params.decay * p;
            let first = params.beta1 * m + params.m_rate * d;
            let second = params.beta2 * v + params.v_rate * d * d;
            *new_m = first;
            *new_v = second;
            *new_p = p - params.step * first / (second.sqrt() / params.root_correction + params.eps);
        }
    }
}
