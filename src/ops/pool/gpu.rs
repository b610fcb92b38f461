//! Launches of `shaders/pool.wgsl`.

use super::Windows;
use crate::Tensor;
use crate::device::gpu::Gpu;
use crate::device::{kernel, params};
use crate::ops::fours;

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
    /// Those of a kernel that writes `len` elements and owns `together` channels an invocation.
    fn params(&self, len: usize, together: usize) -> Params {
        Params {
            len: (len / together) as u32,
            h: self.h as u32,
            w: self.w as u32,
            c: (self.c / together) as u32,
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
    let kernels = [kernel!("pool", "avg_forward"), kernel!("pool", "avg_forward4")];
    let (len, buffers) = (y.elements(), [(["x", "x4"], x), (["y", "y4"], y)]);
    fours::launch(gpu, kernels, windows.c, |n| windows.params(len, n), len, &buffers);
}

pub(super) fn avg_backward(gpu: &Gpu, windows: &Windows, gy: &Tensor, gx: &Tensor) {
    let kernels = [kernel!("pool", "avg_backward"), kernel!("pool", "avg_backward4")];
    let (len, buffers) = (gx.elements(), [(["gy", "gy4"], gy), (["gx", "gx4"], gx)]);
    fours::launch(gpu, kernels, windows.c, |n| windows.params(len, n), len, &buffers);
}

/// `winner` is None where nobody asks for it.
pub(super) fn max_forward(gpu: &Gpu, windows: &Windows, x: &Tensor, y: &Tensor, winner: Option<&Tensor>) {
    let mut kernels = [kernel!("pool", "max_forward"), kernel!("pool", "max_forward4")];
    let (len, mut buffers) = (y.elements(), vec![(["x", "x4"], x), (["y", "y4"], y)]);
    if let Some(winner) = winner {
        kernels = [kernel!("pool", "max_and_winner"), kernel!("pool", "max_and_winner4")];
        buffers.push((["new_winner", "new_winner4"], winner));
    }
    fours::launch(gpu, kernels, windows.c, |n| windows.params(len, n), len, &buffers);
}

pub(super) fn max_backward(gpu: &Gpu, windows: &Windows, gy: &Tensor, winner: &Tensor, gx: &Tensor) {
    let kernels = [kernel!("pool", "max_backward"), kernel!("pool", "max_backward4")];
    let buffers = [(["gy", "gy4"], gy), (["winner", "winner4"], winner), (["gx", "gx4"], gx)];
    fours::launch(gpu, kernels, windows.c, |n| windows.params(gx.elements(), n), gx.elements(), &buffers);
}
