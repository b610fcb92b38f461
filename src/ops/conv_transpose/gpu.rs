//! Launches of `shaders/conv_transpose.wgsl`.

use super::Depthwise;
use crate::Tensor;
use crate::device::gpu::{Gpu, Grid};
use crate::device::{kernel, params};

params! {
    struct Params {
        len: u32,
        n: u32,
        h: u32,
        w: u32,
        c: u32,
        ho: u32,
        wo: u32,
        k: u32,
        stride: u32,
        pad: u32,
        slice: u32,
    }
}

impl Depthwise {
    fn params(&self, len: usize, slice: usize) -> Params {
        Params {
            len: len as u32,
            n: self.n as u32,
            h: self.h as u32,
            w: self.w as u32,
            c: self.c as u32,
            ho: self.ho as u32,
            wo: self.wo as u32,
            k: self.conv.k as u32,
            stride: self.conv.stride as u32,
            pad: self.conv.pad as u32,
            slice: slice as u32,
        }
    }
}

pub(super) fn forward(gpu: &Gpu, op: &Depthwise, x: &Tensor, w: &Tensor, y: &Tensor) {
    gpu.launch(
        &kernel!("conv_transpose", "forward"),
        &op.params(y.elements(), 0),
        &[("x", x.gpu()), ("w", w.gpu()), ("y", y.gpu())],
        Grid::elements(y.elements()),
    );
}

pub(super) fn backward_x(gpu: &Gpu, op: &Depthwise, w: &Tensor, gy: &Tensor, gx: &Tensor) {
    gpu.launch(
        &kernel!("conv_transpose", "backward_x"),
        &op.params(gx.elements(), 0),
        &[("w", w.gpu()), ("gy", gy.gpu()), ("gx", gx.gpu())],
        Grid::elements(gx.elements()),
    );
}

/// Pixels of one slice at least, and slices at most.
const SLICE: usize = 32;
const SLICES: usize = 256;

/// The gradient of the weight: sums over slices of the pixels first, then over the slices.
pub(super) fn backward_w(gpu: &Gpu, op: &Depthwise, x: &Tensor, gy: &Tensor) -> Tensor {
    let pixels = op.n * op.h * op.w;
    let slice = pixels.div_ceil(SLICES).max(SLICE);
    let slices = pixels.div_ceil(slice).max(1);
    let sums = gy.empty([slices, op.conv.k * op.conv.k, op.c]);
    gpu.launch(
        &kernel!("conv_transpose", "backward_w"),
        &op.params(sums.elements(), slice),
        &[("x", x.gpu()), ("gy", gy.gpu()), ("sums", sums.gpu())],
        Grid::elements(sums.elements()),
    );
    sums.sum(&[0])
}
