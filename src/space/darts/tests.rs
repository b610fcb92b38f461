//! The space against the published numbers, and its forms against each other.

use super::*;
use crate::Rng;
use std::collections::{BTreeSet, HashSet};

/// The second genotype of the DARTS paper, as its repository prints it.
const DARTS_V2: &str = "Genotype(\
     normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), \
     ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], \
     normal_concat=[2, 3, 4, 5], \
     reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), \
     ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], \
     reduce_concat=[2, 3, 4, 5])";

const V2_TEXT: &str = "0s1s.0s1s.0i1s.0i2d/0m1m.1m2i.0m2i.1m2i";

fn v2() -> Genotype {
    Darts::default().parse(DARTS_V2).unwrap()
}

#[test]
fn sizes_of_the_space() {
    let space = Darts::default();
    assert_eq!(space.choices().len(), 24);
    let names: Vec<&str> = space.choices().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names[3], "normal node 3 inputs");
    assert_eq!(names[23], "reduce node 5 op on higher input");
    let options: Vec<f64> = space.choices().iter().map(|c| c.options.len() as f64).collect();
    let pairs: Vec<f64> = options.iter().copied().step_by(3).collect();
    assert_eq!(pairs, [1.0, 3.0, 6.0, 10.0, 1.0, 3.0, 6.0, 10.0]);
    assert_eq!(pairs[..4].iter().product::<f64>(), 180.0);
    // The count of the specification: (180 * 7^8)^2 = 1.077e18.
    assert!((options.iter().product::<f64>() / 1.077e18 - 1.0).abs() < 1e-3);
    let last: Vec<&str> = space.choices()[9].options.iter().map(|o| o.name).collect();
    assert_eq!(last, ["0_1", "0_2", "0_3", "0_4", "1_2", "1_3", "1_4", "2_3", "2_4", "3_4"]);
    // Every pair is named by its inputs, lower first, sorted, each once.
    for (k, pairs) in PAIRS.iter().enumerate() {
        let wanted: Vec<[usize; 2]> = (0..k + 2)
            .flat_map(|low| (low + 1..k + 2).map(move |high| [low, high]))
            .collect();
        assert_eq!(pairs.iter().map(|p| p.inputs).collect::<Vec<_>>(), wanted);
        for pair in *pairs {
            assert_eq!(pair.name, format!("{}_{}", pair.inputs[0], pair.inputs[1]));
        }
    }
}

#[test]
fn all_forms_of_random_genotypes_survive_both_ways() {
    let space = Darts::default();
    let mut rng = Rng::seed(1);
    let mut keys = HashSet::new();
    for _ in 0..10_000 {
        let g = space.random(&mut rng);
        let published = space.decode(&g).unwrap();
        assert_eq!(space.encode(&published).unwrap(), g);
        assert_eq!(published.to_string().parse::<DartsGenotype>().unwrap(), published);
        let flat = space.to_flat(&g).unwrap();
        assert_eq!(flat.len(), 22);
        assert_eq!(space.read_flat(&flat).unwrap(), g);
        // From form to form, past the genes.
        assert_eq!(space.to_flat(&space.parse(&published.to_string()).unwrap()).unwrap(), flat);
        assert_eq!(space.parse(&space.text(&g)).unwrap(), g);
        assert_eq!(space.parse_json(&space.to_json(&g)).unwrap(), g);
        let vector = space.to_vector(&g).unwrap();
        for (parameter, value) in PARAMETERS.iter().zip(vector) {
            let value = value.map(|v| parameter.values[usize::from(v)]);
            assert_eq!(value, flat.get(&parameter.name).map(String::as_str));
        }
        keys.insert((space.canonical(&g), g));
    }
    let distinct: HashSet<&Key> = keys.iter().map(|(key, _)| key).collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn the_published_genotype_in_all_forms() {
    let space = Darts::default();
    let g = v2();
    assert_eq!(g.0, [0, 3, 3, 0, 3, 3, 0, 2, 3, 1, 2, 5, 0, 0, 0, 2, 0, 2, 1, 0, 2, 4, 0, 2]);
    assert_eq!(space.text(&g), V2_TEXT);
    assert_eq!(space.parse(V2_TEXT).unwrap(), g);
    assert_eq!(space.parse(&V2_TEXT.replace("1m2i", "2i1m")).unwrap(), g);
    let flat = space.to_flat(&g).unwrap();
    // By hand from the numbering of edges: node 5 of the reduction cell reads 1 and 2 through edges 10 and
    // 11.
    let wanted = [
        ("edge_normal_0", "sep_conv_3x3"),
        ("edge_normal_1", "sep_conv_3x3"),
        ("edge_normal_2", "sep_conv_3x3"),
        ("edge_normal_3", "sep_conv_3x3"),
        ("edge_normal_5", "skip_connect"),
        ("edge_normal_6", "sep_conv_3x3"),
        ("edge_normal_9", "skip_connect"),
        ("edge_normal_11", "dil_conv_3x3"),
        ("inputs_node_normal_3", "0_1"),
        ("inputs_node_normal_4", "0_1"),
        ("inputs_node_normal_5", "0_2"),
        ("edge_reduce_0", "max_pool_3x3"),
        ("edge_reduce_1", "max_pool_3x3"),
        ("edge_reduce_3", "max_pool_3x3"),
        ("edge_reduce_4", "skip_connect"),
        ("edge_reduce_5", "max_pool_3x3"),
        ("edge_reduce_7", "skip_connect"),
        ("edge_reduce_10", "max_pool_3x3"),
        ("edge_reduce_11", "skip_connect"),
        ("inputs_node_reduce_3", "1_2"),
        ("inputs_node_reduce_4", "0_2"),
        ("inputs_node_reduce_5", "1_2"),
    ];
    let full =
        |(name, value): (&str, &str)| (format!("NetworkSelectorDatasetInfo:darts:{name}"), value.into());
    assert_eq!(flat, wanted.map(full).into());
    let words = space.describe(&g);
    assert!(words.starts_with("normal cell\n  node 2 = sep_conv_3x3(0) + sep_conv_3x3(1)\n"));
    assert!(words.ends_with("  node 5 = max_pool_3x3(1) + skip_connect(2)\n"));
}

#[test]
fn python_texts_are_read_as_people_write_them() {
    let space = Darts::default();
    let others = [
        DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=range(2, 6)"),
        DARTS_V2.replace('\'', "\"").replace(", ", " ,\n\t"),
        DARTS_V2.replace(" ", ""),
        DARTS_V2
            .replace("5])", "5],)")
            .replace("2)]", "2),]")
            .replace("[2, 3, 4, 5]", "(2, 3, 4, 5)"),
        DARTS_V2
            .replace("('", "['")
            .replace("0)", "0]")
            .replace("1)", "1]")
            .replace("2)", "2]"),
        format!(" {} ", DARTS_V2.replace("Genotype(", "Genotype (")),
    ];
    for text in others {
        assert_eq!(space.parse(&text).unwrap(), v2(), "{text}");
    }
    for (from, to, reason) in [
        (
            "('sep_conv_3x3', 1), ('skip_connect', 0)",
            "('sep_conv_3x3', 0), ('skip_connect', 0)",
            "reads node 0 twice",
        ),
        (
            "('dil_conv_3x3', 2)",
            "('dil_conv_3x3', 5)",
            "normal node 5 reads node 5; it can read 0 to 4",
        ),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', -1)", "the number of a node, found is `-1"),
        ("('dil_conv_3x3', 2)", "('none', 2)", "one of the operations max_pool_3x3,"),
        (", ('dil_conv_3x3', 2)", "", "`normal` has 7 items, wanted are 8"),
        ("normal_concat=[2, 3, 4, 5]", "normal_concat=[2, 3, 4]", "`normal_concat` has 3 items"),
        (
            "normal_concat=[2, 3, 4, 5]",
            "normal_concat=[3, 2, 4, 5]",
            "normal_concat is [3, 2, 4, 5]",
        ),
        (
            "normal_concat=[2, 3, 4, 5]",
            "normal_concat=range(1, 99999999999)",
            "range(1, 99999999999)",
        ),
        (
            "normal_concat=[2, 3, 4, 5]",
            "normal_concat=range(1, 999999999999999999999)",
            "the number of a node",
        ),
        (
            "normal_concat=[2, 3, 4, 5]",
            "reduce_concat=[2, 3, 4, 5]",
            "`reduce_concat` is given twice",
        ),
        (", reduce_concat=[2, 3, 4, 5]", "", "`reduce_concat` is missing"),
        ("reduce_concat", "reduction", "found is `reduction"),
        ("5])", "5]", "wanted is `)`, found is the end"),
        ("5])", "5]) or 1", "wanted is the end, found is `or 1`"),
        ("('sep", "('é", "one of the operations"),
    ] {
        let text = DARTS_V2.replacen(from, to, 1);
        assert_ne!(text, DARTS_V2);
        let error = space.parse(&text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    // Every cut of the text is an error, none a panic.
    for end in 0..DARTS_V2.len() {
        assert!(space.parse(&DARTS_V2[..end]).is_err());
    }
}

#[test]
fn wrong_compact_texts_and_genes_are_refused_with_the_reason() {
    let space = Darts::default();
    for (from, to, reason) in [
        ("/", ".", "a normal and a reduction cell"),
        (".0i2d", "", "the normal cell has 3 nodes"),
        ("0i2d", "0i2", "node `0i2` is not two of digit and letter"),
        ("0i2d", "0i2x", "letter of `maistde`"),
        ("0i2d", "0ié", "letter of `maistde`"),
        ("0i2d", "2i2d", "node 5 reads node 2 twice"),
        ("0i2d", "0i5d", "node 5 reads node 5; it can read 0 to 4"),
    ] {
        let error = space.parse(&V2_TEXT.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let mut g = v2();
    g.0[3] = 3;
    let error = space.check(&g).unwrap_err().to_string();
    assert!(error.contains("normal node 3 inputs: option 3 does not exist, valid are 0..=2"));
    assert!(space.decode(&g).is_err() && space.to_flat(&g).is_err() && space.to_vector(&g).is_err());
    assert!(space.complexity(&g).is_none());
    assert!(Darts::new(0, 32).is_err() && Darts::new(8, 0).is_err() && Darts::new(8, 5000).is_err());
}

#[test]
fn wrong_flat_encodings_are_refused_with_the_reason() {
    let space = Darts::default();
    let flat = space.to_flat(&v2()).unwrap();
    let name = |short: &str| format!("NetworkSelectorDatasetInfo:darts:{short}");
    let refused = |change: &dyn Fn(&mut BTreeMap<String, String>), reason: &str| {
        let mut flat = flat.clone();
        change(&mut flat);
        let error = space.read_flat(&flat).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    refused(&|f| drop(f.remove(&name("edge_normal_5"))), "edge_normal_5` is missing");
    refused(&|f| drop(f.remove(&name("inputs_node_reduce_5"))), "inputs_node_reduce_5` is missing");
    let skip = || "skip_connect".to_owned();
    refused(
        &|f| drop(f.insert(name("edge_normal_7"), skip())),
        "edge_normal_7` is given, but the node does not read",
    );
    refused(&|f| drop(f.insert(name("edge_normal_14"), skip())), "edge_normal_14` is no parameter");
    refused(&|f| drop(f.insert(name("layers"), "8".into())), "layers` is no parameter");
    refused(
        &|f| drop(f.insert(name("edge_normal_5"), "none".into())),
        "edge_normal_5` is `none`, valid are max_pool",
    );
    refused(
        &|f| drop(f.insert(name("inputs_node_normal_3"), "0_0".into())),
        "is `0_0`, valid are 0_1, 0_2, 1_2",
    );
    // Every parameter is active in some architecture, and every one that has a condition is inactive in
    // another.
    let mut rng = Rng::seed(3);
    let (mut active, mut inactive) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..200 {
        for (i, value) in space.to_vector(&space.random(&mut rng)).unwrap().iter().enumerate() {
            if value.is_some() {
                active.insert(i)
            } else {
                inactive.insert(i)
            };
        }
    }
    assert_eq!((active.len(), inactive.len()), (34, 24));
    assert_eq!(inactive.into_iter().collect::<Vec<_>>(), (10..34).collect::<Vec<_>>());
}

#[test]
fn sketches_show_what_is_decided() {
    let space = Darts::default();
    let g = v2();
    let none = space.sketch(&[]);
    assert_eq!(none.labels[..15], [0, 0, 3, 3, 1, 3, 3, 1, 3, 3, 1, 3, 3, 1, 2]);
    assert_eq!(none.labels[..15], none.labels[15..]);
    // Without any choice: two arcs into each sum and one from it.
    assert_eq!(none.arcs.len(), 2 * (8 + 4));
    let all = space.sketch(&g.0);
    assert_eq!((all.labels.len(), all.arcs.len()), (space.nodes(), 2 * (8 + 8 + 4)));
    assert_eq!(all.labels[2..15], [7, 7, 1, 7, 7, 1, 6, 7, 1, 6, 9, 1, 2]);
    assert!(all.labels.iter().all(|label| *label < space.labels()));
    // Node 5 of the normal cell reads node 0 and node 2, whose sum is at place 4.
    assert!(all.arcs.contains(&(0, 11)) && all.arcs.contains(&(4, 12)) && all.arcs.contains(&(13, 14)));
    // Node 3 of the reduction cell reads nodes 1 and 2.
    assert!(all.arcs.contains(&(16, 20)) && all.arcs.contains(&(19, 21)));
    for end in 0..=24 {
        let sketch = space.sketch(&g.0[..end]);
        assert_eq!(sketch.labels.len(), 30);
        // An arc more for each operation whose pair of inputs is chosen, a mask less for each chosen
        // operation.
        assert_eq!(sketch.arcs.len(), 24 + 2 * end.div_ceil(3));
        let masks = sketch.labels.iter().filter(|label| **label == 3).count();
        assert_eq!(masks, 16 - (end - end.div_ceil(3)));
        assert!(sketch.arcs.iter().all(|(from, to)| from < to));
    }
    assert!(space.has_places() && !space.is_chain());
}

#[test]
fn graphs_hold_every_operation_once() {
    let space = Darts::default();
    let mut rng = Rng::seed(5);
    for _ in 0..100 {
        let g = space.random(&mut rng);
        let graph = space.graph(&g);
        assert_eq!((graph.nodes.len(), graph.arcs.len()), (14, 24));
        for (i, node) in graph.nodes.iter().enumerate() {
            let feeds = graph.arcs.iter().any(|arc| arc.from == i);
            assert_eq!(node.live, feeds || node.name.ends_with(".output"), "{}", node.name);
        }
        let mut seen = BTreeSet::new();
        for arc in &graph.arcs {
            assert!(arc.from < arc.to);
            if let Some(choice) = arc.choice {
                assert_eq!(arc.op, space.choices()[choice].options[usize::from(g.0[choice])].name);
                seen.insert(choice);
            }
        }
        assert_eq!(seen.len(), 16);
    }
    let graph = space.graph(&v2());
    let ends = |arc: &Arc| (graph.nodes[arc.from].name.clone(), graph.nodes[arc.to].name.clone(), arc.op);
    assert_eq!(ends(&graph.arcs[7]), ("normal.2".into(), "normal.5".into(), "dil_conv_3x3"));
}

#[test]
fn size_of_the_published_network() {
    // What the DARTS code prints for DARTS_V2: 3.349342 M parameters with 20 cells and 36 channels.
    let size = Darts::new(20, 36).unwrap().complexity(&v2()).unwrap();
    assert_eq!(size.params, 3_349_342);
}

#[test]
fn size_of_a_network_by_hand() {
    let space = Darts::new(1, 1).unwrap();
    // The only cell reduces, with 2 channels. Stem 3 -> 3 channels, two 1x1 convolutions 3 -> 2, pools, 8 ->
    // 10 classes.
    let mut g = Genotype(vec![0; 24]);
    let (stem, before, classes) = (81 + 6, 6 + 4, 80 + 10);
    let pools = space.complexity(&g).unwrap();
    assert_eq!(pools.params, stem + 2 * before + classes);
    assert_eq!(pools.macs, 1024 * (81 + 2 * 6) + 80);
    // A skip from an input becomes a factorised reduction 2 -> 2; one from node 2 stays an identity.
    g.0[13] = 2;
    let skip = space.complexity(&g).unwrap();
    assert_eq!((skip.params - pools.params, skip.macs - pools.macs), (4 + 4, 4 * 256));
    g.0[15..18].copy_from_slice(&[1, 0, 2]);
    assert_eq!(space.complexity(&g).unwrap(), skip);
    // A dilated 5x5 convolution: depth-wise 25 * 2, 1x1 2 * 2, normalisation 4; a separable one has two of
    // each.
    g.0[13] = 6;
    let dilated = space.complexity(&g).unwrap();
    assert_eq!((dilated.params - pools.params, dilated.macs - pools.macs), (58, 54 * 256));
    g.0[13] = 4;
    let separable = space.complexity(&g).unwrap();
    assert_eq!((separable.params - pools.params, separable.macs - pools.macs), (116, 108 * 256));
}
