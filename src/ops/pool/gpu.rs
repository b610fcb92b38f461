//! Launches of `shaders/pool.wgsl`.

use super::Windows;
use crate::Tensor;
use crate::device::gpu::{Gpu, Grid, Kernel};
use crate::device::{kernel, params};

params! {
    struct Params {
        len: u32,
        h: u32,
        w: u32,
        c: u32,
        ho: u32,
        wo: u32,
        k: u32,
        stride: u32,
        pad: u32,
        count_pad: u32,
    }
}

impl Windows {
    fn params(&self, len: usize) -> Params {
        Params {
            len: len as u32,
            h: self.h as u32,
            w: self.w as u32,
            c: self.c as u32,
            ho: self.ho as u32,
            wo: self.wo as u32,
            k: self.pool.k as u32,
            stride: self.pool.stride as u32,
            pad: self.pool.pad as u32,
            count_pad: self.pool.count_pad.into(),
        }
    }
}

pub(super) fn avg_forward(gpu: &Gpu, windows: &Windows, x: &Tensor, y: &Tensor) {
    match windows.c.is_multiple_of(4) {
        true => fours(gpu, windows, kernel!("pool", "avg_forward4"), [("x4", x), ("y4", y)]),
        false => gpu.launch(
            &kernel!("pool", "avg_forward"),
            &windows.params(y.elements()),
            &[("x", x.gpu()), ("y", y.gpu())],
            Grid::elements(y.elements()),
        ),
    }
}

pub(super) fn avg_backward(gpu: &Gpu, windows: &Windows, gy: &Tensor, gx: &Tensor) {
    match windows.c.is_multiple_of(4) {
        true => fours(gpu, windows, kernel!("pool", "avg_backward4"), [("gy4", gy), ("gx4", gx)]),
        false => gpu.launch(
            &kernel!("pool", "avg_backward"),
            &windows.params(gx.elements()),
            &[("gy", gy.gpu()), ("gx", gx.gpu())],
            Grid::elements(gx.elements()),
        ),
    }
}

/// From the first tensor to the second, four channels an invocation.
fn fours(gpu: &Gpu, windows: &Windows, kernel: Kernel, [from, to]: [(&str, &Tensor); 2]) {
    let vectors = to.1.elements() / 4;
    let params = Params { c: windows.c as u32 / 4, ..windows.params(vectors) };
    gpu.launch(&kernel, &params, &[(from.0, from.1.gpu()), (to.0, to.1.gpu())], Grid::elements(vectors));
}

pub(super) fn max_forward(gpu: &Gpu, windows: &Windows, x: &Tensor, y: &Tensor, winner: &Tensor) {
    gpu.launch(
        &kernel!("pool", "max_forward"),
        &windows.params(y.elements()),
        &[("x", x.gpu()), ("y", y.gpu()), ("new_winner", winner.gpu())],
        Grid::elements(y.elements()),
    );
}

pub(super) fn max_backward(gpu: &Gpu, windows: &Windows, gy: &Tensor, winner: &Tensor, gx: &Tensor) {
    gpu.launch(
        &kernel!("pool", "max_backward"),
        &windows.params(gx.elements()),
        &[("gy", gy.gpu()), ("winner", winner.gpu()), ("gx", gx.gpu())],
        Grid::elements(gx.elements()),
    );
}
