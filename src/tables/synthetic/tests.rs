//! Equal canonical forms, equal scores, on real spaces and on small ones whose forms merge much.

use super::*;
use crate::space::{Arc, Choice, Darts, Key, Node, Primitive, Sketch, check_ranges};
use std::collections::{BTreeMap, HashSet};

const OPS: [&str; 4] = ["none", "skip_connect", "conv", "pool"];

/// The edges of [`Small::cell`].
const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];

/// A space for tests: a cell of four nodes with a choice per edge, or a chain of four blocks.
struct Small {
    choices: Vec<Choice>,
    is_chain: bool,
}

impl Small {
    fn of(choices: usize, is_chain: bool) -> Small {
        let options: Vec<Primitive> = OPS.map(Primitive::named).to_vec();
        let choice = |i| Choice {
            name: format!("choice {i}"),
            options: options.clone(),
        };
        Small {
            choices: (0..choices).map(choice).collect(),
            is_chain,
        }
    }

    fn cell() -> Small {
        Small::of(EDGES.len(), false)
    }

    fn chain() -> Small {
        Small::of(4, true)
    }

    fn all(&self) -> Vec<Genotype> {
        let count = OPS.len().pow(self.choices.len() as u32);
        let gene = |n: usize, i: usize| (n / OPS.len().pow(i as u32) % OPS.len()) as u8;
        (0..count)
            .map(|n| Genotype((0..self.choices.len()).map(|i| gene(n, i)).collect()))
            .collect()
    }
}

/// What a node computes, as a sorted sum of terms; nothing if no input reaches it.
fn terms(g: &Genotype, node: usize) -> Vec<String> {
    if node == 0 {
        return vec!["x".into()];
    }
    let mut all = Vec::new();
    for (gene, (from, _)) in g.0.iter().zip(EDGES).filter(|(_, (_, to))| *to == node) {
        let source = terms(g, from);
        match OPS[usize::from(*gene)] {
            "none" => {}
            "skip_connect" => all.extend(source),
            op => all.extend((!source.is_empty()).then(|| format!("{op}({})", source.join("+")))),
        }
    }
    all.sort();
    all
}

impl Space for Small {
    fn name(&self) -> &'static str {
        if self.is_chain { "small chain" } else { "small cell" }
    }

    fn choices(&self) -> &[Choice] {
        &self.choices
    }

    fn check(&self, g: &Genotype) -> Result<(), Error> {
        check_ranges(&self.choices, g)
    }

    /// Of a cell the expression of its output; of a chain the blocks that do something, in order.
    fn canonical(&self, g: &Genotype) -> Key {
        if self.is_chain {
            let does = g.0.iter().filter(|gene| **gene > 1);
            return Key(does.map(|gene| gene.to_string()).collect());
        }
        Key(terms(g, 3).join("+"))
    }

    fn graph(&self, g: &Genotype) -> Dag {
        let (count, edges): (usize, Vec<(usize, usize)>) = if self.is_chain {
            (5, (0..4).map(|i| (i, i + 1)).collect())
        } else {
            (4, EDGES.to_vec())
        };
        let mut dag = Dag::default();
        for (i, (gene, (from, to))) in g.0.iter().zip(edges).enumerate().filter(|(_, (gene, _))| **gene > 0) {
            dag.arcs.push(Arc {
                from,
                to,
                op: OPS[usize::from(*gene)],
                choice: Some(i),
            });
        }
        // Whether a node reaches the output is all that `live` says, not whether an input reaches it.
        let mut live = vec![false; count];
        live[count - 1] = true;
        for i in (0..count).rev() {
            live[i] |= dag.arcs.iter().any(|arc| arc.from == i && live[arc.to]);
        }
        dag.nodes
            .extend(live.into_iter().enumerate().map(|(i, live)| Node { name: i.to_string(), live }));
        dag
    }

    fn describe(&self, g: &Genotype) -> String {
        self.text(g)
    }

    fn is_chain(&self) -> bool {
        self.is_chain
    }

    fn labels(&self) -> usize {
        1
    }

    fn nodes(&self) -> usize {
        0
    }

    fn sketch(&self, _: &[u8]) -> Sketch {
        Sketch::default()
    }

    fn text(&self, g: &Genotype) -> String {
        format!("{:?}", g.0)
    }

    fn parse(&self, text: &str) -> Result<Genotype, Error> {
        Err(Error::genotype(text))
    }
}

/// Scores by canonical form, after a look that every form has one.
fn by_form(space: &dyn Space, synthetic: &Synthetic, all: &[Genotype]) -> BTreeMap<Key, f64> {
    let mut scores = BTreeMap::new();
    for g in all {
        let score = synthetic.score(space, g).unwrap();
        assert!((65.0..95.0).contains(&score));
        let key = space.canonical(g);
        assert_eq!(*scores.entry(key.clone()).or_insert(score), score, "{key:?} {g:?}");
    }
    scores
}

fn deviation(scores: &BTreeMap<Key, f64>) -> f64 {
    let count = scores.len() as f64;
    let mean = scores.values().sum::<f64>() / count;
    (scores.values().map(|s| (s - mean).powi(2)).sum::<f64>() / count).sqrt()
}

#[test]
fn equal_forms_of_small_spaces_score_equally() {
    for space in [Small::cell(), Small::chain()] {
        let all = space.all();
        for seed in 0..5 {
            let scores = by_form(&space, &Synthetic::new(&space, seed), &all);
            // Much is merged, and what is not merged scores differently.
            assert!(scores.len() * 2 < all.len(), "{} of {}", scores.len(), all.len());
            let distinct: HashSet<u64> = scores.values().map(|s| s.to_bits()).collect();
            assert!(distinct.len() * 100 > scores.len() * 99, "{} of {}", distinct.len(), scores.len());
            assert!(deviation(&scores) > 0.5);
        }
    }
}

#[test]
fn scores_of_darts_spread_and_neighbours_score_alike() {
    let space = Darts::default();
    let mut rng = Rng::seed(1);
    let mut all: Vec<Genotype> = (0..1_000).map(|_| space.random(&mut rng)).collect();
    all.extend(all.clone());
    let synthetic = Synthetic::new(&space, 7);
    let scores = by_form(&space, &synthetic, &all);
    let spread = deviation(&scores);
    assert!(spread > 0.5, "{spread}");
    // A changed gene changes the score by less than another architecture does.
    let mut steps = 0.0;
    for g in &all[..1_000] {
        let step = synthetic.score(&space, &space.mutate(g, &mut rng)).unwrap();
        steps += (step - synthetic.score(&space, g).unwrap()).powi(2) / 1e3;
    }
    assert!(steps.sqrt() < 0.7 * 2f64.sqrt() * spread, "{} {spread}", steps.sqrt());
}

#[test]
fn the_seed_decides_all() {
    let space = Darts::default();
    let g = Genotype(vec![0, 3, 3, 0, 3, 3, 0, 2, 3, 1, 2, 5, 0, 0, 0, 2, 0, 2, 1, 0, 2, 4, 0, 2]);
    let score = |seed| Synthetic::new(&space, seed).score(&space, &g).unwrap();
    assert_eq!(score(3), score(3));
    assert_ne!(score(3), score(4));
    // On every machine.
    assert_eq!(score(3), 84.656_044_632_622_55);
    let synthetic = Synthetic::new(&space, 3);
    assert_eq!((synthetic.name().as_str(), Synthetic::UNIT), ("synthetic:3", "synthetic score"));
    let inputs: Vec<&str> = synthetic.inputs.iter().map(String::as_str).collect();
    assert_eq!(inputs, ["normal.0", "normal.1", "reduce.0", "reduce.1"]);
    let error = synthetic.score(&Small::cell(), &g).unwrap_err().to_string();
    assert!(error.contains("`synthetic:3`: it is made for space `darts`, not for `small cell`"));
    assert!(synthetic.score(&space, &Genotype(vec![9; 24])).is_err());
}
