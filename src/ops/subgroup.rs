//! Launches of products by tiles that a small subgroup owns together (`shaders/lib/subgroup_tile.wgsl`).

use crate::device::gpu::{Gpu, Grid, Kernel};

/// The kernel and its grid for `count` matrices of `rows` by `columns` results; none where subgroups are not small.
pub(super) fn tiles(
    gpu: &Gpu,
    kernel: Kernel,
    [rows, columns]: [usize; 2],
    count: usize,
) -> Option<(Kernel, Grid)> {
    let size = gpu.small_subgroup()?;
    let side = 4 * size as usize;
    let grid = Grid::groups(rows.div_ceil(side) * columns.div_ceil(side) * count);
    Some((kernel.with("S", size), grid))
}
