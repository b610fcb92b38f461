//! The weight gradient of a square of taps: sums over tiles, a product of matrices for each frequency.
//!
//! Some tiles at a time are transformed, which is cut by tiles, and then multiplied, which is cut by frequencies and input
//! channels: so both are transformed once, and sums are as long as they can be before they are added to memory.

use std::ops::Range;

use rayon::prelude::*;

use super::forms::OUTPUTS;
use super::{Square, Tiles, apart};
use crate::device::cpu::gemm::Store;
use crate::device::cpu::tile::{self, LANES, MAX_ROWS, MAX_VECTORS, Rows, Run, Strides, Tile};
use crate::device::cpu::wide::{Wide, wide};
use crate::device::{Cpu, CpuBuffer};
use crate::ops::conv2d::cpu::Image;
use crate::ops::conv2d::cpu::packed::{Block, column_blocks};
use crate::tensor::Tensor;

/// Tiles that a thread transforms at once.
const PIECE: usize = 16;
/// Tiles that are multiplied at once.
const GROUP: usize = 256;
/// Input channels of a job.
const RANGE: usize = 64;

/// The taps of a square in `gw` `[taps,cin,cout]` from `x` and `gy`.
pub fn backward_w(cpu: &Cpu, x: &Image, gy: &Tensor, square: &Square, gw: &mut Tensor) {
    let cout = gw.shape()[2];
    let pieces = pieces(gy, square);
    let most = pieces.iter().map(Tiles::len).max().expect("a batch has images");
    let sizes = Sizes {
        square,
        channels: [x.c, cout],
        blocks: column_blocks(1, cout),
        tiles: most,
    };
    let stride = apart(x.c * cout);
    let mut sums = cpu.alloc(square.form.frequencies() * stride);
    for (i, group) in pieces.chunks((GROUP / most).max(1)).enumerate() {
        let store = if i == 0 { Store::Overwrite } else { Store::Add };
        let [v, g] = sizes.transformed(cpu, x, gy, group);
        cpu.run(|| {
            sums.as_mut_slice()
                .par_chunks_exact_mut(stride)
                .enumerate()
                .flat_map(|(f, sums)| {
                    let ranges = sums[..x.c * cout].par_chunks_mut(RANGE * cout).enumerate();
                    ranges.map(move |(range, sums)| (f, range * RANGE, sums))
                })
                .for_each(|(f, first, sums)| sizes.multiply(f, first, group, [&v, &g], store, sums));
        });
    }
    cpu.run(|| gather(sums.as_slice(), square, [x.c, cout], gw.cpu_mut()));
}

/// All tiles, in pieces of some whole rows or images.
fn pieces<'a>(gy: &Tensor, square: &'a Square) -> Vec<Tiles<'a>> {
    let [n, oh, ow, _] = gy.shape().nhwc("conv2d");
    let of_images = |images: Range<usize>, row: usize, rows: usize| Tiles { square, images, row, rows, ow };
    let lines = OUTPUTS * square.dilation;
    let rows = (PIECE / of_images(0..1, 0, lines).len()).max(1) * lines;
    let images = (PIECE / of_images(0..1, 0, oh).len()).max(1);
    (0..n)
        .step_by(images)
        .flat_map(|i| (0..oh).step_by(rows).map(move |row| (i, row)))
        .map(|(i, row)| of_images(i..(i + images).min(n), row, rows.min(oh - row)))
        .collect()
}

/// How transformed pieces lie in memory.
struct Sizes<'a> {
    square: &'a Square,
    channels: [usize; 2],
    /// Of the output channels.
    blocks: Vec<Block>,
    /// Most tiles of a piece.
    tiles: usize,
}

impl Sizes<'_> {
    /// Floats of a frequency of a piece of transformed patches.
    fn patches(&self) -> usize {
        apart(self.tiles * self.channels[0])
    }

    /// Floats of all of them.
    fn all_patches(&self) -> usize {
        self.square.form.frequencies() * self.patches()
    }

    /// Rows of a frequency of a block of a piece of transformed gradients: an odd number, as in [`apart`].
    fn gradients(&self) -> usize {
        self.tiles | 1
    }

    /// Rows of all of them.
    fn all_gradients(&self) -> usize {
        self.square.form.frequencies() * self.gradients()
    }

    /// `B' d B` of all pieces, `[pieces, frequencies, tiles, cin]`, and `A gy A'`, `[blocks, pieces, frequencies, tiles, width]`.
    fn transformed(&self, cpu: &Cpu, x: &Image, gy: &Tensor, group: &[Tiles]) -> [CpuBuffer; 2] {
        let padded = self.channels[1].div_ceil(LANES) * LANES;
        let mut v = cpu.alloc(group.len() * self.all_patches());
        let mut g = cpu.alloc(group.len() * self.all_gradients() * padded);
        cpu.run(|| {
            let patches = v.as_mut_slice().par_chunks_exact_mut(self.all_patches());
            group
                .par_iter()
                .zip(patches)
                .for_each(|(tiles, to)| tiles.spread(x, to, self.patches()));
            let mut jobs = Vec::new();
            let mut rest = g.as_mut_slice();
            for block in &self.blocks {
                for tiles in group {
                    let (to, after) = rest.split_at_mut(self.all_gradients() * block.vectors * LANES);
                    rest = after;
                    jobs.push((block, tiles, to));
                }
            }
            jobs.into_par_iter()
                .for_each(|(block, tiles, to)| self.spread_gradients(gy, block, tiles, to));
        });
        [v, g]
    }

    fn spread_gradients(&self, gy: &Tensor, block: &Block, tiles: &Tiles, to: &mut [f32]) {
        let [_, oh, _, cout] = gy.shape().nhwc("conv2d");
        let (form, width) = (self.square.form, block.vectors * LANES);
        let valid = width.min(cout - block.first);
        // Where the block is padded, what was left there is multiplied and thrown away.
        let zeros = vec![0.0; valid];
        for t in 0..tiles.len() {
            let outputs = tiles.outputs(t);
            let gradient = |i: usize, j: usize| match outputs[i * OUTPUTS + j] {
                Some([image, i, j]) => {
                    &gy.cpu()[((image * oh + i) * tiles.ow + j) * cout + block.first..][..valid]
                }
                None => &zeros[..],
            };
            form.of_gradient(gradient, &mut to[t * width..], self.gradients() * width);
        }
    }

    /// Stores or adds `sum over tiles of (B' d B)[c] * (A gy A')[o]` for one frequency and the channels from `first` on.
    fn multiply(
        &self,
        f: usize,
        first: usize,
        group: &[Tiles],
        [v, g]: [&CpuBuffer; 2],
        store: Store,
        sums: &mut [f32],
    ) {
        let [cin, cout] = self.channels;
        let runs: Vec<Run> = group
            .iter()
            .enumerate()
            .map(|(piece, tiles)| Run {
                start: piece * self.all_patches() + f * self.patches() + first,
                at: piece * self.all_gradients() + f * self.gradients(),
                len: tiles.len(),
            })
            .collect();
        let strides = Strides { step: cin, row: 1 };
        let channels = sums.len() / cout;
        let mut out: Tile = [0.0; MAX_ROWS * MAX_VECTORS * LANES];
        for block in &self.blocks {
            let width = block.vectors * LANES;
            let valid = width.min(cout - block.first);
            let b = &g.as_slice()[block.first * group.len() * self.all_gradients()..];
            let mut i = 0;
            while i < channels {
                let rows = tile::rows_for(channels - i);
                let a = &v.as_slice()[i..];
                tile::tile(rows, block.vectors, a, strides, &runs, b, Rows::of(&mut out, block.vectors));
                let to = &mut sums[i * cout + block.first..];
                let from = &out[..rows * width];
                match store {
                    Store::Add => wide(AddRows { from, width, to, stride: cout, valid }),
                    Store::Overwrite => {
                        for (to, from) in to.chunks_mut(cout).zip(from.chunks_exact(width)) {
                            to[..valid].copy_from_slice(&from[..valid]);
                        }
                    }
                }
                i += rows;
            }
        }
    }
}

/// `gw = G' sums G`, where the square has a tap.
fn gather(sums: &[f32], square: &Square, [cin, cout]: [usize; 2], gw: &mut [f32]) {
    let form = square.form;
    let mut rows: Vec<Vec<Option<&mut [f32]>>> = (0..cin).map(|_| Vec::new()).collect();
    for tap in gw.chunks_exact_mut(cin * cout) {
        for (row, piece) in rows.iter_mut().zip(tap.chunks_exact_mut(cout)) {
            row.push(Some(piece));
        }
    }
    rows.into_par_iter().enumerate().for_each(|(c, mut row)| {
        let mut places = vec![0.0; square.which.len() * cout];
        let sum = |i: usize, j: usize| &sums[(i * form.patch() + j) * apart(cin * cout) + c * cout..][..cout];
        form.kernel_of(sum, &mut places, cout);
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
