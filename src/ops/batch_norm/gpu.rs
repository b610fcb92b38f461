//! Launches of `shaders/batch_norm.wgsl`.

use super::BatchNorm;
use crate::Tensor;
use crate::device::gpu::{Gpu, Grid, Kernel};
use crate::device::{kernel, params};
use crate::ops::fours;

params! {
    struct Params {
        rows: u32,
        c: u32,
        slice: u32,
        slices: u32,
        eps: f32,
    }
}

/// Rows that an invocation owns: where a processor plays the adapter, what is known of a channel takes longer to read than
/// several rows of a texture.
fn rows_owned(gpu: &Gpu) -> usize {
    if gpu.reads_textures() { 16 } else { 4 }
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

    /// Those of a kernel that owns `together` channels an invocation.
    fn of(self, together: usize) -> Params {
        let n = together as u32;
        Params { c: self.c / n, ..self }
    }
}

const X: [&str; 2] = ["x", "x4"];
const MEAN: [&str; 2] = ["mean", "mean4"];
const VARIANCE: [&str; 2] = ["variance", "variance4"];
const GAMMA: [&str; 2] = ["gamma", "gamma4"];
const BETA: [&str; 2] = ["beta", "beta4"];
const Y: [&str; 2] = ["y", "y4"];
const GY: [&str; 2] = ["gy", "gy4"];
const GX: [&str; 2] = ["gx", "gx4"];
const GGAMMA: [&str; 2] = ["ggamma", "ggamma4"];
const GBETA: [&str; 2] = ["gbeta", "gbeta4"];
const NEW_SUMS: [&str; 2] = ["new_sums", "new_sums4"];

pub(super) fn moments(gpu: &Gpu, x: &Tensor, mean: &Tensor, var: &Tensor) {
    let params = Params::new(x, 0.0);
    let c = mean.elements();
    let sums = x.empty([params.slices(), 2, c]);
    let kernels = [kernel!("batch_norm", "moments_slices"), kernel!("batch_norm", "moments_slices4")];
    let buffers = [(X, x), (NEW_SUMS, &sums)];
    fours::launch(gpu, kernels, c, |n| params.of(n), params.slices() * c, &buffers);
    gpu.launch(
        &kernel!("batch_norm", "moments").with("WG", 64),
        &params,
        &[("sums", sums.gpu()), ("new_mean", mean.gpu()), ("new_variance", var.gpu())],
        Grid::groups(c),
    );
}

pub(super) fn forward(gpu: &Gpu, op: &BatchNorm, x: &Tensor, gamma: &Tensor, beta: &Tensor, y: &Tensor) {
    let kernels = [kernel!("batch_norm", "forward"), kernel!("batch_norm", "forward4")];
    let buffers = [(X, x), (MEAN, &op.mean), (VARIANCE, &op.var), (GAMMA, gamma), (BETA, beta), (Y, y)];
    by_rows(gpu, kernels, Params::new(x, op.eps), &buffers);
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
    let kernels = [kernel!("batch_norm", "backward_slices"), kernel!("batch_norm", "backward_slices4")];
    let buffers = [(X, x), (MEAN, &op.mean), (VARIANCE, &op.var), (GY, gy), (NEW_SUMS, &sums)];
    fours::launch(gpu, kernels, c, |n| params.of(n), params.slices() * c, &buffers);
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
    let kernels = [kernel!("batch_norm", "backward_x"), kernel!("batch_norm", "backward_x4")];
    let buffers = [
        (X, x),
        (MEAN, &op.mean),
        (VARIANCE, &op.var),
        (GAMMA, gamma),
        (GY, gy),
        (GGAMMA, ggamma),
        (GBETA, gbeta),
        (GX, gx),
    ];
    by_rows(gpu, kernels, Params::new(x, op.eps), &buffers);
}

pub(super) fn backward_fixed(gpu: &Gpu, op: &BatchNorm, gamma: &Tensor, gy: &Tensor, gx: &Tensor) {
    let kernels = [kernel!("batch_norm", "backward_fixed"), kernel!("batch_norm", "backward_fixed4")];
    let buffers = [(VARIANCE, &op.var), (GAMMA, gamma), (GY, gy), (GX, gx)];
    by_rows(gpu, kernels, Params::new(gx, op.eps), &buffers);
}

/// Launches kernels of which an invocation owns one channel, or four, of some rows.
fn by_rows(gpu: &Gpu, kernels: [Kernel; 2], params: Params, buffers: &[([&'static str; 2], &Tensor)]) {
    let rows = rows_owned(gpu);
    let kernels = kernels.map(|kernel| kernel.with("ROWS", rows as u32));
    let blocks = (params.rows as usize).div_ceil(rows) * params.c as usize;
    fours::launch(gpu, kernels, params.c as usize, |n| params.of(n), blocks, buffers);
}
