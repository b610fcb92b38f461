//! Against the official values and the published table.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nasbench/nasbench201.csv");

fn space() -> NasBench201 {
    NasBench201::new(Nb201Dataset::Cifar10)
}

fn genotype(digits: &str) -> Genotype {
    Genotype(digits.bytes().map(|b| b - b'0').collect())
}

fn all() -> impl Iterator<Item = Genotype> {
    (0..5u32.pow(6)).map(|i| Genotype((0..6).map(|k| (i / 5u32.pow(k) % 5) as u8).collect()))
}

#[test]
fn official_string_of_the_first_row() {
    let text =
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|";
    assert_eq!(space().parse(text).unwrap(), genotype("421211"));
    assert_eq!(space().text(&genotype("421211")), text);
}

#[test]
fn every_string_survives_both_ways() {
    let space = space();
    let mut texts = BTreeSet::new();
    for g in all() {
        space.check(&g).unwrap();
        assert_eq!(space.parse(&space.text(&g)).unwrap(), g);
        assert_eq!(space.parse_json(&space.to_json(&g)).unwrap(), g);
        texts.insert(space.text(&g));
    }
    assert_eq!(texts.len(), 15_625);
}

#[test]
fn wrong_strings_are_refused() {
    let good = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    assert!(space().parse(good).is_ok());
    let wrong = [
        "",
        "|",
        "|none~0|",
        "|none~0|+|none~0|none~0|+|none~0|none~1|none~2|",
        "|none~0|none~0|+|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|none~3|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2",
        "|none~0|+|none~0|conv~1|+|none~0|none~1|none~2|",
    ];
    for text in wrong {
        assert!(space().parse(text).is_err(), "{text}");
    }
    assert!(space().check(&genotype("00000")).is_err());
    assert!(space().check(&genotype("000005")).is_err());
}

#[test]
fn unique_strings_give_the_published_number_of_classes() {
    let merged = space().merge_isomorphic(true);
    assert_eq!(all().map(|g| merged.canonical(&g)).collect::<BTreeSet<_>>().len(), 6_466);
    assert_eq!(all().map(|g| space().canonical(&g)).collect::<BTreeSet<_>>().len(), 15_625);
}

#[test]
fn unique_string_written_out() {
    assert_eq!(unique_string(&[3, 2, 0, 0, 1, 4]), "#+(#+(0)@nor_conv_1x1)@avg_pool_3x3+(0)@nor_conv_3x3");
    // Node 1 is the input, so its edge and the direct one may change places.
    assert_eq!(unique_string(&[1, 2, 3, 0, 0, 1]), "#+#+(0)@nor_conv_1x1+(0)@nor_conv_3x3");
    assert_eq!(unique_string(&[1, 3, 2, 0, 0, 1]), unique_string(&[1, 2, 3, 0, 0, 1]));
    // Node 1 is zero and so is what reads it; node 2 is a sum of zeros, which is not.
    assert_eq!(unique_string(&[0, 0, 3, 1, 2, 2]), "#+(#+#)@nor_conv_1x1+0");
}

#[test]
fn official_sizes() {
    let size = |dataset, digits| {
        let c = NasBench201::new(dataset).complexity(&genotype(digits)).unwrap();
        (c.params, c.macs)
    };
    assert_eq!(size(Nb201Dataset::Cifar10, "421211"), (129_306, 15_647_370));
    assert_eq!(size(Nb201Dataset::Cifar10, "334034"), (802_426, 113_951_370));
    // The published linear formulas, dead edges included.
    let base = [
        (Nb201Dataset::Cifar10, 73_306, 7_783_050, 1),
        (Nb201Dataset::Cifar100, 79_156, 7_788_900, 1),
        (Nb201Dataset::ImageNet16, 80_456, 1_953_400, 4),
    ];
    for (dataset, params, macs, shrink) in base {
        for g in all() {
            let n1 = g.0.iter().filter(|&&gene| gene == 2).count() as u64;
            let n3 = g.0.iter().filter(|&&gene| gene == 3).count() as u64;
            let c = NasBench201::new(dataset).complexity(&g).unwrap();
            assert_eq!(c.params, params + 28_000 * n1 + 243_040 * n3);
            assert_eq!(c.macs, macs + (3_932_160 * n1 + 35_389_440 * n3) / shrink);
        }
    }
}

#[test]
fn names_of_data_sets() {
    for dataset in Nb201Dataset::ALL {
        assert_eq!(dataset.name().parse::<Nb201Dataset>().unwrap(), dataset);
    }
    assert_eq!("imagenet16-120".parse::<Nb201Dataset>().unwrap(), Nb201Dataset::ImageNet16);
    let error = "mnist".parse::<Nb201Dataset>().unwrap_err().to_string();
    assert!(error.contains("`mnist`") && error.contains("ImageNet16-120"), "{error}");
}

#[test]
fn graphs_and_words_tell_what_is_used() {
    let g = genotype("310120");
    let graph = space().graph(&g);
    let live: Vec<bool> = graph.nodes.iter().map(|n| n.live).collect();
    assert_eq!(live, [true, true, false, true]);
    let arcs: Vec<_> = graph.arcs.iter().map(|a| (a.from, a.to, a.op, a.choice)).collect();
    assert_eq!(
        arcs,
        [
            (0, 1, "nor_conv_3x3", Some(0)),
            (0, 2, "skip_connect", Some(1)),
            (0, 3, "skip_connect", Some(3)),
            (1, 3, "nor_conv_1x1", Some(4))
        ]
    );
    assert_eq!(
        space().describe(&g),
        "node 1 = nor_conv_3x3(0)\nnode 2 = skip_connect(0)  (not used)\n\
         node 3 = skip_connect(0) + nor_conv_1x1(1)\n"
    );
    assert!(!space().graph(&genotype("333000")).nodes[0].live);
}

#[test]
fn sketches_follow_the_cell() {
    let space = space();
    assert_eq!(space.sketch(&[]).labels, [0, 2, 2, 2, 2, 2, 2, 1]);
    let sketch = space.sketch(&[4, 0, 1]);
    assert_eq!(sketch.labels, [0, 7, 3, 4, 2, 2, 2, 1]);
    assert_eq!((sketch.labels.len(), space.labels()), (space.nodes(), 8));
    // Two operations follow each other exactly where one edge ends at the node the other starts from.
    let mut arcs = Vec::new();
    for (i, a) in EDGES.iter().enumerate() {
        if a.0 == 0 {
            arcs.push((0, i + 1));
        }
        arcs.extend((0..6).filter(|&k| EDGES[k].0 == a.1).map(|k| (i + 1, k + 1)));
        if a.1 == 3 {
            arcs.push((i + 1, 7));
        }
    }
    arcs.sort_unstable();
    assert_eq!(sketch.arcs, arcs);
    assert!(space.has_places() && !space.is_chain());
}

#[test]
fn classes_are_those_on_the_real_table() {
    let Ok(table) = std::fs::read_to_string(TABLE) else {
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("skipped: no {TABLE}\n"));
        return;
    };
    let (mut class_of, mut string_of) = (BTreeMap::new(), BTreeMap::new());
    let mut rows = 0;
    for line in table.lines().skip(1) {
        let row: Vec<&str> = line.split(',').collect();
        let unique = unique_string(&genotype(row[1]).0);
        assert_eq!(*class_of.entry(unique.clone()).or_insert(row[2]), row[2], "{line}");
        assert_eq!(*string_of.entry(row[2]).or_insert(unique.clone()), unique, "{line}");
        rows += 1;
    }
    assert_eq!((rows, class_of.len(), string_of.len()), (15_625, 6_466, 6_466));
}
