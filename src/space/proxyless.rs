//! The space of ProxylessNAS: 21 blocks in stages of 4, 4, 4, 4, 4 and 1, for 224x224 pictures and 1000
//! classes.
//!
//! The defaults of the official super-network (Cai, Zhu and Han, 2019). A 3x3 convolution of stride 2 and a
//! block of expansion 1 come before; no squeeze-and-excitation.

use super::chain::{Block, Chain, Chained, Form, Place};
use super::choice::Complexity;
use super::mbconv::{MbConv, conv_norm, dense};
use super::primitive::Primitive;

const SKIP: Primitive = Primitive::named("skip");

/// Options of every block as `(name, kernel, expansion)`.
const MB: [(Primitive, u64, u64); 6] = [
    (Primitive::named("mb_k3_e3"), 3, 3),
    (Primitive::named("mb_k3_e6"), 3, 6),
    (Primitive::named("mb_k5_e3"), 5, 3),
    (Primitive::named("mb_k5_e6"), 5, 6),
    (Primitive::named("mb_k7_e3"), 7, 3),
    (Primitive::named("mb_k7_e6"), 7, 6),
];

/// Channels written, stride of the first block, and blocks of every stage.
const STAGES: [(u64, u64, usize); 6] =
    [(24, 2, 4), (40, 2, 4), (80, 2, 4), (96, 1, 4), (192, 2, 4), (320, 1, 1)];

/// The networks of ProxylessNAS, written as 21 names separated by commas: `mb_k{kernel}_e{expansion}` with
/// kernel 3, 5 or 7 and expansion 3 or 6; or `skip`, the last option of blocks that are not the first of
/// their stage.
#[derive(Debug, Clone)]
pub struct ProxylessNas(Chain);

impl ProxylessNas {
    /// The space.
    pub fn new() -> ProxylessNas {
        let (mut channels, mut side) = (16, 112);
        let before = MbConv {
            kernel: 3,
            expansion: 1,
            input: 32,
            output: channels,
            stride: 1,
            squeeze: false,
        };
        let fixed = [
            conv_norm(3, 3, 32, side),
            before.complexity(side),
            conv_norm(1, 320, 1280, 7),
            dense(1280, 1000),
        ];
        let mut chain = Chain::new("proxylessnas", Form::Names, SKIP.name, fixed.into_iter().sum());
        for (output, stride, count) in STAGES {
            let first = blocks(channels, output, stride, side);
            side = side.div_ceil(stride);
            channels = output;
            let mut other = blocks(channels, channels, 1, side);
            other.push(Block { op: SKIP, cost: Complexity::default() });
            chain.stage(&first, count - 1, &other);
        }
        ProxylessNas(chain)
    }
}

impl Default for ProxylessNas {
    fn default() -> ProxylessNas {
        ProxylessNas::new()
    }
}

impl Chained for ProxylessNas {
    fn chain(&self) -> &Chain {
        &self.0
    }
}

fn blocks(input: u64, output: u64, stride: u64, side: u64) -> Vec<Block> {
    let place = Place { input, output, stride, side, squeeze: false };
    MB.map(|option| place.block(option)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::space::{Genotype, Space};

    #[test]
    fn number_of_architectures() {
        let space = ProxylessNas::new();
        let size: u64 = space.choices().iter().map(|choice| choice.options.len() as u64).product();
        assert_eq!(size, 6u64.pow(6) * 7u64.pow(15));
        assert_eq!((space.choices().len(), space.nodes(), space.labels()), (21, 21, 8));
    }

    #[test]
    fn extremes_have_the_published_sizes() {
        let space = ProxylessNas::new();
        let rounded = |option: u8| {
            let cost = space.complexity(&Genotype(vec![option; 21])).unwrap();
            (format!("{:.2}", cost.params as f64 / 1e6), format!("{:.0}", cost.macs as f64 / 1e6))
        };
        assert_eq!(space.choices()[0].options[0].name, "mb_k3_e3");
        assert_eq!(rounded(0), ("3.19".into(), "257".into()));
        assert_eq!(space.choices()[0].options[5].name, "mb_k7_e6");
        assert_eq!(rounded(5), ("5.10".into(), "607".into()));
    }

    #[test]
    fn skips_move_to_the_end_of_the_stage() {
        let space = ProxylessNas::new();
        let mut g = Genotype(vec![0; 21]);
        g.0[4..8].copy_from_slice(&[5, 6, 2, 3]);
        let canonical = space.parse(&space.canonical(&g).0).unwrap();
        assert_eq!(canonical.0[4..8], [5, 2, 3, 6]);
        assert_eq!(space.complexity(&canonical), space.complexity(&g));
        for first in [0, 4, 8, 12, 16, 20] {
            let mut skipped = g.clone();
            skipped.0[first] = 6;
            assert!(space.check(&skipped).is_err());
        }
    }

    #[test]
    fn texts_survive_both_ways() {
        let space = ProxylessNas::new();
        let mut rng = Rng::seed(1);
        for _ in 0..200 {
            let g = space.random(&mut rng);
            assert_eq!(space.parse(&space.text(&g)).unwrap(), g);
        }
    }
}
