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
    /// Channels that one invocation owns.
    fn together(&self) -> usize {
        if self.c.is_multiple_of(4) { 4 } else { 1 }
    }

    fn params(&self, len: usize) -> Params {
        Params {
            len: (len / self.together()) as u32,
            h: self.rows.source as u32,
            w: self.columns.source as u32,
            c: (self.c / self.together()) as u32,
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
    let (kernel, [from, to]) = match resize.together() {
        4 => (kernel!("resize", "forward4"), ["x4", "y4"]),
        _ => (kernel!("resize", "forward"), ["x", "y"]),
    };
    launch(gpu, resize, kernel, [(from, x), (to, y)]);
}

pub(super) fn backward(gpu: &Gpu, resize: &Resize, gy: &Tensor, gx: &Tensor) {
    let (kernel, [from, to]) = match resize.together() {
        4 => (kernel!("resize", "backward4"), ["gy4", "gx4"]),
        _ => (kernel!("resize", "backward"), ["gy", "gx"]),
    };
    launch(gpu, resize, kernel, [(from, gy), (to, gx)]);
}

/// From the first tensor to the second.
fn launch(gpu: &Gpu, resize: &Resize, kernel: Kernel, [from, to]: [(&str, &Tensor); 2]) {
    let written = to.1.elements();
    gpu.launch(
        &resize.with_mode(kernel),
        &resize.params(written),
        &[(from.0, from.1.gpu()), (to.0, to.1.gpu())],
        Grid::elements(written / resize.together()),
    );
}
