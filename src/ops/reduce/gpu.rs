//! WGSL launches: long sums in several rounds.

use super::Layout;
use crate::device::gpu::{Gpu, Grid};
use crate::device::{kernel, params};
use crate::ops::fours;
use crate::tensor::Tensor;

/// Elements that one invocation adds up in order.
const SERIAL: usize = 64;
/// Elements that one workgroup adds up.
const TREE: usize = 256 * SERIAL;

params! {
    struct Params {
        outputs: u32,
        r0: u32,
        k1: u32,
        r1: u32,
        chunk: u32,
        chunks: u32,
        factor: f32,
    }
}

impl Layout {
    fn params(&self, chunk: usize, chunks: usize, factor: f32) -> Params {
        Params {
            outputs: self.outputs() as u32,
            r0: self.r0 as u32,
            k1: self.k1 as u32,
            r1: self.r1 as u32,
            chunk: chunk as u32,
            chunks: chunks as u32,
            factor,
        }
    }
}

pub(super) fn sum(gpu: &Gpu, layout: &Layout, factor: f32, x: &Tensor, y: &Tensor) {
    // Neighbouring invocations should read neighbouring memory: kept channels, or else summed elements.
    let columns = layout.r1 == 1 && layout.k1 >= 16 || layout.summed() <= SERIAL;
    let chunk = if columns { SERIAL } else { TREE };
    let chunks = layout.summed().div_ceil(chunk).max(1);
    let last = chunks == 1;
    let partial = (!last).then(|| x.empty([chunks, layout.outputs()]));
    let sums = partial.as_ref().unwrap_or(y);
    let params = layout.params(chunk, chunks, if last { factor } else { 1.0 });
    let count = layout.outputs() * chunks;
    if columns {
        let kernels = [kernel!("reduce", "columns"), kernel!("reduce", "columns4")];
        // Neighbouring outputs are sums of neighbouring elements only there.
        let channels = if layout.r1 == 1 { layout.k1 } else { 1 };
        let of = |n: usize| Params {
            outputs: params.outputs / n as u32,
            k1: params.k1 / n as u32,
            ..params
        };
        fours::launch(gpu, kernels, channels, of, count, &[(["x", "x4"], x), (["y", "y4"], sums)]);
    } else {
        let buffers = [("x", x.gpu()), ("y", sums.gpu())];
        gpu.launch(&kernel!("reduce", "tree"), &params, &buffers, Grid::groups(count));
    }
    if let Some(partial) = &partial {
        let rest = Layout { k0: 1, r0: chunks, k1: layout.outputs(), r1: 1 };
        sum(gpu, &rest, factor, partial, y);
    }
}

pub(super) fn expand(gpu: &Gpu, layout: &Layout, factor: f32, gy: &Tensor, gx: &Tensor) {
    gpu.launch(
        &kernel!("reduce", "expand"),
        &layout.params(1, 1, factor),
        &[("gy", gy.gpu()), ("gx", gx.gpu())],
        Grid::elements(gx.elements()),
    );
}
