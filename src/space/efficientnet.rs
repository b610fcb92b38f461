//! A space of block sequences around EfficientNet-B0, for 224x224 pictures and 1000 classes.
//!
//! Widths, strides and the most blocks of every stage are those of EfficientNet-B0 (Tan and Le, 2019); kernel
//! and expansion of every block are chosen, and blocks that are not the first of their stage may be left out.

use super::chain::{Block, Chain, Chained, Form, Place};
use super::choice::{Complexity, Genotype};
use super::mbconv::{conv_norm, dense};
use super::primitive::Primitive;

const IDENTITY: Primitive = Primitive::named("identity");

/// Options as `(name, kernel, expansion)`, in the order of a choice; expansion 1 is that of the first stage,
/// the others belong to all later ones.
const MB: [(Primitive, u64, u64); 9] = [
    (Primitive::named("mb_k3_e1"), 3, 1),
    (Primitive::named("mb_k5_e1"), 5, 1),
    (Primitive::named("mb_k7_e1"), 7, 1),
    (Primitive::named("mb_k3_e3"), 3, 3),
    (Primitive::named("mb_k3_e6"), 3, 6),
    (Primitive::named("mb_k5_e3"), 5, 3),
    (Primitive::named("mb_k5_e6"), 5, 6),
    (Primitive::named("mb_k7_e3"), 7, 3),
    (Primitive::named("mb_k7_e6"), 7, 6),
];

/// A row of the table of EfficientNet-B0.
struct Stage {
    expansion: u64,
    kernel: u64,
    stride: u64,
    output: u64,
    blocks: usize,
}

const fn row(expansion: u64, kernel: u64, stride: u64, output: u64, blocks: usize) -> Stage {
    Stage { expansion, kernel, stride, output, blocks }
}

const STAGES: [Stage; 7] = [
    row(1, 3, 1, 16, 1),
    row(6, 3, 2, 24, 2),
    row(6, 5, 2, 40, 2),
    row(6, 3, 2, 80, 3),
    row(6, 5, 1, 112, 3),
    row(6, 5, 2, 192, 4),
    row(6, 3, 1, 320, 1),
];

/// Networks like EfficientNet-B0, written as 16 names separated by commas.
///
/// A block is `mb_k{kernel}_e{expansion}` with kernel 3 or 5 and expansion 3 or 6, expansion 1 in the first
/// stage; or `identity`, the last option of blocks that may be left out.
#[derive(Debug, Clone)]
pub struct EfficientNet(Chain);

impl EfficientNet {
    /// The space with kernels 3 and 5.
    pub fn new() -> EfficientNet {
        EfficientNet::with_kernels(5)
    }

    /// The space with kernels 3, 5 and 7.
    pub fn with_kernel_7() -> EfficientNet {
        EfficientNet::with_kernels(7)
    }

    fn with_kernels(largest: u64) -> EfficientNet {
        let (mut channels, mut side) = (32, 112);
        let head = [conv_norm(1, 320, 1280, 7), dense(1280, 1000)];
        let fixed = std::iter::once(conv_norm(3, 3, channels, side)).chain(head).sum();
        let mut chain = Chain::new("efficientnet", Form::Names, IDENTITY.name, fixed);
        for stage in STAGES {
            let first = blocks(&stage, channels, stage.stride, side, largest);
            side = side.div_ceil(stage.stride);
            channels = stage.output;
            let mut other = blocks(&stage, channels, 1, side, largest);
            other.push(Block { op: IDENTITY, cost: Complexity::default() });
            chain.stage(&first, stage.blocks - 1, &other);
        }
        EfficientNet(chain)
    }

    /// EfficientNet-B0.
    pub fn baseline(&self) -> Genotype {
        let mut genes = Vec::new();
        for stage in STAGES {
            let option = options(&stage, 7)
                .position(|(_, kernel, expansion)| (kernel, expansion) == (stage.kernel, stage.expansion))
                .expect("every row of the table is among the options");
            genes.extend(std::iter::repeat_n(option as u8, stage.blocks));
        }
        Genotype(genes)
    }
}

impl Default for EfficientNet {
    fn default() -> EfficientNet {
        EfficientNet::new()
    }
}

impl Chained for EfficientNet {
    fn chain(&self) -> &Chain {
        &self.0
    }
}

/// Options of the blocks of `stage`, larger kernels last so that those of the small space keep their numbers.
fn options(stage: &Stage, largest: u64) -> impl Iterator<Item = (Primitive, u64, u64)> {
    let narrow = stage.expansion == 1;
    MB.into_iter()
        .filter(move |&(_, kernel, expansion)| kernel <= largest && narrow == (expansion == 1))
}

fn blocks(stage: &Stage, input: u64, stride: u64, side: u64, largest: u64) -> Vec<Block> {
    let place = Place {
        input,
        output: stage.output,
        stride,
        side,
        squeeze: true,
    };
    options(stage, largest).map(|option| place.block(option)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::space::Space;
    use std::collections::BTreeSet;

    fn size(space: &EfficientNet) -> u64 {
        space.choices().iter().map(|choice| choice.options.len() as u64).product()
    }

    #[test]
    fn the_baseline_has_the_published_size() {
        for space in [EfficientNet::new(), EfficientNet::with_kernel_7()] {
            let b0 = space.baseline();
            space.check(&b0).unwrap();
            assert_eq!(
                space.text(&b0),
                "mb_k3_e1,mb_k3_e6,mb_k3_e6,mb_k5_e6,mb_k5_e6,mb_k3_e6,mb_k3_e6,mb_k3_e6,\
                 mb_k5_e6,mb_k5_e6,mb_k5_e6,mb_k5_e6,mb_k5_e6,mb_k5_e6,mb_k5_e6,mb_k3_e6"
            );
            let cost = space.complexity(&b0).unwrap();
            assert_eq!(cost.params, 5_288_548);
            assert_eq!(cost.macs / 100_000, 3_858, "{}", cost.macs);
        }
    }

    #[test]
    fn sizes_of_the_spaces() {
        assert_eq!(size(&EfficientNet::new()), 2 * 4u64.pow(6) * 5u64.pow(9));
        assert_eq!(size(&EfficientNet::with_kernel_7()), 3 * 6u64.pow(6) * 7u64.pow(9));
        let names = |space: &EfficientNet| {
            let choices = space.choices().iter();
            choices
                .flat_map(|c| c.options.iter().map(|op| op.name))
                .collect::<BTreeSet<_>>()
                .len()
        };
        for space in [EfficientNet::new(), EfficientNet::with_kernel_7()] {
            assert_eq!(space.labels(), names(&space) + 1);
            assert_eq!(space.nodes(), 16);
        }
    }

    #[test]
    fn blocks_left_out_move_to_the_end_of_the_stage() {
        let space = EfficientNet::new();
        let mut g = space.baseline();
        // Stage 6 holds blocks 11 to 14.
        g.0[12] = 4;
        g.0[13] = 0;
        let canonical = space.parse(&space.canonical(&g).0).unwrap();
        assert_eq!(canonical.0[11..], [3, 0, 3, 4, 1]);
        assert_eq!(canonical.0[..11], g.0[..11]);
        assert_eq!(space.canonical(&canonical), space.canonical(&g));
        assert_eq!(space.complexity(&canonical), space.complexity(&g));
        g.0[11] = 4;
        assert!(space.check(&g).is_err());
    }

    #[test]
    fn labels_follow_the_option_whatever_its_number() {
        let space = EfficientNet::new();
        // mb_k5_e1, mb_k3_e6 and identity; nothing after.
        let sketch = space.sketch(&[1, 1, 4]);
        assert_eq!(sketch.labels[..3], [2, 4, 7]);
        assert!(sketch.labels[3..].iter().all(|&label| label == 0) && sketch.arcs.is_empty());
    }

    #[test]
    fn texts_survive_both_ways() {
        let space = EfficientNet::with_kernel_7();
        let mut rng = Rng::seed(1);
        for _ in 0..200 {
            let g = space.random(&mut rng);
            assert_eq!(space.parse(&space.text(&g)).unwrap(), g);
        }
        let text = space.text(&space.baseline());
        let error = space.parse(&text.replace("mb_k3_e1", "identity")).unwrap_err().to_string();
        assert!(error.contains("stage 1 block 1") && error.contains("mb_k7_e1"), "{error}");
        assert!(space.parse(&format!("{text},identity")).is_err());
    }
}
