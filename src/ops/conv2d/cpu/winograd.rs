//! Convolutions of stride 1 with fewer multiplications: Winograd's F(2x2, 3x3) and F(2x2, 5x5).
//!
//! ```text
//! y = A' [ (G g G') * (B' d B) ] A        for 2x2 outputs y, the patch d that they read, weights g
//! ```
//!
//! A patch has 4x4 or 6x6 pixels. The product in the middle is one of numbers for each of 16 or 36 *frequencies*, and
//! summed over the input channels a product of matrices for each of them: 4 or 9 multiplications an output in the place of
//! 9 or 25. Dilated kernels are the same on every second pixel. The gradient of the input is such a convolution, that of
//! the weights the adjoint of the formula, `G' [ (B' d B) * (A gy A') ] G`. Sums run over channels and tiles in a fixed
//! order.
//!
//! The points of F(2x2, 5x5) are 0, 1, -1, 1/2, -2 and infinity, of which sums of 160 channels and 25 taps lose 2e-6 of the
//! largest; with the customary 0, 1, -1, 2, -2 it is 6e-6.

mod costs;
mod forms;
mod weights;

use std::array::from_fn;
use std::cell::{Cell, RefCell};
use std::ops::Range;

use rayon::prelude::*;

use super::packed::{Block, Packed, column_blocks, pieces};
use super::{Epilogue, Image, SMALL, Task, tasks};
use crate::device::Cpu;
use crate::device::cpu::gemm::Store;
use crate::device::cpu::scratch::Scratch;
use crate::device::cpu::tile::{self, LANES, MAX_ROWS, MAX_VECTORS, Run, Strides, Tile};
use crate::device::cpu::wide::{Wide, wide};
use crate::tensor::Tensor;
pub use costs::Sought;
use forms::Form;
pub use weights::backward_w;

/// Images of a usual batch: bits should not depend on how many there are.
const BATCH: usize = 16;

/// Taps that form a square, `dilation` apart from each other.
pub struct Square {
    form: Form,
    dilation: usize,
    corner: (i32, i32),
    /// Row by row, which tap of the convolution each place is; none if another square has it, or nobody.
    which: Vec<Option<usize>>,
}

/// The squares that the taps of a convolution with stride 1 to an image of `out` hold, if it is faster by them, and
/// which taps are left.
pub fn squares(
    taps: &[(i32, i32)],
    stride: usize,
    [cin, cout]: [usize; 2],
    out: [usize; 2],
    sought: Sought,
) -> Option<(Vec<Square>, Vec<usize>)> {
    if stride != 1 || taps.len() < 9 {
        return None;
    }
    let [h, w] = out.map(|side| side as f64);
    let mut left: Vec<usize> = (0..taps.len()).collect();
    let mut found = Vec::new();
    for (form, dilation) in [(Form::Five, 1), (Form::Five, 2), (Form::Three, 1), (Form::Three, 2)] {
        // Tiles may reach beyond the image.
        let covered: usize = out.iter().map(|side| side.next_multiple_of(2 * dilation)).product();
        let tiles = (BATCH * covered / 4) as f64;
        let of_pixels = costs::of_pixels(form, sought);
        let transforms = of_pixels / cin as f64 + of_pixels / cout as f64 + costs::of_weights(form) / tiles;
        let break_even = form.multiplications() * covered as f64 / (h * w) * (1.0 + transforms);
        let least = if ALWAYS.get() { 0.0 } else { break_even };
        for &corner in taps {
            let Some(places) = places(taps, form, dilation, corner) else {
                continue;
            };
            let which: Vec<Option<usize>> =
                places.into_iter().map(|t| left.contains(&t).then_some(t)).collect();
            // A tap far away meets few pixels of a small image, and the direct way leaves out rows that it does not meet,
            // and columns where it goes across images.
            let met = |&t: &usize| {
                let share = |d: i32, side: f64| (1.0 - f64::from(d.abs()) / side).max(0.0);
                let columns = if out[0] * out[1] <= SMALL {
                    share(taps[t].1, w)
                } else {
                    1.0
                };
                share(taps[t].0, h) * columns
            };
            if which.iter().flatten().map(met).sum::<f64>() > least {
                left.retain(|t| !which.contains(&Some(*t)));
                found.push(Square { form, dilation, corner, which });
            }
        }
    }
    (!found.is_empty()).then_some((found, left))
}

/// Does `f`, in which every square of taps counts as faster.
pub fn with_squares<T>(f: impl FnOnce() -> T) -> T {
    let before = ALWAYS.replace(true);
    let done = f();
    ALWAYS.set(before);
    done
}

/// The tap at each place of a square with this corner, if all are there.
fn places(taps: &[(i32, i32)], form: Form, dilation: usize, corner: (i32, i32)) -> Option<Vec<usize>> {
    let d = dilation as i32;
    let k = form.side() as i32;
    let wanted = (0..k * k).map(|t| (corner.0 + d * (t / k), corner.1 + d * (t % k)));
    wanted.map(|tap| taps.iter().position(|t| *t == tap)).collect()
}

thread_local! {
    /// Whether squares count as faster, see [`with_squares`].
    static ALWAYS: Cell<bool> = const { Cell::new(false) };
    /// Transformed patches, and outputs of the current columns.
    static SPACE: RefCell<[Scratch; 2]> = RefCell::default();
}

/// `y` from `x` and `w` `[taps,cin,cout]` by the taps of a square; what is added to has its bias.
pub fn correlate(
    cpu: &Cpu,
    x: &Image,
    w: &[f32],
    square: &Square,
    end: Epilogue<[f32]>,
    store: Store,
    y: &mut Tensor,
) {
    let [n, oh, ow, cout] = y.shape().nhwc("conv2d");
    let weights = spread_weights(cpu, w, square, x.c, cout);
    let run = |mut task: Task| {
        SPACE.with_borrow_mut(|[v, sums]| {
            let tiles = Tiles {
                square,
                images: task.image..task.image + task.images,
                row: task.row,
                rows: task.rows,
                ow,
            };
            let v = tiles.spread(x, 0..x.c, v);
            multiply(&weights, &tiles, v, sums, end, store, &mut task);
        });
    };
    cpu.run(|| {
        tasks(y.cpu_mut(), [n, oh, ow, cout], 2 * square.dilation)
            .into_par_iter()
            .for_each(run);
    });
}

/// The tiles of 2x2 outputs that cover some rows of some images. With a dilation, outputs of a tile are that far apart, and
/// tiles lie between each other.
struct Tiles<'a> {
    square: &'a Square,
    images: Range<usize>,
    row: usize,
    rows: usize,
    ow: usize,
}

impl Tiles<'_> {
    fn per_row(&self) -> usize {
        self.ow.next_multiple_of(2 * self.square.dilation) / 2
    }

    fn per_image(&self) -> usize {
        self.rows.next_multiple_of(2 * self.square.dilation) / 2 * self.per_row()
    }

    fn len(&self) -> usize {
        self.images.len() * self.per_image()
    }

    /// Image, row and column of the first output of tile `t`.
    fn at(&self, t: usize) -> [usize; 3] {
        let d = self.square.dilation;
        let (image, t) = (t / self.per_image(), t % self.per_image());
        let place = |i: usize| i / d * 2 * d + i % d;
        let (i, j) = (t / self.per_row(), t % self.per_row());
        [self.images.start + image, self.row + place(i), place(j)]
    }

    /// The four outputs of tile `t` that exist, as image, row and column.
    fn outputs(&self, t: usize) -> [Option<[usize; 3]>; 4] {
        let d = self.square.dilation;
        let [image, row, column] = self.at(t);
        from_fn(|k| {
            let (i, j) = (row + k / 2 * d, column + k % 2 * d);
            (i < self.row + self.rows && j < self.ow).then_some([image, i, j])
        })
    }

    /// `B' d B` of every tile over some channels, `[frequencies, tiles, channels]`.
    fn spread<'a>(&self, x: &Image, channels: Range<usize>, space: &'a mut Scratch) -> &'a [f32] {
        let to = space.floats(self.square.form.frequencies() * self.len() * channels.len());
        match self.square.form {
            Form::Three => self.spread_by(x, channels, to, forms::three::patch),
            Form::Five => self.spread_by(x, channels, to, forms::five::patch),
        }
        to
    }

    fn spread_by<const P: usize>(
        &self,
        x: &Image,
        channels: Range<usize>,
        to: &mut [f32],
        f: impl Fn([f32; P]) -> [f32; P] + Copy,
    ) {
        let &Square { dilation, corner, .. } = self.square;
        let c = channels.len();
        let zeros = vec![0.0; c];
        let stride = self.len() * c;
        for t in 0..self.len() {
            let [image, row, column] = self.at(t);
            let pixel = |i: usize, j: usize| {
                let i = (row + i * dilation) as i32 + corner.0;
                let j = (column + j * dilation) as i32 + corner.1;
                match (0..x.h as i32).contains(&i) && (0..x.w as i32).contains(&j) {
                    true => {
                        let at = ((image * x.h + i as usize) * x.w + j as usize) * x.c;
                        &x.data[at + channels.start..at + channels.end]
                    }
                    false => &zeros[..],
                }
            };
            let from: [[&[f32]; P]; P] = from_fn(|i| from_fn(|j| pixel(i, j)));
            wide(forms::Square { from, to: &mut to[t * c..], stride, f });
        }
    }
}

/// The products of all frequencies, gathered into outputs, for a block of columns at a time.
fn multiply(
    weights: &Packed,
    tiles: &Tiles,
    v: &[f32],
    sums: &mut Scratch,
    end: Epilogue<[f32]>,
    store: Store,
    task: &mut Task,
) {
    let (form, count) = (tiles.square.form, tiles.len());
    let cin = v.len() / (form.frequencies() * count);
    let strides = Strides { step: 1, row: cin };
    let mut out: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
    for block in &weights.blocks {
        let width = block.vectors * LANES;
        let sums = sums.floats(count * 4 * width);
        sums.fill(0.0);
        for f in 0..form.frequencies() {
            let runs = [Run { start: 0, at: f * cin, len: cin }];
            let mut t = 0;
            while t < count {
                let rows = tile::rows_for(count - t);
                let a = &v[(f * count + t) * cin..];
                tile::tile(rows, block.vectors, a, strides, &runs, weights.block(block), &mut out);
                let sums = &mut sums[t * 4 * width..(t + rows) * 4 * width];
                wide(Gather {
                    share: form.share(f),
                    width,
                    from: &out[..rows * width],
                    sums,
                });
                t += rows;
            }
        }
        for (t, sums) in sums.chunks_exact(4 * width).enumerate() {
            for (sums, output) in sums.chunks_exact(width).zip(tiles.outputs(t)) {
                let Some([image, i, j]) = output else {
                    continue;
                };
                let pixel = ((image - task.image) * task.rows + i - task.row) * tiles.ow + j;
                match store {
                    Store::Add => weights.add(block, sums, end.relu, pixel, task.y),
                    Store::Overwrite => weights.store(block, sums, end, pixel, task.y),
                }
            }
        }
    }
}

/// `G g G'` of every weight, packed: the terms are all input channels of the first frequency, then of the next.
fn spread_weights(cpu: &Cpu, w: &[f32], square: &Square, cin: usize, cout: usize) -> Packed {
    let terms = square.form.frequencies() * cin;
    let blocks = column_blocks(terms, cout);
    let mut data = cpu.alloc(terms * cout.div_ceil(LANES) * LANES);
    let zeros = vec![0.0; cout];
    let spread = |(block, piece): (&Block, &mut [f32])| {
        let width = block.vectors * LANES;
        let valid = width.min(cout - block.first);
        if valid < width {
            piece.fill(0.0);
        }
        for c in 0..cin {
            let row = |place: usize| match square.which[place] {
                Some(t) => &w[(t * cin + c) * cout + block.first..][..valid],
                None => &zeros[..valid],
            };
            let (to, stride) = (&mut piece[c * width..], cin * width);
            match square.form {
                Form::Three => {
                    let from = from_fn(|i| from_fn(|j| row(3 * i + j)));
                    wide(forms::Square { from, to, stride, f: forms::three::kernel });
                }
                Form::Five => {
                    let from = from_fn(|i| from_fn(|j| row(5 * i + j)));
                    wide(forms::Square { from, to, stride, f: forms::five::kernel });
                }
            }
        }
    };
    cpu.run(|| {
        let pieces = pieces(&blocks, terms, data.as_mut_slice());
        pieces.into_par_iter().for_each(spread);
    });
    Packed { data, blocks, columns: cout }
}

/// Adds rows of `width` of one frequency to the four outputs of each tile, by their shares.
struct Gather<'a> {
    share: [f32; 4],
    width: usize,
    from: &'a [f32],
    sums: &'a mut [f32],
}

impl Wide for Gather<'_> {
    #[inline(always)]
    fn run(self) {
        let Gather { share, width, from, sums } = self;
        for (k, share) in share.into_iter().enumerate() {
            if share == 0.0 {
                continue;
            }
            for (from, sums) in from.chunks_exact(width).zip(sums.chunks_exact_mut(4 * width)) {
                for (sum, x) in sums[k * width..(k + 1) * width].iter_mut().zip(from) {
                    *sum += share * x;
                }
            }
        }
    }
}
