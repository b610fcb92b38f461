//! The networks that NAS-Bench-201 trained, and their exact size.
//!
//! A 3x3 convolution to 16 channels; three stages of 5 cells with 16, 32 and 64 channels, a residual block of
//! stride 2 before each but the first; batch norm, ReLU, average pool, dense layer. Edges that do not reach
//! the output are built and counted.

use super::{CONV_1X1, CONV_3X3};
use crate::Error;
use crate::space::choice::Complexity;
use crate::space::mbconv::{conv, conv_norm, dense, norm};
use std::str::FromStr;

/// Cells in each stage.
const CELLS: usize = 5;

/// A data set of NAS-Bench-201.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nb201Dataset {
    /// CIFAR-10: 10 classes, 32x32.
    Cifar10,
    /// CIFAR-100: 100 classes, 32x32.
    Cifar100,
    /// ImageNet16-120: 120 classes, 16x16.
    ImageNet16,
}

impl Nb201Dataset {
    /// All of them.
    pub const ALL: [Nb201Dataset; 3] =
        [Nb201Dataset::Cifar10, Nb201Dataset::Cifar100, Nb201Dataset::ImageNet16];

    /// Its official name: `cifar10`, `cifar100`, `ImageNet16-120`.
    pub fn name(self) -> &'static str {
        match self {
            Nb201Dataset::Cifar10 => "cifar10",
            Nb201Dataset::Cifar100 => "cifar100",
            Nb201Dataset::ImageNet16 => "ImageNet16-120",
        }
    }

    /// Number of classes.
    pub fn classes(self) -> u64 {
        match self {
            Nb201Dataset::Cifar10 => 10,
            Nb201Dataset::Cifar100 => 100,
            Nb201Dataset::ImageNet16 => 120,
        }
    }

    /// Side of the pictures.
    pub fn side(self) -> u64 {
        match self {
            Nb201Dataset::Cifar10 | Nb201Dataset::Cifar100 => 32,
            Nb201Dataset::ImageNet16 => 16,
        }
    }

    /// Size of the network of a cell with these genes.
    pub(super) fn complexity(self, genes: &[u8]) -> Complexity {
        let stages = [(16, self.side()), (32, self.side() / 2), (64, self.side() / 4)];
        let mut parts = vec![conv_norm(3, 3, 16, self.side())];
        for (channels, side) in stages {
            if channels > 16 {
                parts.extend(residual(channels, side));
            }
            for &gene in genes {
                let kernel = match gene {
                    CONV_1X1 => 1,
                    CONV_3X3 => 3,
                    _ => continue,
                };
                parts.extend([conv_norm(kernel, channels, channels, side); CELLS]);
            }
        }
        parts.extend([norm(64), dense(64, self.classes())]);
        let mut sum: Complexity = parts.into_iter().sum();
        // The official count takes the biases of the dense layer for multiply-adds.
        sum.macs += self.classes();
        sum
    }
}

/// The block of stride 2 that doubles the channels to `channels`: two 3x3 convolutions beside a pool and a
/// 1x1 convolution without batch norm.
fn residual(channels: u64, side: u64) -> [Complexity; 3] {
    [
        conv_norm(3, channels / 2, channels, side),
        conv_norm(3, channels, channels, side),
        conv(1, channels / 2, channels, side),
    ]
}

impl FromStr for Nb201Dataset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Nb201Dataset, Error> {
        // Tables abbreviate it.
        let text = if text == "imagenet16" { "ImageNet16-120" } else { text };
        let found = Nb201Dataset::ALL.into_iter().find(|d| d.name().eq_ignore_ascii_case(text));
        let unknown = || {
            let names = Nb201Dataset::ALL.map(Nb201Dataset::name).join(", ");
            Error::config("dataset", format!("no data set `{text}`, valid are {names}"))
        };
        found.ok_or_else(unknown)
    }
}
