//! The space against the published vectors, counts and named cells, and its masks against its own check.

use super::enumerate::matrices;
use super::graph::NONE;
use super::layout::{CHOICES, OUTPUT, link, op};
use super::*;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nasbench/nb101_vectors.csv");

/// The cell of some edges and operations, by way of the matrix of the published files.
fn cell(edges: &[(usize, usize)], ops: &[u8]) -> Result<Cell, Error> {
    let n = ops.len() + 2;
    let mut matrix = vec![0; n * n];
    for (from, to) in edges {
        matrix[from * n + to] = 1;
    }
    let interior = ops.iter().map(|&op| OPS[usize::from(op)]);
    let labels: Vec<&str> = ["input"].into_iter().chain(interior).chain(["output"]).collect();
    Cell::from_matrix(&matrix, &labels)
}

fn edges(cell: &Cell) -> Vec<(usize, usize)> {
    let n = cell.vertices();
    let all = (0..n).flat_map(|from| (from + 1..n).map(move |to| (from, to)));
    all.filter(|&(from, to)| cell.has_edge(from, to)).collect()
}

/// Follows the masks with uniform choices.
fn draw_with_masks(rng: &mut Rng) -> Genotype {
    let mut genes = Vec::new();
    while genes.len() < CHOICES.len() {
        let allowed = NasBench101.allowed(&genes);
        assert_eq!(allowed.len(), CHOICES[genes.len()].options.len());
        let open: Vec<u8> = (0..allowed.len() as u8).filter(|&i| allowed[usize::from(i)]).collect();
        genes.push(open[rng.below(open.len())]);
    }
    Genotype(genes)
}

fn is_allowed(g: &Genotype) -> bool {
    (0..g.0.len()).all(|i| NasBench101.allowed(&g.0[..i])[usize::from(g.0[i])])
}

#[test]
fn named_cells_have_the_published_keys_and_parameters() {
    let first = [(0, 1), (0, 4), (0, 5), (1, 2), (2, 3), (2, 6), (3, 5), (4, 5), (5, 6)];
    let inception = [(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)];
    let named: [(&[_], &[u8], _, _); 3] = [
        (&first, &[0, 2, 0, 0, 1], "00005c142e6f48ac74fdcf73e3439874", 8_555_530),
        (&inception, &[1, 0, 0, 0, 2], "28cfc7874f6d200472e1a9dcd8650aa0", 2_694_282),
        (&[(0, 1)], &[], "043721b9c7fe8c5fad811d47d83132ec", 882_570),
    ];
    for (edges, ops, key, params) in named {
        let cell = cell(edges, ops).unwrap();
        assert_eq!(cell.key_hex(), key);
        assert_eq!(cell.complexity().params, params);
        let g = cell.genotype();
        assert_eq!(NasBench101.decode(&g).unwrap(), cell);
        assert_eq!(NasBench101.canonical(&g).0, key);
    }
}

#[test]
fn multiply_adds_of_chains_counted_by_hand() {
    // Stem, the first cell of every stack, the others, dense.
    let stem = 27 * 128 * 1024;
    let square = 128 * 128 * 1024;
    let narrow = square + 2 * (square / 2);
    let plain = stem + narrow + 6 * square + 5_120;
    assert_eq!(cell(&[(0, 1)], &[]).unwrap().complexity().macs, plain);
    assert_eq!(cell(&[(0, 1), (1, 2)], &[2]).unwrap().complexity().macs, plain);
    assert_eq!(cell(&[(0, 1), (1, 2)], &[0]).unwrap().complexity().macs, plain + 9 * 9 * square);
    assert_eq!(cell(&[(0, 1), (1, 2)], &[1]).unwrap().complexity().macs, plain + 9 * square);
}

#[test]
fn pruning_key_and_parameters_on_the_real_table() {
    let Ok(table) = std::fs::read_to_string(VECTORS) else {
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: {VECTORS} is not there\n"),
        );
        return;
    };
    let mut rows = 0;
    for line in table.lines().skip(1) {
        rows += 1;
        let fields: Vec<&str> = line.split(',').collect();
        let [bits, ops, vertices, edges, pruned_bits, pruned_ops, key, last] = fields[..] else {
            panic!("{line}: 8 fields expected");
        };
        let parsed = NasBench101.parse(&format!("{bits}:{ops}"));
        let reason = match last {
            "disconnected" => "the output is not reached from the input".into(),
            "too_many_edges" => format!("{edges} edges after pruning, at most 9"),
            params => {
                let g = parsed.unwrap();
                let cell = NasBench101.decode(&g).unwrap();
                assert_eq!(cell.vertices().to_string(), vertices);
                assert_eq!(cell.edges().to_string(), edges);
                assert_eq!(NasBench101.text(&g), format!("{pruned_bits}:{pruned_ops}"));
                assert_eq!(NasBench101.canonical(&g).0, key, "{line}");
                assert_eq!(NasBench101.complexity(&g).unwrap().params.to_string(), params, "{line}");
                continue;
            }
        };
        assert_eq!(parsed.unwrap_err().to_string(), format!("genotype: {reason}"), "{line}");
    }
    assert_eq!(rows, 200);
}

#[test]
fn counts_of_all_cells_by_vertices_and_edges() {
    let cells = enumerate(MOST_VERTICES);
    assert_eq!(cells.len(), 423_624);
    let count = |of: fn(&Cell) -> usize, n| cells.iter().filter(|c| of(c) == n).count();
    let by_vertices: Vec<usize> = (2..=7).map(|n| count(Cell::vertices, n)).collect();
    assert_eq!(by_vertices, [1, 6, 84, 2_441, 62_010, 359_082]);
    let by_edges: Vec<usize> = (1..=9).map(|n| count(Cell::edges, n)).collect();
    assert_eq!(by_edges, [1, 3, 12, 60, 339, 2_134, 13_984, 78_822, 328_269]);
    let labelled = (2..=MOST_VERTICES).map(|n| matrices(n).count() * OPS.len().pow(n as u32 - 2));
    assert_eq!(labelled.sum::<usize>(), 1_293_208);
    assert_eq!(enumerate(1), []);
}

/// The keys of 6 vertices and fewer; those of all take some seconds more.
#[test]
fn keys_tell_small_cells_apart() {
    let cells = enumerate(6);
    let keys: HashSet<[u8; 16]> = cells.par_iter().map(Cell::key).collect();
    assert_eq!(keys.len(), 64_542);
}

#[test]
#[ignore = "some seconds: the keys of all cells"]
fn keys_tell_all_cells_apart() {
    let cells = enumerate(MOST_VERTICES);
    let keys: HashSet<[u8; 16]> = cells.par_iter().map(Cell::key).collect();
    assert_eq!(keys.len(), 423_624);
}

/// The official procedure as it is written down: all matrices, all labellings, the first of every key.
#[test]
fn order_is_that_of_the_first_seen_keys() {
    let mut seen = HashSet::new();
    let mut official = Vec::new();
    for n in 2..=5_usize {
        let places: Vec<(usize, usize)> = (1..n).flat_map(|y| (0..y).map(move |x| (x, y))).collect();
        for bits in 0..1_u32 << places.len() {
            let is_set = |i: usize| bits >> i & 1 == 1;
            let drawn: Vec<(usize, usize)> =
                (0..places.len()).filter(|&i| is_set(i)).map(|i| places[i]).collect();
            for code in 0..3_u32.pow(n as u32 - 2) {
                let ops: Vec<u8> = (0..n as u32 - 2).rev().map(|i| (code / 3_u32.pow(i) % 3) as u8).collect();
                let Ok(cell) = cell(&drawn, &ops) else { continue };
                if cell.edges() == drawn.len() && cell.vertices() == n && seen.insert(cell.key()) {
                    official.push(cell);
                }
            }
        }
    }
    assert_eq!(official.len(), 1 + 6 + 84 + 2_441);
    assert_eq!(enumerate(5), official);
}

#[test]
fn pruning_twice_changes_nothing_and_drops_absent_vertices() {
    let mut rng = Rng::seed(3);
    let mut shrunk = 0;
    for _ in 0..2_000 {
        let mut g = NasBench101.random(&mut rng);
        let absent = 1 + rng.below(5);
        g.0[op(absent)] = NONE;
        let Ok(cell) = NasBench101.decode(&g) else {
            continue;
        };
        assert!(cell.vertices() < MOST_VERTICES);
        shrunk += usize::from(cell.vertices() < MOST_VERTICES - 1);
        assert_eq!(Cell::from_matrix(&cell.matrix(), &cell.labels()).unwrap(), cell);
        assert_eq!(NasBench101.decode(&cell.genotype()).unwrap(), cell);
        // What touches an absent vertex is ignored.
        g.0[link(0, absent)] ^= 1;
        assert_eq!(NasBench101.decode(&g).unwrap(), cell);
    }
    assert!(shrunk > 100);
}

#[test]
fn key_does_not_depend_on_the_numbering() {
    let mut rng = Rng::seed(4);
    let mut renumbered = 0;
    while renumbered < 500 {
        let one = NasBench101.decode(&NasBench101.random(&mut rng)).unwrap();
        let n = one.vertices();
        let mut place: Vec<usize> = rng.permutation(n - 2).iter().map(|i| i + 1).collect();
        place.insert(0, 0);
        place.push(n - 1);
        let moved: Vec<(usize, usize)> = edges(&one).iter().map(|&(v, w)| (place[v], place[w])).collect();
        if moved.iter().any(|(from, to)| from > to) {
            continue;
        }
        let mut ops = one.ops().to_vec();
        for v in 1..n - 1 {
            ops[place[v] - 1] = one.ops()[v - 1];
        }
        let other = cell(&moved, &ops).unwrap();
        if other != one {
            renumbered += 1;
            assert_eq!(other.key(), one.key());
            // An operation more of one kind is another cell.
            ops[0] = (ops[0] + 1) % 3;
            assert_ne!(cell(&moved, &ops).unwrap().key(), one.key());
        }
    }
}

#[test]
fn masks_lead_to_valid_cells_of_all_sizes() {
    let mut rng = Rng::seed(5);
    let mut small = HashSet::new();
    let mut sizes = BTreeSet::new();
    for _ in 0..20_000 {
        let g = draw_with_masks(&mut rng);
        NasBench101.check(&g).unwrap();
        let cell = NasBench101.decode(&g).unwrap();
        assert_eq!(cell.genotype(), g, "nothing is left to prune");
        sizes.insert(("vertices", cell.vertices()));
        sizes.insert(("edges", cell.edges()));
        if cell.vertices() <= 4 {
            small.insert(cell.key());
        }
    }
    let vertices = (2..=7).map(|n| ("vertices", n));
    assert_eq!(sizes, vertices.chain((1..=9).map(|n| ("edges", n))).collect());
    assert_eq!(small.len(), 1 + 6 + 84);
}

#[test]
fn masks_let_every_cell_through() {
    assert!(enumerate(MOST_VERTICES).par_iter().all(|cell| is_allowed(&cell.genotype())));
}

#[test]
fn masks_close_what_would_be_pruned_or_exceed_the_budget() {
    let (no, yes, both) = (vec![true, false], vec![false, true], vec![true, true]);
    let allowed = |prefix: &[u8]| NasBench101.allowed(prefix);
    assert_eq!(allowed(&[]), [true; 4]);
    assert_eq!(allowed(&[0]), yes, "vertex 1 has no other predecessor");
    assert_eq!(allowed(&[NONE]), no);
    assert_eq!(allowed(&[NONE, 0]), [false, false, false, true]);
    assert_eq!(allowed(&[0, 1, 0, 0]), yes, "vertex 2 is fed by 0 or 1");
    assert_eq!(allowed(&[0, 1, 0, 1]), both);
    // Vertices 0 to 3 have all their 6 edges; 3 and 4 still have to feed another vertex.
    let dense = [0, 1, 0, 1, 1, 0, 1, 1, 1, 0];
    assert_eq!(allowed(&dense), both);
    let seventh = [&dense[..], &[1]].concat();
    assert_eq!(allowed(&seventh), no, "two edges to the output are kept back");
    assert_eq!(allowed(&[&seventh[..], &[0, 0]].concat()), both, "3 may feed 4 instead of the output");
    let ended = [&seventh[..], &[0, 0, 1]].concat();
    assert_eq!(allowed(&ended), [false, false, false, true], "8 edges");
    let output = [&ended[..], &[NONE, 0, 0, 0, 0, 0]].concat();
    assert_eq!(allowed(&output), no);
    assert_eq!(allowed(&[&output[..], &[0; 4]].concat()), yes, "vertex 4 feeds nothing yet");
    // A prefix that no mask allows still has an option.
    for option in 0..2 {
        let broken = vec![option; 12];
        assert!(allowed(&broken).contains(&true));
    }
}

#[test]
fn steps_and_sketches_follow_the_choices() {
    let steps = NasBench101.steps();
    let covered: Vec<usize> = steps.iter().flat_map(|s| s.op.into_iter().chain(s.links.clone())).collect();
    assert_eq!(covered, (0..26).collect::<Vec<_>>());
    assert_eq!(steps.len(), 6);
    let g = cell(&[(0, 1), (1, 2), (0, 2), (2, 3)], &[2, 1]).unwrap().genotype();
    for (k, step) in steps.iter().enumerate() {
        let before = step.op.unwrap_or(step.links.start);
        let sketch = NasBench101.sketch(&g.0[..before]);
        assert_eq!(sketch.labels.len(), k + 1);
        assert_eq!(sketch.labels.len(), step.links.len(), "a link for every node");
    }
    let sketch = NasBench101.sketch(&g.0);
    assert_eq!(sketch.labels, [0, 4, 3, 5, 5, 5, 1]);
    assert_eq!(sketch.arcs, [(0, 1), (0, 2), (1, 2), (2, 6)]);
    assert_eq!(NasBench101.sketch(&g.0[..25]).arcs, [(0, 1), (0, 2), (1, 2)]);
    assert!(sketch.labels.iter().all(|&label| label < NasBench101.labels()));
    assert_eq!(CHOICES[steps[OUTPUT - 1].links.end - 1].name, "edge 5->6");
}

#[test]
fn graph_and_words_of_a_cell_with_a_dead_vertex() {
    let mut g = cell(&[(0, 1), (1, 2), (2, 3)], &[0, 1]).unwrap().genotype();
    g.0[op(4)] = 2;
    g.0[link(0, 4)] = 1;
    let dag = NasBench101.graph(&g);
    let names: Vec<(&str, bool)> = dag.nodes.iter().map(|n| (n.name.as_str(), n.live)).collect();
    let (one, two) = (("1 conv3x3-bn-relu", true), ("2 conv1x1-bn-relu", true));
    assert_eq!(names, [("input", true), one, two, ("4 maxpool3x3", false), ("output", true)]);
    let arcs: Vec<(usize, usize)> = dag.arcs.iter().map(|a| (a.from, a.to)).collect();
    assert_eq!(arcs, [(0, 1), (1, 2), (0, 3), (2, 4)]);
    assert!(dag.arcs.iter().all(|a| g.0[a.choice.unwrap()] == 1));
    let words = "cell of 4 vertices and 3 edges\n  1 conv3x3-bn-relu <- input\n  2 conv1x1-bn-relu <- 1\n  \
                 output <- 2\n";
    assert_eq!(NasBench101.describe(&g), words);
    assert_eq!(NasBench101.text(&g), "100101:01");
}

#[test]
fn texts_and_files_survive_both_ways() {
    let mut rng = Rng::seed(6);
    for _ in 0..1_000 {
        let g = NasBench101.random(&mut rng);
        let back = NasBench101.parse(&NasBench101.text(&g)).unwrap();
        assert_eq!(NasBench101.decode(&back).unwrap(), NasBench101.decode(&g).unwrap());
        assert_eq!(NasBench101.parse_json(&NasBench101.to_json(&g)).unwrap(), g);
    }
    for cell in enumerate(4) {
        assert_eq!(NasBench101.parse(&cell.to_string()).unwrap(), cell.genotype());
    }
    for (text, reason) in [
        ("1", "no colon"),
        ("1111:0", "4 bits"),
        ("111:", "0 operations for 1"),
        ("111:3", "an operation is not 0, 1 or 2"),
        ("1é:0", "`é` is no bit"),
        ("121:0", "`2` is no bit"),
        ("100:0", "not reached"),
    ] {
        let error = NasBench101.parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn wrong_matrices_are_refused_with_the_reason() {
    let good = ["input", "maxpool3x3", "output"];
    let refused: [(&[u8], &[&str], &str); 7] = [
        (&[0], &["input"], "1 vertices, wanted are 2 to 7"),
        (&[0; 8], &good, "has 8 values, wanted are 9"),
        (&[0, 1, 0, 1, 0, 1, 0, 0, 0], &good, "1 at 1->0, wanted is 0"),
        (&[0, 2, 0, 0, 0, 1, 0, 0, 0], &good, "2 at 0->1, wanted is 0 or 1"),
        (&[0, 1, 0, 0, 0, 0, 0, 0, 0], &good, "the output is not reached from the input"),
        (&[0; 9], &["input", "pool", "output"], "vertex 1 is `pool`, valid are conv3x3-bn-relu"),
        (
            &[0; 9],
            &["input", "maxpool3x3", "maxpool3x3"],
            "vertex 2 is `maxpool3x3`, wanted is `output`",
        ),
    ];
    for (matrix, labels, reason) in refused {
        let error = Cell::from_matrix(matrix, labels).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let range = NasBench101.check(&Genotype(vec![4; 26])).unwrap_err().to_string();
    assert!(range.contains("operation of vertex 1: option 4"));
}

#[test]
fn mutants_are_valid_other_cells_at_the_common_rates() {
    let mut rng = Rng::seed(7);
    // A chain of 3x3 convolutions: most mutants of it are valid, so rejection hardly bends the rates.
    let chain = cell(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (0, 6)], &[0; 5]).unwrap();
    let parent = chain.genotype();
    let (mut flips, mut changed) = (0, 0);
    let n = 20_000;
    for _ in 0..n {
        let child = NasBench101.mutate(&parent, &mut rng);
        let cell = NasBench101.decode(&child).unwrap();
        assert_ne!(cell.key(), chain.key());
        for (i, (a, b)) in parent.0.iter().zip(&child.0).enumerate() {
            match place(i) {
                Place::Op(_) => changed += usize::from(a != b),
                Place::Link(..) => flips += usize::from(a != b),
            }
        }
    }
    let (flips, changed) = (flips as f64 / f64::from(n), changed as f64 / f64::from(n));
    assert!((flips - 3.0).abs() < 0.25, "{flips} of 21 edges");
    // Two of three draws give another operation.
    assert!((changed - 2.0 / 3.0).abs() < 0.06, "{changed} of 5 operations");
    for _ in 0..1_000 {
        let g = NasBench101.random(&mut rng);
        assert!((1..OUTPUT).all(|v| g.0[op(v)] != NONE));
        NasBench101.check(&NasBench101.mutate(&g, &mut rng)).unwrap();
    }
}
