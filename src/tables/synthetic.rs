//! A made-up objective for tests and demonstrations, on any space. It measures nothing.

use crate::space::{Dag, Genotype, Space};
use crate::{Error, Rng};
use std::collections::BTreeSet;

#[cfg(test)]
mod tests;

/// Numbers that a node holds.
const WIDTH: usize = 4;

/// Units of the fixed-point numbers of nodes in 1: integers sum to the same in any order.
const ONE: f64 = (1u64 << 24) as f64;

/// Operations that pass their input on.
const IDENTITIES: [&str; 5] = ["", "identity", "skip", "skip_connect", "no_down"];

/// The operation of an edge that is not there.
const NONE: &str = "none";

/// Architectures from which is learnt which nodes are inputs.
const SAMPLES: usize = 64;

/// The score in the middle and half of the range.
const SCORES: (f64, f64) = (80.0, 15.0);

/// What an architecture of very many operations gains over one with none, before the scores are squeezed into
/// range.
const LIVE: f64 = 0.5;

/// A synthetic objective: a seeded random function of the canonical form of an architecture, higher is
/// better, between 65 and 95 "synthetic score". It is no benchmark and tells nothing of real networks.
///
/// An architecture is computed as if it were a network: inputs hold random vectors, an operation is a random
/// squashed affine map of its name, a node is the sum of what leads to it, skips pass on, and what no input
/// reaches is absent. So isomorphic graphs, and graphs that differ in dead parts or in skips that can be
/// drawn together, score equally, and architectures that share most of their parts score alike. The score
/// reads the outputs and the number of operations on all paths to them. Chains are scored by the text of
/// their canonical form instead: a random weight for every block at its place and for every two neighbours,
/// and again the number of operations.
///
/// Scores are equal for equal canonical forms in every space that merges no more than this. They are the same
/// on all machines.
#[derive(Debug, Clone)]
pub struct Synthetic {
    seed: u64,
    space: &'static str,
    inputs: BTreeSet<String>,
}

impl Synthetic {
    /// What its values are.
    pub const UNIT: &'static str = "synthetic score";

    /// The objective of `seed` on `space`.
    pub fn new(space: &dyn Space, seed: u64) -> Synthetic {
        let mut rng = Rng::stream(0, "synthetic inputs");
        let (mut nodes, mut fed) = (BTreeSet::new(), BTreeSet::new());
        // A node without edges to it is an input if it never has any, else it is only cut off in this
        // architecture.
        for _ in 0..SAMPLES {
            let graph = space.graph(&space.random(&mut rng));
            fed.extend(graph.arcs.iter().map(|arc| graph.nodes[arc.to].name.clone()));
            nodes.extend(graph.nodes.into_iter().map(|node| node.name));
        }
        let inputs = nodes.difference(&fed).cloned().collect();
        Synthetic { seed, space: space.name(), inputs }
    }

    /// Its name in files and reports: `synthetic:SEED`.
    pub fn name(&self) -> String {
        format!("synthetic:{}", self.seed)
    }

    /// The score of `g`, which `space`, the one it was made for, contains.
    ///
    /// # Errors
    /// If the space is another one or does not contain `g`.
    pub fn score(&self, space: &dyn Space, g: &Genotype) -> Result<f64, Error> {
        if space.name() != self.space {
            let reason = format!("it is made for space `{}`, not for `{}`", self.space, space.name());
            return Err(Error::config(self.name(), reason));
        }
        space.check(g)?;
        let x = if space.is_chain() {
            self.chain(&space.canonical(g).0) + live(chosen(&space.graph(g)))
        } else {
            let (sum, operations) = self.outputs(&space.graph(g));
            sum + live(operations)
        };
        Ok(SCORES.0 + SCORES.1 * squash(x))
    }

    /// `N` random numbers in `[-1, 1)` for what `name` names.
    fn draws<const N: usize>(&self, name: &str) -> [f64; N] {
        let mut rng = Rng::stream(self.seed, name);
        std::array::from_fn(|_| 2.0 * f64::from(rng.uniform()) - 1.0)
    }

    /// The sum of random weights of the blocks of a text, of its letters or of what stands between its
    /// commas.
    fn chain(&self, text: &str) -> f64 {
        let blocks: Vec<&str> = if text.contains(',') {
            text.split(',').collect()
        } else {
            text.split("").filter(|block| !block.is_empty()).collect()
        };
        let weight = |name: String| self.draws::<1>(&name)[0];
        let alone = blocks.iter().enumerate().map(|(i, block)| weight(format!("block {i} {block}")));
        let pairs = blocks.windows(2).enumerate();
        let pairs = pairs.map(|(i, pair)| weight(format!("blocks {i} {} {}", pair[0], pair[1])));
        (alone.sum::<f64>() + 0.5 * pairs.sum::<f64>()) / (blocks.len().max(1) as f64).sqrt()
    }

    /// The sum of random weights of what the outputs of a graph hold, and the number of operations on all
    /// paths to them.
    fn outputs(&self, graph: &Dag) -> (f64, u64) {
        let live = |i: usize| graph.nodes[i].live;
        let mut values: Vec<Option<Value>> = vec![None; graph.nodes.len()];
        let mut total = Value::default();
        for (i, node) in graph.nodes.iter().enumerate().filter(|(i, _)| live(*i)) {
            let is_input = self.inputs.contains(&node.name);
            if is_input {
                values[i] = Some(Value::of(self.draws(&format!("input {}", node.name))));
            }
            let arcs = graph.arcs.iter().filter(|arc| arc.to == i && arc.op != NONE);
            for arc in arcs {
                if let Some(value) = values[arc.from] {
                    values[i].get_or_insert_default().add(self.operation(arc.op, value));
                }
            }
            // In spaces that put operations on nodes, a name is a number and the operation.
            let on_node = node.name.split_once(' ').filter(|(number, _)| number.parse::<usize>().is_ok());
            if let Some((_, op)) = on_node {
                values[i] = values[i].map(|value| self.operation(op, value));
            }
            let is_output = !is_input && !graph.arcs.iter().any(|arc| arc.from == i && live(arc.to));
            if let (true, Some(value)) = (is_output, values[i]) {
                let weights: [f64; WIDTH] = self.draws(&format!("output {}", node.name));
                let sum = value.numbers().iter().zip(weights).map(|(x, w)| x * w).sum();
                total.add(Value {
                    operations: value.operations,
                    ..Value::of([sum; WIDTH])
                });
            }
        }
        (total.numbers()[0], total.operations)
    }

    /// What the operation named `op` makes of `value`.
    fn operation(&self, op: &str, value: Value) -> Value {
        if IDENTITIES.contains(&op) {
            return value;
        }
        let [bias, matrix @ ..]: [[f64; WIDTH]; WIDTH + 1] =
            std::array::from_fn(|row| self.draws(&format!("operation {op} {row}")));
        let x = value.numbers();
        let row = |i: usize| bias[i] + matrix[i].iter().zip(x).map(|(m, x)| m * x).sum::<f64>();
        Value {
            operations: value.operations.wrapping_add(1),
            ..Value::of(std::array::from_fn(|i| squash(row(i))))
        }
    }
}

/// What a node holds, in fixed point, and the number of operations on all paths to it.
#[derive(Debug, Clone, Copy, Default)]
struct Value {
    fixed: [i64; WIDTH],
    operations: u64,
}

impl Value {
    fn of(numbers: [f64; WIDTH]) -> Value {
        Value {
            fixed: numbers.map(|x| (x * ONE).round() as i64),
            operations: 0,
        }
    }

    fn numbers(&self) -> [f64; WIDTH] {
        self.fixed.map(|x| x as f64 / ONE)
    }

    /// Skips can double a sum at every node, so it wraps rather than panics; it stays the same in any order.
    fn add(&mut self, other: Value) {
        for (x, y) in self.fixed.iter_mut().zip(other.fixed) {
            *x = x.wrapping_add(y);
        }
        self.operations = self.operations.wrapping_add(other.operations);
    }
}

/// Into (-1, 1), with nothing that differs between machines.
fn squash(x: f64) -> f64 {
    x / (1.0 + x.abs())
}

fn live(operations: u64) -> f64 {
    LIVE * squash(operations as f64 / 16.0)
}

/// The number of chosen operations that do something.
fn chosen(graph: &Dag) -> u64 {
    let does = |op| op != NONE && !IDENTITIES.contains(&op);
    graph.arcs.iter().filter(|arc| arc.choice.is_some() && does(arc.op)).count() as u64
}
