//! WGSL launches: which kernel, and long inner axes in chunks.

use super::{MatMul, Sizes};
use crate::device::gpu::{Gpu, Grid};
use crate::device::{kernel, params};
use crate::ops::parts::{most_parts, parts};
use crate::ops::subgroup;
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
/// Terms of a slab, of which chunks of the inner axis are whole numbers.
const SLAB: usize = 16;
/// Length of a chunk on a processor that plays an adapter, where it is cut for shorter sums.
const CHUNK: usize = 512;
/// Outputs from which on it is not cut there.
const ENOUGH_OUTPUTS: usize = 64 * 1024;

params! {
    struct Params {
        m: u32,
        n: u32,
        k: u32,
        chunk: u32,
        chunks: u32,
        turned: u32,
    }
}

pub(super) fn product(gpu: &Gpu, how: MatMul, sizes: Sizes, entry: Entry, a: &Tensor, b: &Tensor) -> Tensor {
    let Sizes { m, k, n } = sizes;
    if k == 0 {
        return Tensor::zeros(&a.device(), [m, n]);
    }
    let chunk = match gpu.invocations_wanted() {
        // An invocation of the tiled kernel owns 8 by 8 outputs; parts are written and read again, as in a convolution.
        Some(wanted) => {
            let cut = parts(wanted / 4, m.div_ceil(8) * n.div_ceil(8), k.div_ceil(SLAB));
            k.div_ceil(cut.min(most_parts(gpu, m * n))).next_multiple_of(SLAB)
        }
        None if m * n < ENOUGH_OUTPUTS => CHUNK,
        None => k.next_multiple_of(SLAB),
    };
    let chunks = k.div_ceil(chunk);
    let params = Params {
        m: m as u32,
        n: n as u32,
        k: k as u32,
        chunk: chunk as u32,
        chunks: chunks as u32,
        turned: u32::from(how.transpose_a) | (u32::from(how.transpose_b) * 2),
    };
    let (a_row, b_row) = (a.shape().last(), b.shape().last());
    let fast = entry == Entry::Fast && m.min(n).min(k) >= TILED_FROM;
    let subgroup = match fast {
        true => subgroup::tiles(gpu, kernel!("matmul_subgroup", "forward"), [m, n], chunks),
        false => None,
    };
    // A subgroup stores vectors of four.
    let wide = if subgroup.is_some() { n.next_multiple_of(4) } else { n };
    let y = a.empty([chunks, m, wide]);
    if fast {
        let result = if subgroup.is_some() { "y4" } else { "y" };
        let squares = Grid::groups(m.div_ceil(TILE) * n.div_ceil(TILE) * chunks);
        let (kernel, grid) = subgroup.unwrap_or((kernel!("matmul", "tiled"), squares));
        let by_vectors = a_row.is_multiple_of(4) && b_row.is_multiple_of(4);
        let kernel = kernel.with("VEC4", u32::from(by_vectors));
        let [x4, w4] = [a, b].map(|t| if by_vectors { t.detach() } else { t.empty([4]) });
        let buffers = [("a", a.gpu()), ("x4", x4.gpu()), ("b", b.gpu()), ("w4", w4.gpu()), (result, y.gpu())];
        gpu.launch(&kernel, &params, &buffers, grid);
    } else {
        let buffers = [("a", a.gpu()), ("b", b.gpu()), ("y", y.gpu())];
        gpu.launch(&kernel!("matmul", "forward"), &params, &buffers, Grid::elements(y.elements()));
    }
    let y = if chunks == 1 { y.reshape([m, wide]) } else { y.sum(&[0]) };
    if wide == n { y } else { y.slice(1, 0, n) }
}
