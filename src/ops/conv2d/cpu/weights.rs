//! The weight gradient on the CPU: sums over pixels, cut by input channels and, where those are few, by pixels.

use std::ops::Range;

use rayon::prelude::*;

use super::{Image, PIXELS, Packed, Reach, SMALL, chains, pad_into, winograd};
use crate::device::cpu::threads;
use crate::device::cpu::tile::{self, LANES, MAX_ROWS, MAX_VECTORS, Rows, Run, Strides, Tile};
use crate::device::cpu::wide::{AddScaled, wide};
use crate::device::{Cpu, CpuBuffer};
use crate::ops::conv2d::TapConv;
use crate::tensor::Tensor;

/// Input channels per job: enough uses of each row of `gy` that a job loads.
const CHANNELS: usize = 32;
/// Jobs of one gradient, for a fair share to every core.
const JOBS: usize = 8;

/// `gw[t,i,o] = sum over pixels of x[pixel shifted by tap t, i] * gy[pixel, o]`
pub fn backward_w(cpu: &Cpu, conv: &TapConv, x: &Tensor, gy: &Tensor, gw: &mut Tensor) {
    let [taps, cin, cout] = [gw.shape()[0], gw.shape()[1], gw.shape()[2]];
    let [n, oh, ow, _] = gy.shape().nhwc("conv2d");
    let image = Image::of(x);
    if let Some((squares, left)) = winograd::squares(&conv.taps, conv.stride, [cin, cout], [oh, ow]) {
        if !left.is_empty() {
            let rest = TapConv {
                taps: left.iter().map(|&t| conv.taps[t]).collect(),
                ..conv.clone()
            };
            let mut of_rest = gw.empty([left.len(), cin, cout]);
            backward_w(cpu, &rest, x, gy, &mut of_rest);
            let size = cin * cout;
            cpu.run(|| {
                for (from, t) in of_rest.cpu().chunks_exact(size).zip(left) {
                    gw.cpu_mut()[t * size..(t + 1) * size].copy_from_slice(from);
                }
            });
        }
        for square in &squares {
            winograd::backward_w(cpu, &image, gy, square, gw);
        }
        return;
    }
    let packed = Packed::new(cpu, gy.cpu(), n * oh * ow, cout);

    let lines = n * oh;
    let per_block = (PIXELS / ow).clamp(1, lines);
    let cut = WeightCut::of(conv, cin, lines.div_ceil(per_block), oh * ow);
    let padded = cut
        .chains
        .iter()
        .any(|chain| *chain > 1)
        .then(|| pad(cpu, &image, conv, [n, oh, ow]));
    // Of an image as it is nothing outside is read: pieces of one tap leave those positions out.
    let window = match &padded {
        Some((window, _)) => *window,
        None => Window { top: 0, left: 0, height: image.h, width: image.w },
    };
    let strides = Strides { step: conv.stride * cin, row: 1 };
    let mut sums = (cut.splits > 1).then(|| cpu.alloc(cut.splits * gw.elements()));
    cpu.run(|| {
        let all = match &mut sums {
            Some(sums) => sums.as_mut_slice(),
            None => gw.cpu_mut(),
        };
        let jobs = cut.jobs(all, [taps, cin, cout], lines.div_ceil(per_block));
        jobs.into_par_iter().for_each(|job| {
            let WeightJob { blocks, mut pieces } = job;
            for piece in &mut pieces {
                piece.gw.fill(0.0);
            }
            let mut runs = Vec::with_capacity(per_block);
            let mut out: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
            for line in blocks.map(|block| block * per_block) {
                for piece in &mut pieces {
                    let (dy, left) = conv.taps[piece.tap];
                    // Positions where the tap leaves the image would add zeros; those of a chain differ, so it keeps all.
                    let columns = match piece.taps {
                        1 => inside(ow, conv.stride, left, image.w),
                        _ => 0..ow,
                    };
                    let rows = inside(oh, conv.stride, dy, image.h);
                    runs.clear();
                    for l in line..(line + per_block).min(lines) {
                        let (image, row) = (l / oh, l % oh);
                        if !rows.contains(&row) || columns.is_empty() {
                            continue;
                        }
                        runs.push(Run {
                            start: window.pixel(
                                image,
                                [row, columns.start].map(|i| i * conv.stride),
                                conv.taps[piece.tap],
                            ) * cin,
                            at: l * ow + columns.start,
                            len: columns.len(),
                        });
                    }
                    let a = match &padded {
                        Some((_, pixels)) => pixels.as_slice(),
                        None => image.data,
                    };
                    piece.add(&a[piece.first..], strides, &runs, &packed, &mut out);
                }
            }
        });
        if let Some(sums) = sums {
            add_up(sums.as_slice(), gw.cpu_mut());
        }
    });
}

/// Some pixels around every image of a batch, in memory.
#[derive(Clone, Copy)]
struct Window {
    top: i32,
    left: i32,
    height: usize,
    width: usize,
}

impl Window {
    /// Where the pixel of an image lies that is `tap` away from another one.
    fn pixel(&self, image: usize, [row, column]: [usize; 2], (dy, dx): (i32, i32)) -> usize {
        let row = (row as i32 + dy - self.top) as usize;
        let column = (column as i32 + dx - self.left) as usize;
        (image * self.height + row) * self.width + column
    }
}

/// The images with zeros around them as far as the taps reach.
fn pad(cpu: &Cpu, x: &Image, conv: &TapConv, [n, oh, ow]: [usize; 3]) -> (Window, CpuBuffer) {
    let reach = Reach::of(&conv.taps);
    let window = Window {
        top: reach.top,
        left: reach.left,
        height: (oh - 1) * conv.stride + (reach.bottom - reach.top) as usize + 1,
        width: (ow - 1) * conv.stride + (reach.right - reach.left) as usize + 1,
    };
    let size = [window.height, window.width];
    let mut padded = cpu.alloc(n * window.height * window.width * x.c);
    cpu.run(|| {
        let images = padded.as_mut_slice().par_chunks_exact_mut(window.height * window.width * x.c);
        images.enumerate().for_each(|(i, to)| {
            to.fill(0.0);
            pad_into(x, i..i + 1, [window.top, window.left], size, to);
        });
    });
    (window, padded)
}

/// The output positions among `count` whose input position, `d` away, lies in an image of `size`.
fn inside(count: usize, stride: usize, d: i32, size: usize) -> Range<usize> {
    let first = (-d).max(0) as usize;
    let past = (size as i32 - d).max(0) as usize;
    first.div_ceil(stride)..past.div_ceil(stride).min(count)
}

/// `gw = sum of the slices of its length in sums`, in their order.
fn add_up(sums: &[f32], gw: &mut [f32]) {
    let len = gw.len();
    threads::elements(gw, |start, piece| {
        piece.copy_from_slice(&sums[start..start + piece.len()]);
        for part in sums.chunks_exact(len).skip(1) {
            wide(AddScaled { y: piece, x: &part[start..], f: 1.0 });
        }
    });
}

/// Some input channels of one tap's weight gradient, or all those of several taps side by side.
struct WeightPiece<'a> {
    tap: usize,
    taps: usize,
    first: usize,
    gw: &'a mut [f32],
}

impl WeightPiece<'_> {
    fn add(&mut self, a: &[f32], strides: Strides, runs: &[Run], gy: &Packed, out: &mut Tile) {
        if runs.is_empty() {
            return;
        }
        let cout = gy.columns;
        let channels = self.gw.len() / cout;
        for block in &gy.blocks {
            let b = gy.block(block);
            let width = block.vectors * LANES;
            let valid = width.min(cout - block.first);
            let mut i = 0;
            while i < channels {
                let count = tile::rows_for(channels - i);
                let to = Rows::of(out, block.vectors);
                tile::tile(count, block.vectors, &a[i..], strides, runs, b, to);
                for m in 0..count {
                    let at = (i + m) * cout + block.first;
                    let sums = &out[m * width..m * width + valid];
                    for (gw, sum) in self.gw[at..at + valid].iter_mut().zip(sums) {
                        *gw += sum;
                    }
                }
                i += count;
            }
        }
    }
}

/// How the weight gradient is cut into jobs: by ranges of input channels while there are enough of them, since each
/// range has sums of its own, and beyond that by pixels, with the sums of each split added up at the end.
struct WeightCut {
    channels: usize,
    splits: usize,
    /// Numbers of consecutive taps whose channels one piece takes together.
    chains: Vec<usize>,
}

/// What one thread computes: sums over some blocks of image rows.
struct WeightJob<'a> {
    blocks: Range<usize>,
    pieces: Vec<WeightPiece<'a>>,
}

impl WeightCut {
    fn of(conv: &TapConv, cin: usize, blocks: usize, pixels: usize) -> WeightCut {
        let ranges = cin.div_ceil(CHANNELS);
        // Taps by themselves leave out what lies outside, which is worth more where images are small and kernels large.
        let chains = if ranges == 1 && (pixels > SMALL || conv.taps.len() <= 9) {
            chains(&conv.taps)
        } else {
            vec![1; conv.taps.len()]
        };
        WeightCut {
            channels: CHANNELS.min(cin),
            splits: JOBS.div_ceil(ranges).min(blocks),
            chains,
        }
    }

    /// Jobs over `splits` copies of the gradient `[taps,cin,cout]`, of `blocks` blocks of rows altogether.
    fn jobs<'a>(
        &self,
        sums: &'a mut [f32],
        [taps, cin, cout]: [usize; 3],
        blocks: usize,
    ) -> Vec<WeightJob<'a>> {
        let ranges = cin.div_ceil(self.channels);
        let mut jobs = Vec::new();
        for (split, mut rest) in sums.chunks_exact_mut(taps * cin * cout).enumerate() {
            let mut of_range: Vec<_> = (0..ranges)
                .map(|_| WeightJob {
                    blocks: blocks * split / self.splits..blocks * (split + 1) / self.splits,
                    pieces: Vec::new(),
                })
                .collect();
            let mut tap = 0;
            for chain in &self.chains {
                for (range, job) in of_range.iter_mut().enumerate() {
                    let first = range * self.channels;
                    let channels = self.channels.min(cin - first) * chain;
                    let (gw, after) = rest.split_at_mut(channels * cout);
                    rest = after;
                    job.pieces.push(WeightPiece { tap, taps: *chain, first, gw });
                }
                tap += chain;
            }
            jobs.extend(of_range);
        }
        jobs
    }
}
