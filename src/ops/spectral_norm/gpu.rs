//! Launches of `shaders/spectral_norm.wgsl`.

use super::{Matrix, Sigma};
use crate::Tensor;
use crate::device::gpu::{Gpu, Grid};
use crate::device::{kernel, params};

params! {
    #[derive(Default)]
    struct Params {
        len: u32,
        rows: u32,
        c: u32,
        slice: u32,
        slices: u32,
        eps: f32,
    }
}

/// Elements of a weight that one workgroup goes through faster than three launches, and its invocations.
const SMALL: usize = 1 << 14;
const WORKGROUP: usize = 256;

/// Rows of a slice of a large weight.
const SLICE: usize = 64;

/// Elements of sigma that one workgroup sums at least, and slices at most.
const SIGMA_SLICE: usize = 1 << 14;
const SIGMA_SLICES: usize = 256;

impl Matrix {
    fn params(&self) -> Params {
        Params {
            len: (self.rows * self.c) as u32,
            rows: self.rows as u32,
            c: self.c as u32,
            ..Params::default()
        }
    }
}

pub(super) fn iterate(
    gpu: &Gpu,
    matrix: Matrix,
    eps: f32,
    w: &Tensor,
    u: &Tensor,
    new_u: &Tensor,
    new_v: &Tensor,
) {
    let Matrix { rows, c } = matrix;
    let slices = rows.div_ceil(SLICE);
    let params = Params {
        slice: SLICE as u32,
        slices: slices as u32,
        eps,
        ..matrix.params()
    };
    let (w, u) = (("w", w.gpu()), ("u", u.gpu()));
    let (to_u, to_v) = (("new_u", new_u.gpu()), ("new_v", new_v.gpu()));
    if rows * c <= SMALL && c <= WORKGROUP {
        let kernel = kernel!("spectral_norm", "small").with("WG", WORKGROUP as u32);
        gpu.launch(&kernel, &params, &[w, u, to_u, to_v], Grid::groups(1));
        return;
    }
    let raw = new_v.empty_like();
    let sums = new_v.empty([slices, c]);
    gpu.launch(
        &kernel!("spectral_norm", "products").with("WG", 64),
        &params,
        &[w, u, ("new_raw", raw.gpu())],
        Grid::elements(rows),
    );
    gpu.launch(
        &kernel!("spectral_norm", "columns"),
        &params,
        &[w, ("raw", raw.gpu()), to_v, ("new_sums", sums.gpu())],
        Grid::elements(slices * c),
    );
    gpu.launch(
        &kernel!("spectral_norm", "finish"),
        &params,
        &[("sums", sums.gpu()), to_u],
        Grid::groups(1),
    );
}

pub(super) fn sigma(gpu: &Gpu, op: &Sigma, w: &Tensor) -> Tensor {
    let len = w.elements();
    let slice = len.div_ceil(SIGMA_SLICES).max(SIGMA_SLICE);
    let slices = len.div_ceil(slice);
    let sums = w.empty([slices]);
    gpu.launch(
        &kernel!("spectral_norm", "sigma"),
        &Params {
            slice: slice as u32,
            slices: slices as u32,
            ..op.matrix.params()
        },
        &[("w", w.gpu()), ("u", op.u.gpu()), ("v", op.v.gpu()), ("new_sums", sums.gpu())],
        Grid::groups(slices),
    );
    if slices == 1 { sums } else { sums.sum_all() }
}

pub(super) fn backward(gpu: &Gpu, op: &Sigma, gy: &Tensor, gw: &Tensor) {
    gpu.launch(
        &kernel!("spectral_norm", "backward"),
        &op.matrix.params(),
        &[("u", op.u.gpu()), ("v", op.v.gpu()), ("gy", gy.gpu()), ("gw", gw.gpu())],
        Grid::elements(gw.elements()),
    );
}
