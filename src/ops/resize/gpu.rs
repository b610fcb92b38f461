//! Launches of `shaders/resize.wgsl`.

use super::{Coordinates, Mode, Resize};
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
    }
}

impl Resize {
    fn params(&self, len: usize) -> Params {
        Params {
            len: len as u32,
            h: self.rows.source as u32,
            w: self.columns.source as u32,
            c: self.c as u32,
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
    gpu.launch(
        &resize.with_mode(kernel!("resize", "forward")),
        &resize.params(y.elements()),
        &[("x", x.gpu()), ("y", y.gpu())],
        Grid::elements(y.elements()),
    );
}

pub(super) fn backward(gpu: &Gpu, resize: &Resize, gy: &Tensor, gx: &Tensor) {
    gpu.launch(
        &resize.with_mode(kernel!("resize", "backward")),
        &resize.params(gx.elements()),
        &[("gy", gy.gpu()), ("gx", gx.gpu())],
        Grid::elements(gx.elements()),
    );
}
