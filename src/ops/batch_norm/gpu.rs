//! Launches of `shaders/batch_norm.wgsl`.

use super::BatchNorm;
use crate::Tensor;
use crate::device::gpu::{Gpu, Grid};
use crate::device::{kernel, params};

params! {
    struct Params {
        len: u32,
        rows: u32,
        c: u32,
        slice: u32,
        slices: u32,
        eps: f32,
    }
}

/// Rows of one slice at least.
const SLICE: usize = 32;
/// Invocations of a launch over slices that fill a large adapter, and slices at most.
const INVOCATIONS: usize = 1 << 16;
const SLICES: usize = 1024;

impl Params {
    fn new(x: &Tensor, eps: f32) -> Params {
        let c = x.shape().last();
        let rows = x.elements() / c;
        let slices = (INVOCATIONS / c).clamp(64, SLICES);
        let slice = rows.div_ceil(slices).max(SLICE);
        Params {
            len: x.elements() as u32,
            rows: rows as u32,
            c: c as u32,
            slice: slice as u32,
            slices: rows.div_ceil(slice) as u32,
            eps,
        }
    }

    fn slices(&self) -> usize {
        self.slices as usize
    }
}

pub(super) fn moments(gpu: &Gpu, x: &Tensor, mean: &Tensor, var: &Tensor) {
    let params = Params::new(x, 0.0);
    let c = mean.elements();
    let sums = x.empty([params.slices(), 2, c]);
    gpu.launch(
        &kernel!("batch_norm", "moments_slices"),
        &params,
        &[("x", x.gpu()), ("new_sums", sums.gpu())],
        Grid::elements(params.slices() * c),
    );
    gpu.launch(
        &kernel!("batch_norm", "moments").with("WG", 64),
        &params,
        &[("sums", sums.gpu()), ("new_mean", mean.gpu()), ("new_variance", var.gpu())],
        Grid::groups(c),
    );
}

pub(super) fn forward(gpu: &Gpu, op: &BatchNorm, x: &Tensor, gamma: &Tensor, beta: &Tensor, y: &Tensor) {
    gpu.launch(
        &kernel!("batch_norm", "forward"),
        &Params::new(x, op.eps),
        &[
            ("x", x.gpu()),
            ("mean", op.mean.gpu()),
            ("variance", op.var.gpu()),
            ("gamma", gamma.gpu()),
            ("beta", beta.gpu()),
            ("y", y.gpu()),
        ],
        Grid::elements(x.elements()),
    );
}

pub(super) fn backward_sums(
    gpu: &Gpu,
    op: &BatchNorm,
    x: &Tensor,
    gy: &Tensor,
    ggamma: &Tensor,
    gbeta: &Tensor,
) {
    let params = Params::new(x, op.eps);
    let c = ggamma.elements();
    let sums = x.empty([params.slices(), 2, c]);
    gpu.launch(
        &kernel!("batch_norm", "backward_slices"),
        &params,
        &[
            ("x", x.gpu()),
            ("mean", op.mean.gpu()),
            ("variance", op.var.gpu()),
            ("gy", gy.gpu()),
            ("new_sums", sums.gpu()),
        ],
        Grid::elements(params.slices() * c),
    );
    gpu.launch(
        &kernel!("batch_norm", "backward_sums").with("WG", 64),
        &params,
        &[("sums", sums.gpu()), ("new_ggamma", ggamma.gpu()), ("new_gbeta", gbeta.gpu())],
        Grid::groups(c),
    );
}

pub(super) fn backward_x(
    gpu: &Gpu,
    op: &BatchNorm,
    x: &Tensor,
    gamma: &Tensor,
    gy: &Tensor,
    (ggamma, gbeta): &(Tensor, Tensor),
    gx: &Tensor,
) {
    gpu.launch(
        &kernel!("batch_norm", "backward_x"),
        &Params::new(x, op.eps),
        &[
            ("x", x.gpu()),
            ("mean", op.mean.gpu()),
            ("variance", op.var.gpu()),
            ("gamma", gamma.gpu()),
            ("gy", gy.gpu()),
            ("ggamma", ggamma.gpu()),
            ("gbeta", gbeta.gpu()),
            ("gx", gx.gpu()),
        ],
        Grid::elements(gx.elements()),
    );
}

pub(super) fn backward_fixed(gpu: &Gpu, op: &BatchNorm, gamma: &Tensor, gy: &Tensor, gx: &Tensor) {
    gpu.launch(
        &kernel!("batch_norm", "backward_fixed"),
        &Params::new(gx, op.eps),
        &[("variance", op.var.gpu()), ("gamma", gamma.gpu()), ("gy", gy.gpu()), ("gx", gx.gpu())],
        Grid::elements(gx.elements()),
    );
}
