//! 3x3 convolutions of stride 1 with 2.25 times fewer multiplications: Winograd's F(2x2, 3x3).
//!
//! ```text
//! y = A' [ (G g G') * (B' d B) ] A        for a 2x2 tile of outputs y, the 4x4 patch d that it reads, weights g
//! ```
//!
//! The product in the middle is one of numbers for each of 16 *frequencies*, and summed over the input channels a product
//! of matrices for each of them. The gradient of the input is such a convolution, that of the weights the adjoint of
//! the formula, `G' [ (B' d B) * (A gy A') ] G`. Sums run over channels and tiles in a fixed order.

use std::cell::RefCell;

use rayon::prelude::*;

use super::{Image, Packed, Task, column_blocks, tasks};
use crate::device::Cpu;
use crate::device::cpu::tile::{self, LANES, MAX_ROWS, MAX_VECTORS, Run, Strides, Tile};
use crate::device::cpu::wide::{Wide, wide};
use crate::tensor::Tensor;

/// Frequencies.
const F: usize = 16;
/// Channels on either side from which fewer multiplications are worth the transforms.
const CHANNELS: usize = 48;
/// Tiles of a chunk of the weight gradient.
const CHUNK: usize = 64;
/// Input channels of a job of the weight gradient.
const RANGE: usize = 128;
/// Jobs of one weight gradient, for a fair share to every core.
const JOBS: usize = 8;

/// `A'`: what frequency `u` adds to output `a` of a tile, along one axis.
const A: [[f32; 4]; 2] = [[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, -1.0]];

/// The first tap of a 3x3 grid of neighbours with stride 1, if the convolution to an image of `out` is faster this way.
pub fn corner(
    taps: &[(i32, i32)],
    stride: usize,
    [cin, cout]: [usize; 2],
    out: [usize; 2],
) -> Option<(i32, i32)> {
    let &(top, left) = taps.first()?;
    let grid = (0..9).map(|t| (top + t / 3, left + t % 3));
    // Tiles may reach beyond an odd image.
    let covered: usize = out.iter().map(|side| side.next_multiple_of(2)).product();
    let pays = cin.min(cout) >= CHANNELS && 2 * covered <= 3 * out[0] * out[1];
    (stride == 1 && pays && taps.iter().copied().eq(grid)).then_some((top, left))
}

thread_local! {
    /// Transformed patches, and outputs of the current columns.
    static SPACE: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// `y` from `x` and `w` `[9,cin,cout]`, whose first tap lies `corner` away from the output.
pub fn correlate(cpu: &Cpu, x: &Image, w: &[f32], corner: (i32, i32), bias: Option<&[f32]>, y: &mut Tensor) {
    let [n, oh, ow, cout] = y.shape().nhwc("conv2d");
    let weights = spread_weights(cpu, w, x.c, cout);
    let run = |mut task: Task| {
        SPACE.with_borrow_mut(|[v, sums]| {
            let tiles = Tiles {
                images: task.image..task.image + task.images,
                row: task.row,
                rows: task.rows,
                ow,
                corner,
            };
            v.resize(F * tiles.len() * x.c, 0.0);
            tiles.spread(x, 0..x.c, v);
            multiply(&weights, &tiles, x.c, v, sums, bias, &mut task);
        });
    };
    tasks(y.cpu_mut(), [n, oh, ow, cout], 2).into_par_iter().for_each(run);
}

/// The 2x2 tiles that cover some rows of some images.
struct Tiles {
    images: std::ops::Range<usize>,
    row: usize,
    rows: usize,
    ow: usize,
    corner: (i32, i32),
}

impl Tiles {
    fn per_row(&self) -> usize {
        self.ow.div_ceil(2)
    }

    fn per_image(&self) -> usize {
        self.rows.div_ceil(2) * self.per_row()
    }

    fn len(&self) -> usize {
        self.images.len() * self.per_image()
    }

    /// Image, row and column of the first output of tile `t`.
    fn at(&self, t: usize) -> [usize; 3] {
        let (image, t) = (t / self.per_image(), t % self.per_image());
        let (i, j) = (t / self.per_row(), t % self.per_row());
        [self.images.start + image, self.row + 2 * i, 2 * j]
    }

    /// `B' d B` of every tile over some channels: `to` is `[F, tiles, channels]`.
    fn spread(&self, x: &Image, channels: std::ops::Range<usize>, to: &mut [f32]) {
        let c = channels.len();
        let zeros = vec![0.0; c];
        let stride = self.len() * c;
        for t in 0..self.len() {
            let [image, row, column] = self.at(t);
            let patch: [&[f32]; F] = std::array::from_fn(|k| {
                let i = row as i32 + self.corner.0 + (k / 4) as i32;
                let j = column as i32 + self.corner.1 + (k % 4) as i32;
                match (0..x.h as i32).contains(&i) && (0..x.w as i32).contains(&j) {
                    true => {
                        let at = ((image * x.h + i as usize) * x.w + j as usize) * x.c;
                        &x.data[at + channels.start..at + channels.end]
                    }
                    false => &zeros[..],
                }
            });
            wide(Map {
                from: patch,
                to: &mut to[t * c..],
                stride,
                f: spread_patch,
            });
        }
    }
}

/// The products of all frequencies, gathered into outputs, for a block of columns at a time.
fn multiply(
    weights: &Packed,
    tiles: &Tiles,
    cin: usize,
    v: &[f32],
    sums: &mut Vec<f32>,
    bias: Option<&[f32]>,
    task: &mut Task,
) {
    let count = tiles.len();
    let strides = Strides { step: 1, row: cin };
    let mut out: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
    for block in &weights.blocks {
        let width = block.vectors * LANES;
        sums.clear();
        sums.resize(count * 4 * width, 0.0);
        for f in 0..F {
            let runs = [Run { start: 0, at: f * cin, len: cin }];
            let mut t = 0;
            while t < count {
                let rows = tile::rows_for(count - t);
                let a = &v[(f * count + t) * cin..];
                tile::tile(rows, block.vectors, a, strides, &runs, weights.block(block), &mut out);
                let sums = &mut sums[t * 4 * width..(t + rows) * 4 * width];
                wide(Gather { f, width, from: &out[..rows * width], sums });
                t += rows;
            }
        }
        for (t, sums) in sums.chunks_exact(4 * width).enumerate() {
            let [image, row, column] = tiles.at(t);
            for (k, sums) in sums.chunks_exact(width).enumerate() {
                let (i, j) = (row + k / 2, column + k % 2);
                if i < task.row + task.rows && j < tiles.ow {
                    let pixel = ((image - task.image) * task.rows + i - task.row) * tiles.ow + j;
                    weights.store(block, sums, bias, pixel, task.y);
                }
            }
        }
    }
}

/// `G g G'` of every weight, packed: the terms are all input channels of the first frequency, then of the next.
fn spread_weights(cpu: &Cpu, w: &[f32], cin: usize, cout: usize) -> Packed {
    let blocks = column_blocks(F * cin, cout);
    let mut data = cpu.alloc(F * cin * cout.div_ceil(LANES) * LANES);
    let mut rest = data.as_mut_slice();
    let mut pieces = Vec::new();
    for block in &blocks {
        let (piece, after) = rest.split_at_mut(F * cin * block.vectors * LANES);
        pieces.push((block, piece));
        rest = after;
    }
    pieces.into_par_iter().for_each(|(block, piece)| {
        let width = block.vectors * LANES;
        let valid = width.min(cout - block.first);
        if valid < width {
            piece.fill(0.0);
        }
        for c in 0..cin {
            let from: [&[f32]; 9] = std::array::from_fn(|t| {
                let at = (t * cin + c) * cout + block.first;
                &w[at..at + valid]
            });
            wide(Map {
                from,
                to: &mut piece[c * width..],
                stride: cin * width,
                f: spread_kernel,
            });
        }
    });
    Packed { data, blocks, columns: cout }
}

/// `gw` `[9,cin,cout]` from `x` and `gy`.
pub fn backward_w(cpu: &Cpu, x: &Image, gy: &Tensor, corner: (i32, i32), gw: &mut Tensor) {
    let [cin, cout] = [gw.shape()[1], gw.shape()[2]];
    let [n, oh, ow, _] = gy.shape().nhwc("conv2d");
    let of_images =
        |images: std::ops::Range<usize>, row: usize, rows: usize| Tiles { images, row, rows, ow, corner };
    // Chunks of whole rows of tiles; of several images where those are small.
    let rows = (CHUNK / ow.div_ceil(2)).max(1) * 2;
    let images = (CHUNK / of_images(0..1, 0, oh).len()).max(1);
    let chunks: Vec<Tiles> = (0..n)
        .step_by(images)
        .flat_map(|i| (0..oh).step_by(rows).map(move |row| (i, row)))
        .map(|(i, row)| of_images(i..(i + images).min(n), row, rows.min(oh - row)))
        .collect();
    let ranges = cin.div_ceil(RANGE);
    let splits = JOBS.div_ceil(ranges).min(chunks.len());
    let mut sums = cpu.alloc(splits * F * cin * cout);
    // `[splits, ranges, F, channels of the range, cout]`.
    let mut jobs = Vec::new();
    let mut rest = sums.as_mut_slice();
    for split in 0..splits {
        for range in 0..ranges {
            let channels = range * RANGE..((range + 1) * RANGE).min(cin);
            let (sums, after) = rest.split_at_mut(F * channels.len() * cout);
            rest = after;
            let of_split = chunks.len() * split / splits..chunks.len() * (split + 1) / splits;
            jobs.push((&chunks[of_split], channels, sums));
        }
    }
    jobs.into_par_iter().for_each(|(chunks, channels, sums)| {
        sums.fill(0.0);
        SPACE.with_borrow_mut(|[v, g]| {
            for tiles in chunks {
                add_chunk(x, gy, tiles, channels.clone(), [v, g], sums);
            }
        });
    });
    gather_weights(sums.as_slice(), splits, [cin, cout], gw.cpu_mut());
}

/// Adds `sum over tiles of (B' d B)[c] * (A gy A')[o]` for every frequency.
fn add_chunk(
    x: &Image,
    gy: &Tensor,
    tiles: &Tiles,
    channels: std::ops::Range<usize>,
    [v, g]: [&mut Vec<f32>; 2],
    sums: &mut [f32],
) {
    let [_, oh, _, cout] = gy.shape().nhwc("conv2d");
    let (count, c) = (tiles.len(), channels.len());
    v.resize(F * count * c, 0.0);
    tiles.spread(x, channels, v);
    let blocks = column_blocks(F * count, cout);
    // Where the last block is padded, what an earlier chunk left there is multiplied and thrown away.
    g.resize(F * count * cout.div_ceil(LANES) * LANES, 0.0);
    let zeros = vec![0.0; cout];
    for t in 0..count {
        let [image, row, column] = tiles.at(t);
        let outputs: [&[f32]; 4] = std::array::from_fn(|k| {
            let (i, j) = (row + k / 2, column + k % 2);
            let inside = i < tiles.row + tiles.rows && j < tiles.ow;
            match inside {
                true => &gy.cpu()[((image * oh + i) * tiles.ow + j) * cout..][..cout],
                false => &zeros[..],
            }
        });
        for block in &blocks {
            let width = block.vectors * LANES;
            let valid = width.min(cout - block.first);
            let from = outputs.map(|gy| &gy[block.first..block.first + valid]);
            wide(Map {
                from,
                to: &mut g[block.offset + t * width..],
                stride: count * width,
                f: spread_gradient,
            });
        }
    }
    let strides = Strides { step: c, row: 1 };
    let runs = [Run { start: 0, at: 0, len: count }];
    let mut out: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
    for f in 0..F {
        let (v, sums) = (&v[f * count * c..(f + 1) * count * c], &mut sums[f * c * cout..(f + 1) * c * cout]);
        for block in &blocks {
            let width = block.vectors * LANES;
            let valid = width.min(cout - block.first);
            let b = &g[block.offset + f * count * width..];
            let mut i = 0;
            while i < c {
                let rows = tile::rows_for(c - i);
                tile::tile(rows, block.vectors, &v[i..], strides, &runs, b, &mut out);
                let to = &mut sums[i * cout + block.first..];
                wide(AddRows {
                    from: &out[..rows * width],
                    width,
                    to,
                    stride: cout,
                    valid,
                });
                i += rows;
            }
        }
    }
}

/// `gw = G' (sum of the splits) G`.
fn gather_weights(sums: &[f32], splits: usize, [cin, cout]: [usize; 2], gw: &mut [f32]) {
    let size = cin * cout;
    let mut rows: Vec<Vec<&mut [f32]>> = (0..cin).map(|_| Vec::with_capacity(9)).collect();
    for tap in gw.chunks_exact_mut(size) {
        for (row, piece) in rows.iter_mut().zip(tap.chunks_exact_mut(cout)) {
            row.push(piece);
        }
    }
    rows.into_par_iter().enumerate().for_each(|(c, row)| {
        let range = c / RANGE;
        let channels = RANGE.min(cin - range * RANGE);
        let mut total = vec![0.0; F * cout];
        for split in 0..splits {
            let sums = &sums[(split * cin + range * RANGE) * F * cout..];
            for f in 0..F {
                let from = &sums[(f * channels + c % RANGE) * cout..][..cout];
                let to = &mut total[f * cout..(f + 1) * cout];
                wide(AddRows { from, width: cout, to, stride: cout, valid: cout });
            }
        }
        let mut nine = vec![0.0; 9 * cout];
        let from: [&[f32]; F] = std::array::from_fn(|f| &total[f * cout..(f + 1) * cout]);
        wide(Map {
            from,
            to: &mut nine,
            stride: cout,
            f: gather_kernel,
        });
        for (to, from) in row.into_iter().zip(nine.chunks_exact(cout)) {
            to.copy_from_slice(from);
        }
    });
}

/// `B'` along one axis.
#[inline(always)]
fn b([d0, d1, d2, d3]: [f32; 4]) -> [f32; 4] {
    [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
}

/// `G` along one axis.
#[inline(always)]
fn g([g0, g1, g2]: [f32; 3]) -> [f32; 4] {
    let outer = g0 + g2;
    [g0, 0.5 * (outer + g1), 0.5 * (outer - g1), g2]
}

/// `A` along one axis.
#[inline(always)]
fn a([y0, y1]: [f32; 2]) -> [f32; 4] {
    [y0, y0 + y1, y0 - y1, -y1]
}

/// `G'` along one axis.
#[inline(always)]
fn g_turned([u0, u1, u2, u3]: [f32; 4]) -> [f32; 3] {
    let sum = 0.5 * (u1 + u2);
    [u0 + sum, 0.5 * (u1 - u2), sum + u3]
}

/// An `I` by `I` square as `O` by `O`: `f` down the columns, then along the rows.
#[inline(always)]
fn both<const I: usize, const O: usize, const II: usize, const OO: usize>(
    x: [f32; II],
    f: impl Fn([f32; I]) -> [f32; O],
) -> [f32; OO] {
    let mut columns = [[0.0; O]; I];
    for (j, column) in columns.iter_mut().enumerate() {
        let mut of_column = [0.0; I];
        for (i, to) in of_column.iter_mut().enumerate() {
            *to = x[i * I + j];
        }
        *column = f(of_column);
    }
    let mut y = [0.0; OO];
    for i in 0..O {
        let mut of_row = [0.0; I];
        for (j, to) in of_row.iter_mut().enumerate() {
            *to = columns[j][i];
        }
        y[i * O..(i + 1) * O].copy_from_slice(&f(of_row));
    }
    y
}

#[inline(always)]
fn spread_patch(d: [f32; 16]) -> [f32; 16] {
    both(d, b)
}

#[inline(always)]
fn spread_kernel(w: [f32; 9]) -> [f32; 16] {
    both(w, g)
}

#[inline(always)]
fn spread_gradient(gy: [f32; 4]) -> [f32; 16] {
    both(gy, a)
}

#[inline(always)]
fn gather_kernel(u: [f32; 16]) -> [f32; 9] {
    both(u, g_turned)
}

/// `to[o * stride + i] = f(from[..][i])[o]` for every `i` of the slices, which have one length.
struct Map<'a, const I: usize, const O: usize, T: Fn([f32; I]) -> [f32; O]> {
    from: [&'a [f32]; I],
    to: &'a mut [f32],
    stride: usize,
    f: T,
}

impl<const I: usize, const O: usize, T: Fn([f32; I]) -> [f32; O]> Wide for Map<'_, I, O, T> {
    #[inline(always)]
    fn run(self) {
        let Map { from, to, stride, f } = self;
        let len = from[0].len();
        for at in (0..len).step_by(LANES) {
            let n = LANES.min(len - at);
            // Through arrays of one vector each, about which the compiler knows that they do not overlap.
            let mut x = [[0.0; LANES]; I];
            let mut y = [[0.0; LANES]; O];
            for (x, from) in x.iter_mut().zip(from) {
                match from[at..at + n].try_into() {
                    Ok(lane) => *x = lane,
                    Err(_) => x[..n].copy_from_slice(&from[at..at + n]),
                }
            }
            for i in 0..LANES {
                let mut one = [0.0; I];
                for (one, x) in one.iter_mut().zip(&x) {
                    *one = x[i];
                }
                for (y, value) in y.iter_mut().zip(f(one)) {
                    y[i] = value;
                }
            }
            for (o, y) in y.iter().enumerate() {
                let to = &mut to[o * stride + at..][..n];
                match <&mut Lane>::try_from(&mut *to) {
                    Ok(to) => *to = *y,
                    Err(_) => to.copy_from_slice(&y[..n]),
                }
            }
        }
    }
}

type Lane = [f32; LANES];

/// Adds a tile of frequency `f`, rows of `width`, to the four outputs of each row.
struct Gather<'a> {
    f: usize,
    width: usize,
    from: &'a [f32],
    sums: &'a mut [f32],
}

impl Wide for Gather<'_> {
    #[inline(always)]
    fn run(self) {
        let Gather { f, width, from, sums } = self;
        for k in 0..4 {
            let sign = A[k / 2][f / 4] * A[k % 2][f % 4];
            if sign == 0.0 {
                continue;
            }
            for (from, sums) in from.chunks_exact(width).zip(sums.chunks_exact_mut(4 * width)) {
                for (sum, x) in sums[k * width..(k + 1) * width].iter_mut().zip(from) {
                    *sum += sign * x;
                }
            }
        }
    }
}

/// Adds rows of `width`, of which `valid` count, to rows that lie `stride` apart.
struct AddRows<'a> {
    from: &'a [f32],
    width: usize,
    to: &'a mut [f32],
    stride: usize,
    valid: usize,
}

impl Wide for AddRows<'_> {
    #[inline(always)]
    fn run(self) {
        let AddRows { from, width, to, stride, valid } = self;
        for (to, from) in to.chunks_mut(stride).zip(from.chunks_exact(width)) {
            for (to, from) in to[..valid].iter_mut().zip(&from[..valid]) {
                *to += from;
            }
        }
    }
}
