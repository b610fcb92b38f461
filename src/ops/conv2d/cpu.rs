//! CPU kernels of the convolution: every tap reads the image in place, tile by tile.
//!
//! How work is cut may depend on the number of threads, in which order each number is summed does not: bits are the same.

mod packed;
mod weights;
mod winograd;

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::{Epilogue, TapConv};
use crate::device::Cpu;
use crate::device::cpu::gemm::Store;
use crate::device::cpu::scratch::Scratch;
use crate::device::cpu::tile::{self, LANES, MAX_ROWS, MAX_VECTORS, Run, Strides, Tile};
use crate::tensor::Tensor;
use packed::{Packed, Pixels, Terms, chosen, transposed};
pub(super) use weights::backward_w;
pub(super) use winograd::with_squares;

/// Pixels per task: their inputs and one block of weights share the second-level cache.
const PIXELS: usize = 256;

pub(super) fn forward(
    cpu: &Cpu,
    conv: &TapConv,
    x: &Tensor,
    w: &Tensor,
    end: Epilogue<Tensor>,
    y: &mut Tensor,
) {
    let [_, cin, cout] = [w.shape()[0], w.shape()[1], w.shape()[2]];
    let image = Image::of(x);
    let end = Epilogue { bias: end.bias.map(Tensor::cpu), relu: end.relu };
    if by_squares(cpu, &image, &conv.taps, conv.stride, w.cpu(), end, y) {
        return;
    }
    let part = Part {
        taps: conv.taps.clone(),
        weights: Packed::new(cpu, w.cpu(), conv.taps.len() * cin, cout),
        at: [0, 0],
    };
    cpu.run(|| correlate(&image, &[part], conv.stride, 1, end, y));
}

pub(super) fn backward_x(cpu: &Cpu, conv: &TapConv, gy: &Tensor, w: &Tensor, gx: &mut Tensor) {
    let [cin, cout] = [w.shape()[1], w.shape()[2]];
    let residues = conv.adjoint();
    if let [residue] = &residues[..] {
        let turned = transposed(cpu, w.cpu(), &residue.which, cin, cout);
        if by_squares(cpu, &Image::of(gy), &residue.taps, 1, turned.as_slice(), Epilogue::NONE, gx) {
            return;
        }
    }
    let parts: Vec<Part> = residues
        .into_iter()
        .map(|residue| {
            let turned = transposed(cpu, w.cpu(), &residue.which, cin, cout);
            Part {
                weights: Packed::new(cpu, turned.as_slice(), residue.which.len() * cout, cin),
                taps: residue.taps,
                at: residue.at,
            }
        })
        .collect();
    cpu.run(|| correlate(&Image::of(gy), &parts, 1, conv.stride, Epilogue::NONE, gx));
}

/// The convolution by the squares among its taps, if that is faster; whether it was.
fn by_squares(
    cpu: &Cpu,
    x: &Image,
    taps: &[(i32, i32)],
    stride: usize,
    w: &[f32],
    end: Epilogue<[f32]>,
    y: &mut Tensor,
) -> bool {
    let [_, oh, ow, cout] = y.shape().nhwc("conv2d");
    let Some((squares, left)) = winograd::squares(taps, stride, [x.c, cout], [oh, ow]) else {
        return false;
    };
    if !left.is_empty() {
        let part = Part {
            taps: left.iter().map(|&t| taps[t]).collect(),
            weights: Packed::new(cpu, chosen(cpu, w, &left, x.c * cout).as_slice(), left.len() * x.c, cout),
            at: [0, 0],
        };
        cpu.run(|| correlate(x, &[part], 1, 1, Epilogue { relu: false, ..end }, y));
    }
    for (i, square) in squares.iter().enumerate() {
        // The first of the sums takes the bias, and only all of them are rectified.
        let store = match i > 0 || !left.is_empty() {
            true => Store::Add,
            false => Store::Overwrite,
        };
        let relu = end.relu && i + 1 == squares.len();
        winograd::correlate(cpu, x, w, square, Epilogue { relu, ..end }, store, y);
    }
    true
}

/// Whether a convolution goes by squares.
pub(super) fn has_squares(taps: &[(i32, i32)], stride: usize, channels: [usize; 2], out: [usize; 2]) -> bool {
    winograd::squares(taps, stride, channels, out).is_some()
}

/// An image batch in memory.
struct Image<'a> {
    data: &'a [f32],
    h: usize,
    w: usize,
    c: usize,
}

impl<'a> Image<'a> {
    fn of(x: &'a Tensor) -> Image<'a> {
        let [_, h, w, c] = x.shape().nhwc("conv2d");
        Image { data: x.cpu(), h, w, c }
    }
}

/// One convolution with its own taps, whose outputs land at `at + out_step * (i, j)`.
struct Part {
    taps: Vec<(i32, i32)>,
    weights: Packed,
    at: [usize; 2],
}

/// The window of input pixels that a set of taps reaches around the pixel `(i, j) * stride`.
struct Reach {
    top: i32,
    left: i32,
    bottom: i32,
    right: i32,
}

impl Reach {
    fn of(taps: &[(i32, i32)]) -> Reach {
        Reach {
            top: taps.iter().map(|t| t.0).min().unwrap_or(0),
            left: taps.iter().map(|t| t.1).min().unwrap_or(0),
            bottom: taps.iter().map(|t| t.0).max().unwrap_or(0),
            right: taps.iter().map(|t| t.1).max().unwrap_or(0),
        }
    }
}

/// A piece of the output: whole images, or some rows of one image.
struct Task<'a> {
    y: &'a mut [f32],
    image: usize,
    images: usize,
    row: usize,
    rows: usize,
}

fn correlate(
    x: &Image,
    parts: &[Part],
    stride: usize,
    out_step: usize,
    end: Epilogue<[f32]>,
    y: &mut Tensor,
) {
    let [n, oh, ow, cout] = y.shape().nhwc("conv2d");
    let across = images_across(parts, [n, oh, ow]);
    let tasks = match across {
        Some(images) => whole_images(y.cpu_mut(), [n, oh, ow, cout], images),
        // A small batch gets smaller tasks, so that there is work for several cores.
        None => tasks(y.cpu_mut(), [n, oh, ow, cout], out_step, (n * oh * ow / 8).clamp(32, PIXELS)),
    };
    let run = |mut task: Task| {
        for part in parts {
            match across {
                Some(_) => part.run_across(x, stride, out_step, ow, end, &mut task),
                None => part.run(x, stride, out_step, ow, end, &mut task),
            }
        }
    };
    match tasks.len() {
        0..=1 => tasks.into_iter().for_each(run),
        _ => tasks.into_par_iter().for_each(run),
    }
}

/// Cuts the output into tasks of about so many pixels; row cuts are multiples of `out_step`.
fn tasks(y: &mut [f32], [n, oh, ow, cout]: [usize; 4], out_step: usize, pixels: usize) -> Vec<Task<'_>> {
    let (images, rows) = if oh * ow <= pixels {
        (pixels / (oh * ow).max(1), oh)
    } else {
        (1, pixels.div_ceil(ow * out_step) * out_step)
    };
    let mut tasks = Vec::new();
    let mut rest = y;
    let mut image = 0;
    while image < n {
        let images = images.min(n - image);
        let mut row = 0;
        while row < oh {
            let rows = rows.min(oh - row);
            let (piece, after) = rest.split_at_mut(images * rows * ow * cout);
            rest = after;
            tasks.push(Task { y: piece, image, images, row, rows });
            row += rows;
        }
        image += images;
    }
    tasks
}

/// Cuts the output into tasks of so many whole images.
fn whole_images(y: &mut [f32], [n, oh, ow, cout]: [usize; 4], images: usize) -> Vec<Task<'_>> {
    let pieces = y.chunks_mut((images * oh * ow * cout).max(1)).enumerate();
    let task = |(i, y)| Task {
        y,
        image: i * images,
        images: images.min(n - i * images),
        row: 0,
        rows: oh,
    };
    pieces.map(task).collect()
}

/// Most pixels of an image of which so large a share has taps outside that leaving them out is worth reading images that
/// lie far apart.
const SMALL: usize = 64;

/// How many images a task takes where tiles go across images; none where they go along rows.
fn images_across(parts: &[Part], [n, oh, ow]: [usize; 3]) -> Option<usize> {
    let reaches = parts.iter().flat_map(|part| &part.taps).any(|tap| *tap != (0, 0));
    // Bits are the same either way, so the number of threads may decide: each should have a task.
    let enough = |images: usize| n >= images * rayon::current_num_threads();
    (reaches && oh * ow <= SMALL && enough(4)).then_some(if enough(16) { 8 } else { 4 })
}

thread_local! {
    /// Zero-padded input rows of the current task.
    static ROWS: RefCell<Scratch> = RefCell::default();
}

impl Part {
    /// Positions of this part among the task's rows and the image's columns.
    fn positions(&self, task: &Task, out_step: usize, ow: usize) -> [usize; 2] {
        let count = |size: usize, at: usize| size.saturating_sub(at).div_ceil(out_step);
        [count(task.rows, self.at[0]), count(ow, self.at[1])]
    }

    /// With tiles of one position in several whole images: of each position all taps outside are left out, above and below,
    /// left and right, which pays where images are small.
    fn run_across(
        &self,
        x: &Image,
        stride: usize,
        out_step: usize,
        ow: usize,
        end: Epilogue<[f32]>,
        task: &mut Task,
    ) {
        let [rows, columns] = self.positions(task, out_step, ow);
        let chains = chains(&self.taps);
        let size = x.h * x.w * x.c;
        let images = &x.data[task.image * size..(task.image + task.images) * size];
        let strides = Strides { step: 1, row: size };
        let step = task.rows * ow;
        let mut runs = Vec::with_capacity(chains.len());
        let mut spare: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
        for block in &self.weights.blocks {
            for position in 0..rows * columns {
                let (i, j) = (position / columns, position % columns);
                runs.clear();
                let mut tap = 0;
                for &chain in &chains {
                    let (row, first) =
                        ((i * stride) as i32 + self.taps[tap].0, (j * stride) as i32 + self.taps[tap].1);
                    let from = (-first).clamp(0, chain as i32);
                    let until = (x.w as i32 - first).clamp(from, chain as i32);
                    if (0..x.h as i32).contains(&row) && from < until {
                        runs.push(Run {
                            start: (row as usize * x.w + (first + from) as usize) * x.c,
                            at: (tap + from as usize) * x.c,
                            len: (until - from) as usize * x.c,
                        });
                    }
                    tap += chain;
                }
                let at = (i * out_step + self.at[0]) * ow + j * out_step + self.at[1];
                let mut image = 0;
                while image < task.images {
                    let count = tile::rows_for(task.images - image);
                    let terms = Terms { a: &images[image * size..], strides, runs: &runs };
                    let to = Pixels { y: task.y, first: image * step + at, step, count };
                    self.weights.tile(block, terms, end, to, &mut spare);
                    image += count;
                }
            }
        }
    }

    fn run(
        &self,
        x: &Image,
        stride: usize,
        out_step: usize,
        ow: usize,
        end: Epilogue<[f32]>,
        task: &mut Task,
    ) {
        let [rows, columns] = self.positions(task, out_step, ow);
        if rows == 0 || columns == 0 {
            return;
        }
        let reach = Reach::of(&self.taps);
        let first = ((task.row / out_step) * stride) as i32;
        let height = (rows - 1) * stride + (reach.bottom - reach.top) as usize + 1;
        let width = (columns - 1) * stride + (reach.right - reach.left) as usize + 1;
        let mut tap = 0;
        let all: Vec<(i32, Run)> = chains(&self.taps)
            .into_iter()
            .map(|chain| {
                let (dy, dx) = self.taps[tap];
                let run = Run {
                    start: ((dy - reach.top) as usize * width + (dx - reach.left) as usize) * x.c,
                    at: tap * x.c,
                    len: chain * x.c,
                };
                tap += chain;
                (dy, run)
            })
            .collect();
        let mut runs = Vec::with_capacity(all.len());
        ROWS.with_borrow_mut(|space| {
            let padded = pad(
                x,
                task.image..task.image + task.images,
                [first + reach.top, reach.left],
                [height, width],
                space,
            );
            let strides = Strides { step: 1, row: stride * x.c };
            let mut spare: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
            for block in &self.weights.blocks {
                for line in 0..task.images * rows {
                    let (image, i) = (line / rows, line % rows);
                    // Taps above or below the image would add zeros.
                    let row = first + (i * stride) as i32;
                    let inside = |dy: i32| (0..x.h as i32).contains(&(row + dy));
                    runs.clear();
                    runs.extend(all.iter().filter(|tap| inside(tap.0)).map(|tap| tap.1));
                    let line = (image * height + i * stride) * width * x.c;
                    let line_of_y = (image * task.rows + i * out_step + self.at[0]) * ow;
                    let mut j = 0;
                    while j < columns {
                        let count = tile::rows_for(columns - j);
                        let a = &padded[line + j * stride * x.c..];
                        let terms = Terms { a, strides, runs: &runs };
                        let pixel = line_of_y + j * out_step + self.at[1];
                        let to = Pixels { y: task.y, first: pixel, step: out_step, count };
                        self.weights.tile(block, terms, end, to, &mut spare);
                        j += count;
                    }
                }
            }
        });
    }
}

/// Copies the window `[height, width]` that starts at `[top, left]` of some images, zeros outside the image.
fn pad<'a>(
    x: &Image,
    images: Range<usize>,
    [top, left]: [i32; 2],
    [height, width]: [usize; 2],
    space: &'a mut Scratch,
) -> &'a [f32] {
    let to = space.floats(images.len() * height * width * x.c);
    to.fill(0.0);
    pad_into(x, images, [top, left], [height, width], to);
    to
}

/// The same into a slice that holds zeros where the window leaves the image.
fn pad_into(
    x: &Image,
    images: Range<usize>,
    [top, left]: [i32; 2],
    [height, width]: [usize; 2],
    to: &mut [f32],
) {
    let from = left.max(0) as usize;
    let until = (left + width as i32).clamp(0, x.w as i32) as usize;
    if from >= until {
        return;
    }
    let shift = (from as i32 - left) as usize;
    for (line, to) in to.chunks_exact_mut(width * x.c).enumerate() {
        let (image, row) = (images.start + line / height, top + (line % height) as i32);
        if row < 0 || row >= x.h as i32 {
            continue;
        }
        let at = (image * x.h + row as usize) * x.w;
        to[shift * x.c..(shift + until - from) * x.c]
            .copy_from_slice(&x.data[(at + from) * x.c..(at + until) * x.c]);
    }
}

/// Lengths of the stretches of taps that lie side by side in a row: their input channels are consecutive floats.
fn chains(taps: &[(i32, i32)]) -> Vec<usize> {
    taps.chunk_by(|a, b| a.0 == b.0 && a.1 + 1 == b.1).map(<[_]>::len).collect()
}
