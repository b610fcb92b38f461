//! The space of NAS-Bench-201 and the topology part of NATS-Bench: a cell of 4 nodes, one of 5 operations on
//! each of its 6 edges, 15,625 cells.

mod network;
#[cfg(test)]
mod tests;
mod unique;

pub use network::Nb201Dataset;
pub use unique::unique_string;

use super::choice::{Arc, Choice, Complexity, Dag, Genotype, Key, Node, Sketch, Space, check_ranges};
use super::primitive::Primitive;
use crate::Error;

/// Edges `(from, to)` in the order of the genes.
const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];

/// Nodes of the cell; a node's value is the sum of its incoming edges.
const NODES: usize = 4;

/// Options of every edge, in the canonical order.
static OPS: [Primitive; 5] = [
    Primitive::named("none"),
    Primitive::named("skip_connect"),
    Primitive::named("nor_conv_1x1"),
    Primitive::named("nor_conv_3x3"),
    Primitive::named("avg_pool_3x3"),
];

const NONE: u8 = 0;
const SKIP: u8 = 1;
const CONV_1X1: u8 = 2;
const CONV_3X3: u8 = 3;

/// Labels of a sketch before those of the operations.
const INPUT: usize = 0;
const OUTPUT: usize = 1;
const MASK: usize = 2;

/// Edges of a sketch. Operations stand on its nodes: 0 is the input, 1 to 6 are the genes, 7 is the output.
const SKETCH_ARCS: [(usize, usize); 10] =
    [(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)];

/// The cells of NAS-Bench-201, with the cost of the networks for one data set.
#[derive(Debug, Clone)]
pub struct NasBench201 {
    dataset: Nb201Dataset,
    merge: bool,
    choices: Vec<Choice>,
}

impl NasBench201 {
    /// The space with the networks for `dataset`; every architecture is its own canonical form.
    pub fn new(dataset: Nb201Dataset) -> NasBench201 {
        let choice = |(from, to)| Choice {
            name: format!("edge {from}->{to}"),
            options: OPS.to_vec(),
        };
        NasBench201 {
            dataset,
            merge: false,
            choices: EDGES.map(choice).to_vec(),
        }
    }

    /// Whether isomorphic cells share a canonical form. The tables trained each on its own and hold different
    /// values, so the default is no.
    #[must_use]
    pub fn merge_isomorphic(self, merge: bool) -> NasBench201 {
        NasBench201 { merge, ..self }
    }

    /// The data set of the networks.
    pub fn dataset(&self) -> Nb201Dataset {
        self.dataset
    }
}

impl Space for NasBench201 {
    fn name(&self) -> &'static str {
        "nasbench201"
    }

    fn choices(&self) -> &[Choice] {
        &self.choices
    }

    fn check(&self, g: &Genotype) -> Result<(), Error> {
        check_ranges(&self.choices, g)
    }

    /// The digits of the genes, or the official unique string if isomorphic cells are merged.
    fn canonical(&self, g: &Genotype) -> Key {
        let digits = || g.0.iter().map(u8::to_string).collect();
        Key(if self.merge { unique_string(&g.0) } else { digits() })
    }

    fn graph(&self, g: &Genotype) -> Dag {
        let live = live(&g.0);
        let node = |i: usize| Node { name: i.to_string(), live: live[i] };
        let arc = |(choice, (&gene, (from, to)))| Arc {
            from,
            to,
            op: OPS[usize::from(gene)].name,
            choice: Some(choice),
        };
        let edges = g.0.iter().zip(EDGES).enumerate();
        Dag {
            nodes: (0..NODES).map(node).collect(),
            arcs: edges.filter(|(_, (gene, _))| **gene != NONE).map(arc).collect(),
        }
    }

    fn describe(&self, g: &Genotype) -> String {
        let live = live(&g.0);
        let mut text = String::new();
        for (node, live) in live.into_iter().enumerate().skip(1) {
            let edges = g.0.iter().zip(EDGES).filter(|(gene, (_, to))| *to == node && **gene != NONE);
            let terms: Vec<String> = edges
                .map(|(&gene, (from, _))| format!("{}({from})", OPS[usize::from(gene)].name))
                .collect();
            let sum = if terms.is_empty() {
                "zeros".into()
            } else {
                terms.join(" + ")
            };
            let note = if live { "" } else { "  (not used)" };
            text.push_str(&format!("node {node} = {sum}{note}\n"));
        }
        text
    }

    fn complexity(&self, g: &Genotype) -> Option<Complexity> {
        Some(self.dataset.complexity(&g.0))
    }

    fn labels(&self) -> usize {
        MASK + 1 + OPS.len()
    }

    fn nodes(&self) -> usize {
        EDGES.len() + 2
    }

    /// Input, the six operations, output, in the order of the genes; operations not chosen yet have a label
    /// of their own.
    fn sketch(&self, prefix: &[u8]) -> Sketch {
        let label = |i| prefix.get(i).map_or(MASK, |&gene| MASK + 1 + usize::from(gene));
        let mut labels = vec![INPUT];
        labels.extend((0..EDGES.len()).map(label));
        labels.push(OUTPUT);
        Sketch { labels, arcs: SKETCH_ARCS.to_vec() }
    }

    /// `|a~0|+|b~0|c~1|+|d~0|e~1|f~2|`, one group per node, one `operation~node read` per edge.
    fn text(&self, g: &Genotype) -> String {
        let group = |node| {
            let edges = g.0.iter().zip(EDGES).filter(|(_, (_, to))| *to == node);
            let items = edges.map(|(&gene, (from, _))| format!("{}~{from}|", OPS[usize::from(gene)].name));
            format!("|{}", items.collect::<String>())
        };
        (1..NODES).map(group).collect::<Vec<_>>().join("+")
    }

    fn parse(&self, text: &str) -> Result<Genotype, Error> {
        let form = || {
            let wanted = "wanted is |a~0|+|b~0|c~1|+|d~0|e~1|f~2| with operations a to f";
            Error::genotype(format!("`{text}` is no architecture string; {wanted}"))
        };
        let mut genes = Vec::with_capacity(EDGES.len());
        for group in text.trim().split('+') {
            let group = group.strip_prefix('|').and_then(|g| g.strip_suffix('|')).ok_or_else(form)?;
            for item in group.split('|') {
                let (name, _) = item.split_once('~').ok_or_else(form)?;
                let option = OPS.iter().position(|op| op.name == name).ok_or_else(|| {
                    let names = OPS.map(|op| op.name).join(", ");
                    Error::genotype(format!("no operation `{name}`, valid are {names}"))
                })?;
                genes.push(option as u8);
            }
        }
        let g = Genotype(genes);
        // Writing it again settles the grouping and the nodes that are read.
        let same = self.check(&g).is_ok() && self.text(&g) == text.trim();
        if same { Ok(g) } else { Err(form()) }
    }
}

/// Which nodes reach node 3 through edges that are there.
fn live(genes: &[u8]) -> [bool; NODES] {
    let mut live = [false, false, false, true];
    // Backwards: whether the node an edge leads to is live is known before the edge is met.
    for (&gene, (from, to)) in genes.iter().zip(EDGES).rev() {
        live[from] |= live[to] && gene != NONE;
    }
    live
}
