//! Size of the network that is made of a cell: a stem, three stacks of three cells and a dense layer.

use super::graph::{Cell, MOST_VERTICES};
use crate::space::Complexity;

/// Channels and side of the picture in the stacks.
const STACKS: [(u64, u64); 3] = [(128, 32), (256, 16), (512, 8)];

/// Cells of a stack.
const CELLS: usize = 3;

/// Classes of CIFAR-10.
const CLASSES: u64 = 10;

impl Cell {
    /// Trainable parameters of the whole network, as the table has them, and the multiply-adds of its
    /// convolutions and its dense layer for one picture of 32x32; pooling and sums count nothing.
    pub fn complexity(&self) -> Complexity {
        let mut size = Complexity::default();
        let (first, side) = STACKS[0];
        add_conv(&mut size, 3, 3, first, side);
        let mut input = first;
        for (output, side) in STACKS {
            for _ in 0..CELLS {
                self.add_cell(&mut size, input, output, side);
                input = output;
            }
        }
        size.params += input * CLASSES + CLASSES;
        size.macs += input * CLASSES;
        size
    }

    fn add_cell(&self, size: &mut Complexity, input: u64, output: u64, side: u64) {
        let channels = self.channels(output);
        for (v, &channels) in channels.iter().enumerate() {
            if self.has_edge(0, v) {
                add_conv(size, 1, input, channels, side);
            }
        }
        for (&op, &channels) in self.ops().iter().zip(&channels[1..]) {
            match op {
                0 => add_conv(size, 3, channels, channels, side),
                1 => add_conv(size, 1, channels, channels, side),
                // The pool.
                _ => {}
            }
        }
    }

    /// Channels of the vertices after the input. Interior ones that feed the output share its channels, the
    /// first ones taking what does not divide; others are as wide as the widest they feed.
    fn channels(&self, output: u64) -> [u64; MOST_VERTICES] {
        let last = self.vertices() - 1;
        let mut channels = [0; MOST_VERTICES];
        channels[last] = output;
        let feeding = (1..last).filter(|&v| self.has_edge(v, last)).count() as u64;
        for (i, v) in (0..).zip((1..last).filter(|&v| self.has_edge(v, last))) {
            channels[v] = output / feeding + u64::from(i < output % feeding);
        }
        for v in (1..last).rev().filter(|&v| !self.has_edge(v, last)) {
            let fed = (v + 1..last).filter(|&w| self.has_edge(v, w));
            channels[v] = fed.map(|w| channels[w]).max().unwrap_or(0);
        }
        channels
    }
}

/// Adds a convolution of kernel `k` from `a` to `b` channels and its batch normalisation.
fn add_conv(size: &mut Complexity, k: u64, a: u64, b: u64, side: u64) {
    size.params += a * b * k * k + 2 * b;
    size.macs += a * b * k * k * side * side;
}
