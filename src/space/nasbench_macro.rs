//! The space of NAS-Bench-Macro: 8 blocks in stages of 2, 3 and 3, each one of 3 options; 6,561 networks for
//! CIFAR-10.

use super::chain::{Block, Chain, Chained, Form, Place};
use super::choice::Complexity;
use super::mbconv::{conv_norm, dense};
use super::primitive::Primitive;

const IDENTITY: Primitive = Primitive::named("identity");

/// Kernel and expansion of the options after identity.
const MB: [(Primitive, u64, u64); 2] =
    [(Primitive::named("mb_k3_e3"), 3, 3), (Primitive::named("mb_k5_e6"), 5, 6)];

/// Channels written and blocks of every stage; its first block halves the side and may not be left out:
/// identity there is a 1x1 convolution of stride 2 with batch norm.
const STAGES: [(u64, usize); 3] = [(64, 2), (128, 3), (256, 3)];

/// The networks of NAS-Bench-Macro, written as 8 digits: 0 identity, 1 `mb_k3_e3`, 2 `mb_k5_e6`.
#[derive(Debug, Clone)]
pub struct NasBenchMacro(Chain);

impl NasBenchMacro {
    /// The space.
    pub fn new() -> NasBenchMacro {
        let (mut channels, mut side) = (32, 32);
        let head = [conv_norm(1, 256, 1280, 4), dense(1280, 10)];
        let fixed = std::iter::once(conv_norm(3, 3, channels, side)).chain(head).sum();
        let mut chain = Chain::new("nasbench_macro", Form::Digits, IDENTITY.name, fixed);
        for (output, blocks) in STAGES {
            let first = options(conv_norm(1, channels, output, side / 2), channels, output, 2, side);
            side /= 2;
            channels = output;
            let other = options(Complexity::default(), channels, channels, 1, side);
            chain.stage(&first, blocks - 1, &other);
        }
        NasBenchMacro(chain)
    }
}

impl Default for NasBenchMacro {
    fn default() -> NasBenchMacro {
        NasBenchMacro::new()
    }
}

impl Chained for NasBenchMacro {
    fn chain(&self) -> &Chain {
        &self.0
    }
}

fn options(identity: Complexity, input: u64, output: u64, stride: u64, side: u64) -> Vec<Block> {
    let place = Place { input, output, stride, side, squeeze: false };
    let identity = Block { op: IDENTITY, cost: identity };
    std::iter::once(identity).chain(MB.map(|option| place.block(option))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Genotype, Space};
    use std::collections::BTreeSet;

    const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nasbench/nas_bench_macro.csv");

    #[test]
    fn cost_and_canonical_form_of_every_row_on_the_real_table() {
        let Ok(table) = std::fs::read_to_string(TABLE) else {
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("skipped: no {TABLE}\n"));
            return;
        };
        let space = NasBenchMacro::new();
        let (mut rows, mut keys) = (0, BTreeSet::new());
        for line in table.lines().skip(1) {
            let row: Vec<&str> = line.split(',').collect();
            let g = space.parse(row[0]).unwrap();
            assert_eq!(space.text(&g), row[0]);
            assert_eq!(space.canonical(&g).0, row[1], "{line}");
            let cost = space.complexity(&g).unwrap();
            assert_eq!(
                (cost.params.to_string(), cost.macs.to_string()),
                (row[5].into(), row[6].into()),
                "{line}"
            );
            keys.insert(space.canonical(&g));
            rows += 1;
        }
        assert_eq!((rows, keys.len()), (6_561, 3_969));
    }

    #[test]
    fn sizes_and_canonical_forms_of_some_networks() {
        let space = NasBenchMacro::new();
        let size = |text| {
            let cost = space.complexity(&space.parse(text).unwrap()).unwrap();
            (cost.params, cost.macs)
        };
        assert_eq!(size("00000000"), (387_882, 7_713_280));
        assert_eq!(size("00000001"), (791_594, 14_115_328));
        let canonical = |text| space.canonical(&space.parse(text).unwrap()).0;
        assert_eq!(canonical("22212202"), "22212220");
        assert_eq!(canonical("01012002"), "01012020");
    }

    #[test]
    fn wrong_digits_are_refused() {
        let space = NasBenchMacro::new();
        for text in ["", "0000000", "000000000", "00000003", "0000000x"] {
            assert!(space.parse(text).is_err(), "{text}");
        }
        let error = space.parse("00300000").unwrap_err().to_string();
        assert!(error.contains("stage 2 block 1") && error.contains("`3`"), "{error}");
    }

    #[test]
    fn sketches_are_sequences() {
        let space = NasBenchMacro::new();
        let sketch = space.sketch(&[2, 0, 1]);
        assert_eq!((sketch.labels, sketch.arcs), (vec![3, 1, 2, 0, 0, 0, 0, 0], vec![]));
        assert_eq!((space.labels(), space.nodes(), space.is_chain()), (4, 8, true));
        let graph = space.graph(&Genotype(vec![0; 8]));
        assert_eq!((graph.nodes.len(), graph.arcs.len()), (11, 10));
        assert!(graph.arcs.iter().enumerate().all(|(i, arc)| (arc.from, arc.to) == (i, i + 1)));
    }
}
