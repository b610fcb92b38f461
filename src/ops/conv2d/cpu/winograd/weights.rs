//! The weight gradient of a square of taps: sums over tiles, cut by input channels and by pixels.

use std::array::from_fn;
use std::ops::Range;

use rayon::prelude::*;

use super::forms::{self, Form};
use super::{SPACE, Square, Tiles};
use crate::device::Cpu;
use crate::device::cpu::scratch::Scratch;
use crate::device::cpu::tile::{self, LANES, MAX_ROWS, MAX_VECTORS, Run, Strides, Tile};
use crate::device::cpu::wide::{Wide, wide};
use crate::ops::conv2d::cpu::Image;
use crate::ops::conv2d::cpu::packed::column_blocks;
use crate::tensor::Tensor;

/// Tiles of a chunk.
const CHUNK: usize = 64;
/// Most input channels of a job.
const RANGE: usize = 128;
/// Jobs of one gradient, for a fair share to every core.
const JOBS: usize = 8;

/// The taps of a square in `gw` `[taps,cin,cout]` from `x` and `gy`.
pub fn backward_w(cpu: &Cpu, x: &Image, gy: &Tensor, square: &Square, gw: &mut Tensor) {
    let [cin, cout] = [gw.shape()[1], gw.shape()[2]];
    let [n, oh, ow, _] = gy.shape().nhwc("conv2d");
    let of_images = |images: Range<usize>, row: usize, rows: usize| Tiles { square, images, row, rows, ow };
    // Chunks of whole rows of tiles; of several images where those are small.
    let lines = 2 * square.dilation;
    let rows = (CHUNK * 4 / (lines * ow)).max(1) * lines;
    let images = (CHUNK / of_images(0..1, 0, oh).len()).max(1);
    let chunks: Vec<Tiles> = (0..n)
        .step_by(images)
        .flat_map(|i| (0..oh).step_by(rows).map(move |row| (i, row)))
        .map(|(i, row)| of_images(i..(i + images).min(n), row, rows.min(oh - row)))
        .collect();
    let (ranges, range_of) = (cin.div_ceil(RANGE), range(cin));
    let splits = JOBS.div_ceil(ranges).min(chunks.len());
    let frequencies = square.form.frequencies();
    let mut sums = cpu.alloc(splits * frequencies * cin * cout);
    cpu.run(|| {
        // `[splits, ranges, frequencies, channels of the range, cout]`.
        let mut jobs = Vec::new();
        let mut rest = sums.as_mut_slice();
        for split in 0..splits {
            for range in 0..ranges {
                let channels = range * range_of..((range + 1) * range_of).min(cin);
                let (sums, after) = rest.split_at_mut(frequencies * channels.len() * cout);
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
        gather_weights(sums.as_slice(), splits, square, [cin, cout], gw.cpu_mut());
    });
}

/// Input channels of each job but the last, about equally many.
fn range(cin: usize) -> usize {
    cin.div_ceil(cin.div_ceil(RANGE)).next_multiple_of(MAX_ROWS)
}

/// Adds `sum over tiles of (B' d B)[c] * (A gy A')[o]` for every frequency.
fn add_chunk(
    x: &Image,
    gy: &Tensor,
    tiles: &Tiles,
    channels: Range<usize>,
    [v, g]: [&mut Scratch; 2],
    sums: &mut [f32],
) {
    let [_, oh, _, cout] = gy.shape().nhwc("conv2d");
    let (form, count, c) = (tiles.square.form, tiles.len(), channels.len());
    let v = tiles.spread(x, channels, v);
    let blocks = column_blocks(form.frequencies() * count, cout);
    // Where the last block is padded, what an earlier chunk left there is multiplied and thrown away.
    let g = g.floats(form.frequencies() * count * cout.div_ceil(LANES) * LANES);
    let zeros = vec![0.0; cout];
    for t in 0..count {
        let outputs = tiles.outputs(t).map(|output| match output {
            Some([image, i, j]) => &gy.cpu()[((image * oh + i) * tiles.ow + j) * cout..][..cout],
            None => &zeros[..],
        });
        for block in &blocks {
            let width = block.vectors * LANES;
            let valid = width.min(cout - block.first);
            let part = |k: usize| &outputs[k][block.first..block.first + valid];
            let from = [[part(0), part(1)], [part(2), part(3)]];
            let (to, stride) = (&mut g[block.offset + t * width..], count * width);
            match form {
                Form::Three => wide(forms::Square { from, to, stride, f: forms::three::gradient }),
                Form::Five => wide(forms::Square { from, to, stride, f: forms::five::gradient }),
            }
        }
    }
    let strides = Strides { step: c, row: 1 };
    let runs = [Run { start: 0, at: 0, len: count }];
    let mut out: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
    for f in 0..form.frequencies() {
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

/// `gw = G' (sum of the splits) G`, where the square has a tap.
fn gather_weights(sums: &[f32], splits: usize, square: &Square, [cin, cout]: [usize; 2], gw: &mut [f32]) {
    let frequencies = square.form.frequencies();
    let mut rows: Vec<Vec<Option<&mut [f32]>>> = (0..cin).map(|_| Vec::new()).collect();
    for tap in gw.chunks_exact_mut(cin * cout) {
        for (row, piece) in rows.iter_mut().zip(tap.chunks_exact_mut(cout)) {
            row.push(Some(piece));
        }
    }
    rows.into_par_iter().enumerate().for_each(|(c, mut row)| {
        let first = c / range(cin) * range(cin);
        let channels = range(cin).min(cin - first);
        let mut total = vec![0.0; frequencies * cout];
        for split in 0..splits {
            let sums = &sums[(split * cin + first) * frequencies * cout..];
            for f in 0..frequencies {
                let from = &sums[(f * channels + c - first) * cout..][..cout];
                let to = &mut total[f * cout..(f + 1) * cout];
                wide(AddRows { from, width: cout, to, stride: cout, valid: cout });
            }
        }
        let mut places = vec![0.0; square.which.len() * cout];
        let of = |f: usize| &total[f * cout..(f + 1) * cout];
        let (to, stride) = (&mut places[..], cout);
        match square.form {
            Form::Three => {
                let from = from_fn(|i| from_fn(|j| of(4 * i + j)));
                wide(forms::Square { from, to, stride, f: forms::three::kernel_gradient });
            }
            Form::Five => {
                let from = from_fn(|i| from_fn(|j| of(6 * i + j)));
                wide(forms::Square { from, to, stride, f: forms::five::kernel_gradient });
            }
        }
        for (tap, from) in square.which.iter().zip(places.chunks_exact(cout)) {
            if let Some(to) = tap.and_then(|t| row[t].take()) {
                to.copy_from_slice(from);
            }
        }
    });
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
