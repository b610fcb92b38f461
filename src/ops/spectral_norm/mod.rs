//! The largest singular value of a weight, for spectral normalisation. Everything stays on the device.

mod cpu;
mod gpu;

use crate::tensor::{Ctx, Op};
use crate::{Device, Tensor};

/// Rows and columns of a weight as a matrix: all axes but the last, and the last.
#[derive(Debug, Clone, Copy)]
struct Matrix {
    rows: usize,
    c: usize,
}

impl Matrix {
    #[track_caller]
    fn new(op: &str, w: &Tensor) -> Matrix {
        let c = w.shape().last();
        assert!(
            w.shape().rank() > 1 && w.elements() > 0,
            "{op}: wants a weight [taps,cin,cout], got {}",
            w.shape()
        );
        Matrix { rows: w.elements() / c, c }
    }
}

/// One power iteration on a weight `[taps,cin,cout]` seen as a matrix M of `[taps*cin, cout]`:
/// `v' = unit(M u)`, `u' = unit(M^T v')`, `unit(x) = x / max(|x|, eps)`. Gives `(u' [cout], v' [taps*cin])`, constants.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn power_iteration(w: &Tensor, u: &Tensor, eps: f64) -> (Tensor, Tensor) {
    let matrix = Matrix::new("power_iteration", w);
    assert!(u.shape().sizes() == [matrix.c], "power_iteration: u {} for w {}", u.shape(), w.shape());
    let (mut new_u, mut new_v) = (w.empty([matrix.c]), w.empty([matrix.rows]));
    let eps = eps as f32;
    match w.device() {
        Device::Gpu(gpu) => gpu::iterate(&gpu, matrix, eps, w, u, &new_u, &new_v),
        Device::Cpu(cpu) => {
            cpu.run(|| cpu::iterate(matrix, eps, w.cpu(), u.cpu(), new_u.cpu_mut(), new_v.cpu_mut()))
        }
    }
    (new_u, new_v)
}

/// `v^T M u` with constant vectors. Input: the weight.
struct Sigma {
    matrix: Matrix,
    u: Tensor,
    v: Tensor,
}

impl Op for Sigma {
    fn name(&self) -> &'static str {
        "spectral_sigma"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let w = x[0];
        match w.device() {
            Device::Gpu(gpu) => gpu::sigma(&gpu, self, w),
            Device::Cpu(cpu) => {
                let sigma = cpu.value(|| cpu::sigma(self.matrix, w.cpu(), self.u.cpu(), self.v.cpu()));
                Tensor::from_slice(&w.device(), [1], &[sigma.unwrap_or(0.0)])
            }
        }
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let mut gw = gy.empty(ctx.shape(0));
        match gy.device() {
            Device::Gpu(gpu) => gpu::backward(&gpu, self, gy, &gw),
            Device::Cpu(cpu) => cpu.run(|| {
                cpu::backward(gy.cpu()[0], self.u.cpu(), self.v.cpu(), gw.cpu_mut());
            }),
        }
        vec![Some(gw)]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

impl Tensor {
    /// The singular value of a weight `[taps,cin,cout]`, a matrix M of `[taps*cin, cout]`, for its singular vectors
    /// `u [cout]` and `v [taps*cin]`: `sigma = v^T M u`, `[1]`. The vectors are constants: `gM = g v u^T`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn spectral_sigma(&self, u: &Tensor, v: &Tensor) -> Tensor {
        let matrix = Matrix::new("spectral_sigma", self);
        assert!(
            u.shape().sizes() == [matrix.c] && v.shape().sizes() == [matrix.rows],
            "spectral_sigma: u {} and v {} for w {}",
            u.shape(),
            v.shape(),
            self.shape()
        );
        let op = Sigma { matrix, u: u.detach(), v: v.detach() };
        Tensor::apply(op, &[self])
    }
}
