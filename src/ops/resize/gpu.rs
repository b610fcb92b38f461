//! Launches of `shaders/resize.wgsl`.

use super::{Coordinates, Mode, Resize};
use crate::Tensor;
use crate::device::gpu::{Gpu, Kernel};
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
    }
}

impl Resize {
    /// Those of a kernel that writes `len` elements and owns `together` channels an invocation.
    fn params(&self, len: usize, together: usize) -> Params {
        Params {
            len: (len / together) as u32,
            h: self.rows.source as u32,
            w: self.columns.source as u32,
            c: (self.c / together) as u32,
            ho: self.rows.output as u32,
            wo: self.columns.output as u32,
        }
    }

    fn with_mode(&self, kernel: Kernel) -> Kernel {
        kernel.with(
            "MODE",
            match self.mode {
                Mode::Nearest => 0,
                Mode::Bilinear(Coordinates::Asymmetric) => 1,
                Mode::Bilinear(Coordinates::HalfPixel) => 2,
            },
        )
    }
}

pub(super) fn forward(gpu: &Gpu, resize: &Resize, x: &Tensor, y: &Tensor) {
    let kernels = [kernel!("resize", "forward"), kernel!("resize", "forward4")];
    launch(gpu, resize, kernels, y.elements(), &[(["x", "x4"], x), (["y", "y4"], y)]);
}

pub(super) fn backward(gpu: &Gpu, resize: &Resize, gy: &Tensor, gx: &Tensor) {
    let kernels = [kernel!("resize", "backward"), kernel!("resize", "backward4")];
    launch(gpu, resize, kernels, gx.elements(), &[(["gy", "gy4"], gy), (["gx", "gx4"], gx)]);
}

fn launch(
    gpu: &Gpu,
    resize: &Resize,
    kernels: [Kernel; 2],
    len: usize,
    buffers: &[([&'static str; 2], &Tensor)],
) {
    let kernels = kernels.map(|kernel| resize.with_mode(kernel));
    fours::launch(gpu, kernels, resize.c, |n| resize.params(len, n), len, buffers);
}
