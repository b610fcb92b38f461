//! Convolutions of stride 1 with fewer multiplications: Winograd's F(4x4, 3x3) and F(4x4, 5x5).
//!
//! ```text
//! y = A' [ (G g G') * (B' d B) ] A        for 4x4 outputs y, the patch d that they read, weights g
//! ```
//!
//! A patch has 6x6 or 8x8 pixels. The product in the middle is one of numbers for each of 36 or 64 *frequencies*, and
//! summed over the input channels a product of matrices for each of them: 2.25 or 4 multiplications an output in the place
//! of 9 or 25. Dilated kernels are the same on every second pixel. The gradient of the input is such a convolution, that of
//! the weights the adjoint of the formula, `G' [ (B' d B) * (A gy A') ] G`. Sums run over channels and tiles in a fixed
//! order.
//!
//! Of sums of 160 channels the largest error is 3e-6 and 1e-5 of the largest sum, where adding term by term loses 1e-6 and
//! 2e-6: the points are those of all tried that lose least.

mod costs;
mod forms;
mod weights;

use std::array::from_fn;
use std::cell::{Cell, RefCell};
use std::ops::Range;

use rayon::prelude::*;

use super::packed::{Block, Packed, pieces};
use super::{Epilogue, Image, SMALL, Task, tasks};
use crate::device::Cpu;
use crate::device::cpu::gemm::Store;
use crate::device::cpu::scratch::Scratch;
use crate::device::cpu::tile::{self, LANES, Rows, Run, Strides};
use crate::device::cpu::wide::prefetch;
use crate::tensor::Tensor;
use forms::{Form, OUTPUTS};
pub use weights::backward_w;

/// Least and most tiles of a task: what is transformed should stay in the caches.
const TILES: [usize; 2] = [8, 32];
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
) -> Option<(Vec<Square>, Vec<usize>)> {
    if stride != 1 || taps.len() < 9 {
        return None;
    }
    let [h, w] = out.map(|side| side as f64);
    let mut left: Vec<usize> = (0..taps.len()).collect();
    let mut found = Vec::new();
    for (form, dilation) in [(Form::Five, 1), (Form::Five, 2), (Form::Three, 1), (Form::Three, 2)] {
        // Tiles may reach beyond the image.
        let covered: usize = out.iter().map(|side| side.next_multiple_of(OUTPUTS * dilation)).product();
        let tiles = (BATCH * covered / OUTPUTS.pow(2)) as f64;
        let of_pixels = costs::of_pixels(form);
        let transforms = of_pixels / cin as f64 + of_pixels / cout as f64 + costs::OF_WEIGHTS / tiles;
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
    /// Transformed patches, products and outputs of the current columns.
    static SPACE: RefCell<[Scratch; 3]> = RefCell::default();
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
        SPACE.with_borrow_mut(|space| {
            let tiles = Tiles {
                square,
                images: task.image..task.image + task.images,
                row: task.row,
                rows: task.rows,
                ow,
            };
            multiply(&weights, &tiles, x, space, end, store, &mut task);
        });
    };
    // A task reads all weights, so that there are as few as give every thread one. Each output is the same sum either way.
    let tiles = n * oh.div_ceil(OUTPUTS) * ow.div_ceil(OUTPUTS) / rayon::current_num_threads();
    let pixels = tiles.clamp(TILES[0], TILES[1]) * OUTPUTS.pow(2);
    cpu.run(|| {
        tasks(y.cpu_mut(), [n, oh, ow, cout], OUTPUTS * square.dilation, pixels)
            .into_par_iter()
            .for_each(run);
    });
}

/// Floats from one frequency to the next where each has `len`: an odd number of cache lines, since a power of two apart they
/// would all want the same few places of the caches.
fn apart(len: usize) -> usize {
    (len.div_ceil(LANES) | 1) * LANES
}

/// The tiles of 4x4 outputs that cover some rows of some images. With a dilation, outputs of a tile are that far apart, and
/// tiles lie between each other.
struct Tiles<'a> {
    square: &'a Square,
    images: Range<usize>,
    row: usize,
    rows: usize,
    ow: usize,
}

impl Tiles<'_> {
    /// Outputs along an axis that tiles between each other cover together.
    fn reach(&self) -> usize {
        OUTPUTS * self.square.dilation
    }

    fn per_row(&self) -> usize {
        self.ow.div_ceil(self.reach()) * self.square.dilation
    }

    fn per_image(&self) -> usize {
        self.rows.div_ceil(self.reach()) * self.square.dilation * self.per_row()
    }

    fn len(&self) -> usize {
        self.images.len() * self.per_image()
    }

    /// Image, row and column of the first output of tile `t`.
    fn at(&self, t: usize) -> [usize; 3] {
        let d = self.square.dilation;
        let (image, t) = (t / self.per_image(), t % self.per_image());
        let place = |i: usize| i / d * self.reach() + i % d;
        let (i, j) = (t / self.per_row(), t % self.per_row());
        [self.images.start + image, self.row + place(i), place(j)]
    }

    /// The outputs of tile `t` that exist, row by row, as image, row and column.
    fn outputs(&self, t: usize) -> [Option<[usize; 3]>; OUTPUTS * OUTPUTS] {
        let d = self.square.dilation;
        let [image, row, column] = self.at(t);
        from_fn(|k| {
            let (i, j) = (row + k / OUTPUTS * d, column + k % OUTPUTS * d);
            (i < self.row + self.rows && j < self.ow).then_some([image, i, j])
        })
    }

    /// `B' d B` of every tile, `[frequencies, tiles, channels]`, from one frequency to the next `stride` floats.
    fn spread(&self, x: &Image, to: &mut [f32], stride: usize) {
        let &Square { form, dilation, corner, .. } = self.square;
        let zeros = vec![0.0; x.c];
        for t in 0..self.len() {
            let [image, row, column] = self.at(t);
            let pixel = |i: usize, j: usize| {
                let i = (row + i * dilation) as i32 + corner.0;
                let j = (column + j * dilation) as i32 + corner.1;
                match (0..x.h as i32).contains(&i) && (0..x.w as i32).contains(&j) {
                    true => &x.data[((image * x.h + i as usize) * x.w + j as usize) * x.c..][..x.c],
                    false => &zeros[..],
                }
            };
            form.of_patch(pixel, &mut to[t * x.c..], stride);
        }
    }
}

/// The outputs of some tiles: the products of all frequencies, gathered for a block of columns at a time.
fn multiply(
    weights: &Packed,
    tiles: &Tiles,
    x: &Image,
    [v, products, outputs]: &mut [Scratch; 3],
    end: Epilogue<[f32]>,
    store: Store,
    task: &mut Task,
) {
    let (form, count, cin) = (tiles.square.form, tiles.len(), x.c);
    let patch = form.patch();
    let of_frequency = apart(count * cin);
    let v = v.floats(form.frequencies() * of_frequency);
    tiles.spread(x, v, of_frequency);
    let strides = Strides { step: 1, row: cin };
    for block in &weights.blocks {
        let width = block.vectors * LANES;
        let stride = apart(count * width);
        let products = products.floats(form.frequencies() * stride);
        let b = weights.block(block);
        for (f, products) in products.chunks_exact_mut(stride).enumerate() {
            let runs = [Run { start: 0, at: f * (cin + 1), len: cin }];
            let mut t = 0;
            while t < count {
                let rows = tile::rows_for(count - t);
                // A share of the next frequency's weights, which come from far.
                let next = |t: usize| ((f + 1) * (cin + 1) + cin * t / count) * width;
                for at in (next(t)..next(t + rows)).step_by(LANES) {
                    prefetch(b, at);
                }
                let a = &v[f * of_frequency + t * cin..];
                let to = Rows { data: &mut products[t * width..], stride: width };
                tile::tile(rows, block.vectors, a, strides, &runs, b, to);
                t += rows;
            }
        }
        let outputs = outputs.floats(OUTPUTS.pow(2) * width);
        for t in 0..count {
            let product = |i: usize, j: usize| &products[(i * patch + j) * stride + t * width..][..width];
            form.outputs_of(product, outputs, width);
            for (sums, output) in outputs.chunks_exact(width).zip(tiles.outputs(t)) {
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

/// `G g G'` of every weight, packed: the terms are all input channels of the first frequency and one of nothing, which keeps
/// frequencies [`apart`], then those of the next. Where the last block is padded it holds what was left there: such columns are
/// multiplied and thrown away.
fn spread_weights(cpu: &Cpu, w: &[f32], square: &Square, cin: usize, cout: usize) -> Packed {
    let Square { form, which, .. } = square;
    let terms = form.frequencies() * (cin + 1);
    let mut packed = Packed::empty(cpu, terms, cout);
    let zeros = vec![0.0; cout];
    let spread = |(block, piece): (&Block, &mut [f32])| {
        let width = block.vectors * LANES;
        let valid = width.min(cout - block.first);
        for c in 0..cin {
            let weight = |i: usize, j: usize| match which[i * form.side() + j] {
                Some(t) => &w[(t * cin + c) * cout + block.first..][..valid],
                None => &zeros[..valid],
            };
            form.of_kernel(weight, &mut piece[c * width..], (cin + 1) * width);
        }
    };
    cpu.run(|| {
        let pieces = pieces(&packed.blocks, terms, packed.data.as_mut_slice());
        pieces.into_par_iter().for_each(spread);
    });
    packed
}
