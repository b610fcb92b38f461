//! Running averages of parameters and statistics. Not differentiable.

use crate::Tensor;
use crate::device::cpu::elementwise;
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};

params! {
    struct Params {
        len: u32,
        a_factor: f32,
        b_factor: f32,
    }
}

/// Exponential moving average: `decay * avg + (1 - decay) * p`, a constant.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn ema_update(avg: &Tensor, p: &Tensor, decay: f64) -> Tensor {
    scaled_sum("ema_update", avg, decay, p, 1.0 - decay)
}

/// `a_factor * a + b_factor * b`, a constant.
#[track_caller]
pub(super) fn scaled_sum(op: &str, a: &Tensor, a_factor: f64, b: &Tensor, b_factor: f64) -> Tensor {
    assert!(a.shape() == b.shape(), "{op}: average {} of values {}", a.shape(), b.shape());
    let (a_factor, b_factor) = (a_factor as f32, b_factor as f32);
    let mut y = a.empty_like();
    match a.device() {
        Device::Gpu(gpu) => gpu.launch(
            &kernel!("ema", "forward"),
            &Params {
                len: y.elements().div_ceil(4) as u32,
                a_factor,
                b_factor,
            },
            &[("a", a.gpu()), ("b", b.gpu()), ("y", y.gpu())],
            Grid::vectors(y.elements()),
        ),
        Device::Cpu(cpu) => cpu.run(|| {
            let (a, b) = (a.cpu(), b.cpu());
            elementwise::map2(a, b, y.cpu_mut(), |a, b| a_factor * a + b_factor * b);
        }),
    }
    y
}
