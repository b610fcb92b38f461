//! Size of the evaluation network of DARTS, as its published code builds it for CIFAR-10, without the
//! auxiliary head.
//!
//! Parameters are all trainable numbers, those of batch normalisation included. Multiply-adds are those of
//! convolutions and of the last linear layer.

use super::cell::{INPUTS, NODES, Op};
use super::published::links;
use crate::space::Complexity;

/// Channels of a picture.
const COLOURS: u64 = 3;

/// Side of a picture.
const SIDE: u64 = 32;

/// Channels of the stem by those of the first cell.
const STEM: u64 = 3;

/// Classes of CIFAR-10.
const CLASSES: u64 = 10;

/// Parameters and multiply-adds that have been counted so far.
#[derive(Default)]
struct Count(Complexity);

impl Count {
    /// A convolution without bias: `weights` numbers, each used once per pixel of an output of side `side`.
    fn conv(&mut self, weights: u64, side: u64) {
        self.0.params += weights;
        self.0.macs += weights * side * side;
    }

    fn norm(&mut self, channels: u64) {
        self.0.params += 2 * channels;
    }

    /// 1x1 convolution and normalisation. A factorised reduction counts the same: two convolutions with half
    /// of the outputs each, and one normalisation.
    fn project(&mut self, from: u64, to: u64, side: u64) {
        self.conv(from * to, side);
        self.norm(to);
    }

    /// Depth-wise `k x k` convolution, 1x1 convolution, normalisation; `side` is that of the output.
    fn separable(&mut self, k: u64, channels: u64, side: u64) {
        self.conv(k * k * channels, side);
        self.project(channels, channels, side);
    }

    /// An operation on `channels` channels whose output has side `side`.
    fn op(&mut self, op: Op, channels: u64, side: u64, halves: bool) {
        match op {
            Op::MaxPool3x3 | Op::AvgPool3x3 => {}
            Op::SkipConnect => {
                if halves {
                    self.project(channels, channels, side);
                }
            }
            Op::SepConv3x3 => (0..2).for_each(|_| self.separable(3, channels, side)),
            Op::SepConv5x5 => (0..2).for_each(|_| self.separable(5, channels, side)),
            Op::DilConv3x3 => self.separable(3, channels, side),
            Op::DilConv5x5 => self.separable(5, channels, side),
        }
    }
}

/// What a cell gives to the next ones.
#[derive(Clone, Copy)]
struct Output {
    channels: u64,
    side: u64,
}

/// The size of a network of `layers` cells with the genes `genes`, whose first cell has `channels` channels.
pub(super) fn complexity(genes: &[u8], layers: usize, channels: usize) -> Complexity {
    let mut count = Count::default();
    let (normal, reduce) = genes.split_at(genes.len() / 2);
    let mut channels = channels as u64;
    let stem = Output { channels: STEM * channels, side: SIDE };
    count.conv(COLOURS * 9 * stem.channels, SIDE);
    count.norm(stem.channels);
    let (mut before, mut last) = (stem, stem);
    for layer in 0..layers {
        let halves = layer == layers / 3 || layer == 2 * layers / 3;
        if halves {
            channels *= 2;
        }
        // After a reduction the older input is still twice as large; its preprocessing halves it.
        count.project(before.channels, channels, last.side);
        count.project(last.channels, channels, last.side);
        let side = if halves { last.side.div_ceil(2) } else { last.side };
        for (op, input) in links(if halves { reduce } else { normal }) {
            count.op(op, channels, side, halves && input < INPUTS);
        }
        let output = Output { channels: NODES as u64 * channels, side };
        (before, last) = (last, output);
    }
    count.0.params += (last.channels + 1) * CLASSES;
    count.0.macs += last.channels * CLASSES;
    count.0
}
