//! Weights as the kernels read them: matrices cut into blocks of column vectors, chosen and turned as a kernel needs.

use rayon::prelude::*;

use crate::device::cpu::tile::{self, LANES, MAX_VECTORS, Rows, Run, Strides, Tile};
use crate::device::{Cpu, CpuBuffer};
use crate::ops::conv2d::Epilogue;
use crate::ops::elementary::relu_of;

/// A matrix `[terms, columns]` cut into blocks of up to three column vectors, each block packed row after row and
/// padded to whole vectors.
pub struct Packed {
    pub data: CpuBuffer,
    pub blocks: Vec<Block>,
    pub columns: usize,
}

pub struct Block {
    pub first: usize,
    pub vectors: usize,
    pub offset: usize,
}

/// What the rows of a tile are sums of.
pub struct Terms<'a> {
    pub a: &'a [f32],
    pub strides: Strides,
    pub runs: &'a [Run],
}

/// Some pixels of an image batch, `step` apart.
pub struct Pixels<'a> {
    pub y: &'a mut [f32],
    pub first: usize,
    pub step: usize,
    pub count: usize,
}

impl Packed {
    /// Of so many terms, which hold what was left there.
    pub fn empty(cpu: &Cpu, terms: usize, columns: usize) -> Packed {
        Packed {
            data: cpu.alloc(terms * columns.div_ceil(LANES) * LANES),
            blocks: column_blocks(terms, columns),
            columns,
        }
    }

    pub fn new(cpu: &Cpu, matrix: &[f32], terms: usize, columns: usize) -> Packed {
        let mut packed = Packed::empty(cpu, terms, columns);
        cpu.run(|| {
            let pieces = pieces(&packed.blocks, terms, packed.data.as_mut_slice());
            pieces.into_par_iter().for_each(|(block, piece)| {
                let width = block.vectors * LANES;
                let valid = width.min(columns - block.first);
                for (row, to) in matrix.chunks_exact(columns).zip(piece.chunks_exact_mut(width)) {
                    to[..valid].copy_from_slice(&row[block.first..block.first + valid]);
                    to[valid..].fill(0.0);
                }
            });
        });
        packed
    }

    /// A block's columns of some pixels, as many as a tile has rows; through `spare` where the block is padded.
    pub fn tile(&self, block: &Block, terms: Terms, end: Epilogue<[f32]>, to: Pixels, spare: &mut Tile) {
        let (b, width, cout) = (self.block(block), block.vectors * LANES, self.columns);
        let Terms { a, strides, runs } = terms;
        let Pixels { y, first, step, count } = to;
        if block.first + width > cout {
            tile::tile(count, block.vectors, a, strides, runs, b, Rows::of(spare, block.vectors));
            for (m, sums) in spare.chunks_exact(width).take(count).enumerate() {
                self.store(block, sums, end, first + m * step, y);
            }
            return;
        }
        let rows = Rows {
            data: &mut y[first * cout + block.first..],
            stride: step * cout,
        };
        tile::tile(count, block.vectors, a, strides, runs, b, rows);
        for m in 0..count {
            let at = (first + m * step) * cout + block.first;
            finish(block, end, &mut y[at..at + width]);
        }
    }

    /// Writes one pixel's share of a tile.
    pub fn store(&self, block: &Block, out: &[f32], end: Epilogue<[f32]>, pixel: usize, y: &mut [f32]) {
        let valid = (block.vectors * LANES).min(self.columns - block.first);
        let at = pixel * self.columns + block.first;
        let to = &mut y[at..at + valid];
        to.copy_from_slice(&out[..valid]);
        finish(block, end, to);
    }

    /// Adds to one pixel's share of a tile, which has its bias.
    pub fn add(&self, block: &Block, out: &[f32], relu: bool, pixel: usize, y: &mut [f32]) {
        let valid = (block.vectors * LANES).min(self.columns - block.first);
        let at = pixel * self.columns + block.first;
        let to = &mut y[at..at + valid];
        for (to, out) in to.iter_mut().zip(out) {
            *to += out;
        }
        finish(block, Epilogue { bias: None, relu }, to);
    }

    pub fn block(&self, block: &Block) -> &[f32] {
        &self.data.as_slice()[block.offset..]
    }
}

/// The end of a pixel's sums.
fn finish(block: &Block, end: Epilogue<[f32]>, sums: &mut [f32]) {
    if let Some(bias) = end.bias {
        sums.iter_mut().zip(&bias[block.first..]).for_each(|(sum, bias)| *sum += bias);
    }
    if end.relu {
        sums.iter_mut().for_each(|sum| *sum = relu_of(*sum));
    }
}

/// Blocks of nearly equal width, since a last narrow block would load more per product.
pub fn column_blocks(terms: usize, columns: usize) -> Vec<Block> {
    let vectors = columns.div_ceil(LANES);
    let count = vectors.div_ceil(MAX_VECTORS);
    let mut first = 0;
    (0..count)
        .map(|i| {
            let wide = vectors / count + usize::from(i < vectors % count);
            let block = Block {
                first: first * LANES,
                vectors: wide,
                offset: first * LANES * terms,
            };
            first += wide;
            block
        })
        .collect()
}

/// Each block with its piece of the packed matrix.
pub fn pieces<'a>(
    blocks: &'a [Block],
    terms: usize,
    mut rest: &'a mut [f32],
) -> Vec<(&'a Block, &'a mut [f32])> {
    let mut pieces = Vec::new();
    for block in blocks {
        let (piece, after) = rest.split_at_mut(terms * block.vectors * LANES);
        pieces.push((block, piece));
        rest = after;
    }
    pieces
}

/// `w[t]` transposed to `[cout, cin]` for each tap in `which`.
pub fn transposed(cpu: &Cpu, w: &[f32], which: &[usize], cin: usize, cout: usize) -> CpuBuffer {
    let mut turned = cpu.alloc(which.len() * cin * cout);
    let size = (cin * cout).max(1);
    let turn = |(to, &t): (&mut [f32], &usize)| {
        let from = &w[t * size..(t + 1) * size];
        // Square patches keep both sides in cache.
        for o0 in (0..cout).step_by(16) {
            for i in 0..cin {
                for o in o0..(o0 + 16).min(cout) {
                    to[o * cin + i] = from[i * cout + o];
                }
            }
        }
    };
    cpu.run(|| {
        let all = turned.as_mut_slice().par_chunks_exact_mut(size);
        all.zip(which.par_iter()).for_each(turn);
    });
    turned
}

/// Some of the matrices of `w`, one after the other.
pub fn chosen(cpu: &Cpu, w: &[f32], which: &[usize], size: usize) -> CpuBuffer {
    let mut all = cpu.alloc(which.len() * size);
    cpu.run(|| {
        for (to, t) in all.as_mut_slice().chunks_exact_mut(size).zip(which) {
            to.copy_from_slice(&w[t * size..(t + 1) * size]);
        }
    });
    all
}
