//! WGSL launches: which kernel, and long inner axes in chunks.

use super::{MatMul, Sizes};
use crate::device::gpu::{Gpu, Grid};
use crate::device::{kernel, params};
use crate::tensor::Tensor;

/// Which kernel to launch on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The tiled one, where sizes allow it.
    Fast,
    /// The specification.
    Plain,
}

/// Edge of the square of outputs that a workgroup owns.
const TILE: usize = 64;
/// Smallest sizes for which most of a tile is used.
const TILED_FROM: usize = 8;
/// Length of a chunk of the inner axis, if it is cut.
const CHUNK: usize = 512;
/// Outputs that keep a GPU busy without cutting the inner axis.
const ENOUGH_OUTPUTS: usize = 64 * 1024;

params! {
    struct Params {
        m: u32,
        n: u32,
        k: u32,
        chunk: u32,
        chunks: u32,
    }
}

pub(super) fn product(gpu: &Gpu, how: MatMul, sizes: Sizes, entry: Entry, a: &Tensor, b: &Tensor) -> Tensor {
    let Sizes { m, k, n } = sizes;
    if k == 0 {
        return Tensor::zeros(&a.device(), [m, n]);
    }
    let chunk = if m * n < ENOUGH_OUTPUTS {
        CHUNK
    } else {
        k.next_multiple_of(16)
    };
    let chunks = k.div_ceil(chunk);
    let y = a.empty([chunks, m, n]);
    let params = Params {
        m: m as u32,
        n: n as u32,
        k: k as u32,
        chunk: chunk as u32,
        chunks: chunks as u32,
    };
    let (a_row, b_row) = (a.shape().last(), b.shape().last());
    if entry == Entry::Fast && m.min(n).min(k) >= TILED_FROM {
        let (kernel, tile) = match gpu.small_subgroup() {
            Some(size) => (kernel!("matmul_subgroup", "forward").with("S", size), 4 * size as usize),
            None => (kernel!("matmul", "tiled"), TILE),
        };
        let kernel = kernel.with("VEC4", u32::from(a_row % 4 == 0 && b_row % 4 == 0));
        let buffers = [("a", a.gpu()), ("a4", a.gpu()), ("b", b.gpu()), ("b4", b.gpu()), ("y", y.gpu())];
        let groups = m.div_ceil(tile) * n.div_ceil(tile) * chunks;
        gpu.launch(&set(kernel, how), &params, &buffers, Grid::groups(groups));
    } else {
        let buffers = [("a", a.gpu()), ("b", b.gpu()), ("y", y.gpu())];
        gpu.launch(&set(kernel!("matmul", "forward"), how), &params, &buffers, Grid::elements(y.elements()));
    }
    if chunks == 1 { y.reshape([m, n]) } else { y.sum(&[0]) }
}

fn set(kernel: crate::device::gpu::Kernel, how: MatMul) -> crate::device::gpu::Kernel {
    kernel
        .with("TRANSPOSE_A", u32::from(how.transpose_a))
        .with("TRANSPOSE_B", u32::from(how.transpose_b))
}
