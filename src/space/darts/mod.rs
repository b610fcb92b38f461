//! The space of DARTS and NAS-Bench-301: a normal and a reduction cell, each of four nodes that are the sum
//! of two operations on two different earlier nodes.

mod cell;
mod compact;
mod flat;
mod network;
mod published;
mod python;
mod sketch;
#[cfg(test)]
mod tests;

pub use cell::Op;
pub use flat::{PARAMETERS, Parameter};
pub use published::{CONCAT, DartsGenotype};

use super::choice::{Arc, Choice, Complexity, Dag, Genotype, Key, Node, Sketch, Space, check_ranges};
use super::primitive::Primitive;
use crate::Error;
use cell::{CELL_GENES, CELLS, INPUTS, NODE_GENES, NODES, PAIRS};
use published::links;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// Nodes of a cell in [`Space::graph`]: inputs, intermediate nodes, output.
const GRAPH_CELL: usize = INPUTS + NODES + 1;

/// Layers that a network can have.
const LAYERS: RangeInclusive<usize> = 1..=1000;

/// Channels that the first cell can have.
const CHANNELS: RangeInclusive<usize> = 1..=4096;

/// The space of DARTS: 24 choices, for each intermediate node of the normal and then of the reduction cell
/// its pair of inputs, the operation on the lower one and that on the higher one.
///
/// Every genotype in range is valid, in all `(180 * 7^8)^2` of them. The canonical form tells all apart, also
/// those that differ only in the order of intermediate nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Darts {
    layers: usize,
    channels: usize,
}

impl Default for Darts {
    /// Networks as NAS-Bench-301 trained them: 8 cells, 32 channels.
    fn default() -> Darts {
        Darts { layers: 8, channels: 32 }
    }
}

static CHOICES: LazyLock<Vec<Choice>> = LazyLock::new(|| {
    let mut choices = Vec::new();
    let ops = || Op::ALL.map(|op| Primitive::named(op.name())).to_vec();
    for cell in CELLS {
        for (k, pairs) in PAIRS.iter().enumerate() {
            let node = INPUTS + k;
            choices.push(Choice {
                name: format!("{cell} node {node} inputs"),
                options: pairs.iter().map(|pair| Primitive::named(pair.name)).collect(),
            });
            for side in ["lower", "higher"] {
                choices.push(Choice {
                    name: format!("{cell} node {node} op on {side} input"),
                    options: ops(),
                });
            }
        }
    }
    choices
});

impl Darts {
    /// The space with networks of `layers` cells, of which those at one and at two thirds are reduction
    /// cells, and `channels` channels in the first cell. Both matter to [`Space::complexity`] alone.
    ///
    /// # Errors
    /// If `layers` is not in 1..=1000, or `channels` not in 1..=4096.
    pub fn new(layers: usize, channels: usize) -> Result<Darts, Error> {
        if !LAYERS.contains(&layers) {
            return Err(Error::config("layers", format!("{layers} is not in {LAYERS:?}")));
        }
        if !CHANNELS.contains(&channels) {
            return Err(Error::config("channels", format!("{channels} is not in {CHANNELS:?}")));
        }
        Ok(Darts { layers, channels })
    }

    /// Cells of a network.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// Channels of the first cell.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The published form of a genotype, the lower input of every node first.
    ///
    /// # Errors
    /// If the number of genes or an option is wrong.
    pub fn decode(&self, g: &Genotype) -> Result<DartsGenotype, Error> {
        self.check(g)?;
        let (normal, reduce) = g.0.split_at(CELL_GENES);
        Ok(DartsGenotype {
            normal: links(normal),
            normal_concat: CONCAT,
            reduce: links(reduce),
            reduce_concat: CONCAT,
        })
    }

    /// The genes of a published genotype, whose nodes may have their inputs in any order.
    ///
    /// # Errors
    /// If a node reads itself, a later node, or one node twice, or a cell does not concatenate all its
    /// intermediate nodes.
    pub fn encode(&self, published: &DartsGenotype) -> Result<Genotype, Error> {
        published.genes().map(Genotype)
    }

    /// The flat encoding of NAS-Bench-301: the 22 active of the 34 [`PARAMETERS`], name and value.
    ///
    /// # Errors
    /// If the number of genes or an option is wrong.
    pub fn to_flat(&self, g: &Genotype) -> Result<BTreeMap<String, String>, Error> {
        self.check(g)?;
        Ok(flat::write(&g.0))
    }

    /// Reads what [`Darts::to_flat`] makes.
    ///
    /// # Errors
    /// If a parameter is unknown, missing, inactive, or has a value that does not exist.
    pub fn read_flat(&self, flat: &BTreeMap<String, String>) -> Result<Genotype, Error> {
        flat::read(flat).map(Genotype)
    }

    /// The value of each of [`PARAMETERS`], in their order, as the index of its value; none where it is
    /// inactive.
    ///
    /// # Errors
    /// If the number of genes or an option is wrong.
    pub fn to_vector(&self, g: &Genotype) -> Result<Vec<Option<u8>>, Error> {
        self.check(g)?;
        Ok(flat::vector(&g.0))
    }

    #[track_caller]
    fn decoded(&self, g: &Genotype) -> DartsGenotype {
        match self.decode(g) {
            Ok(published) => published,
            Err(error) => panic!("{error}; check a genotype first"),
        }
    }
}

impl Space for Darts {
    fn name(&self) -> &'static str {
        "darts"
    }

    fn choices(&self) -> &[Choice] {
        &CHOICES
    }

    fn check(&self, g: &Genotype) -> Result<(), Error> {
        check_ranges(&CHOICES, g)
    }

    fn canonical(&self, g: &Genotype) -> Key {
        Key(self.text(g))
    }

    fn graph(&self, g: &Genotype) -> Dag {
        let published = self.decoded(g);
        let mut dag = Dag::default();
        for (cell, links) in [published.normal, published.reduce].iter().enumerate() {
            let (kind, first) = (CELLS[cell], dag.nodes.len());
            let node = |name: String, live: bool| Node { name: format!("{kind}.{name}"), live };
            // All intermediate nodes reach the output; an input does if any of them reads it.
            let read = |input| links.iter().any(|link| link.1 == input);
            dag.nodes.extend((0..INPUTS).map(|i| node(i.to_string(), read(i))));
            dag.nodes.extend(CONCAT.map(|i| node(i.to_string(), true)));
            dag.nodes.push(node("output".into(), true));
            for (link, (op, input)) in links.iter().enumerate() {
                dag.arcs.push(Arc {
                    from: first + input,
                    to: first + INPUTS + link / 2,
                    op: op.name(),
                    choice: Some(CELL_GENES * cell + NODE_GENES * (link / 2) + 1 + link % 2),
                });
            }
            let concat = |i| Arc {
                from: first + i,
                to: first + GRAPH_CELL - 1,
                op: "concat",
                choice: None,
            };
            dag.arcs.extend(CONCAT.map(concat));
        }
        dag
    }

    fn describe(&self, g: &Genotype) -> String {
        let published = self.decoded(g);
        let mut text = String::new();
        for (kind, links) in CELLS.into_iter().zip([published.normal, published.reduce]) {
            text.push_str(&format!("{kind} cell\n"));
            for (k, [(a, i), (b, j)]) in links.as_chunks::<2>().0.iter().enumerate() {
                let (node, a, b) = (INPUTS + k, a.name(), b.name());
                text.push_str(&format!("  node {node} = {a}({i}) + {b}({j})\n"));
            }
        }
        text
    }

    /// Size of the evaluation network for CIFAR-10 without its auxiliary head.
    fn complexity(&self, g: &Genotype) -> Option<Complexity> {
        self.check(g).ok()?;
        Some(network::complexity(&g.0, self.layers, self.channels))
    }

    fn labels(&self) -> usize {
        sketch::LABELS
    }

    fn nodes(&self) -> usize {
        sketch::ALL
    }

    /// Both cells as one graph of 30 nodes, per cell: two inputs; for each intermediate node two operations
    /// and their sum; the concatenation. The arcs into an operation appear when its pair of inputs is chosen.
    fn sketch(&self, prefix: &[u8]) -> Sketch {
        sketch::sketch(prefix)
    }

    /// The short form `0s1s.0s1s.1s2i.0i2d/0m1m.1m2i.0m2i.1m2i`: the normal and the reduction cell; in a cell
    /// the intermediate nodes; in a node two inputs, each with the letter of its operation (`m` maximum pool,
    /// `a` average pool, `i` skip, `s` and `t` separable 3x3 and 5x5, `d` and `e` dilated 3x3 and 5x5).
    fn text(&self, g: &Genotype) -> String {
        if let Err(error) = self.check(g) {
            panic!("{error}; check a genotype first");
        }
        compact::write(&g.0)
    }

    /// Reads the short form, or the Python form of a [`DartsGenotype`].
    fn parse(&self, text: &str) -> Result<Genotype, Error> {
        if text.trim_start().starts_with("Genotype") {
            return self.encode(&text.parse()?);
        }
        compact::read(text).map(Genotype)
    }
}
