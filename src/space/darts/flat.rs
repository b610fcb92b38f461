//! The flat encoding of NAS-Bench-301: one categorical parameter per possible edge of a cell and per pair of
//! inputs, of which only those that the architecture has are active.
//!
//! Edges are numbered per cell: node 2 reads nodes 0 and 1 through edges 0 and 1, node 3 its three
//! predecessors through 2, 3, 4, node 4 through 5 to 8, node 5 through 9 to 13. The pair of node 2 has one
//! option and no parameter.

use super::cell::{CELL_GENES, CELLS, INPUTS, NODE_GENES, Op, PAIRS};
use crate::Error;
use crate::formats::limits::brief;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What the names of all parameters begin with.
const PREFIX: &str = "NetworkSelectorDatasetInfo:darts:";

/// A parameter of the flat encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its full name, `NetworkSelectorDatasetInfo:darts:edge_normal_0`.
    pub name: String,
    /// Its values; a configuration vector holds the index.
    pub values: Vec<&'static str>,
    /// First gene of the node it belongs to.
    node_gene: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The pair of inputs of intermediate node `INPUTS + node`.
    Inputs { node: usize },
    /// The operation on the edge from `input` to intermediate node `INPUTS + node`.
    Edge { node: usize, input: usize },
}

impl Parameter {
    fn new(cell: usize, place: Place) -> Parameter {
        let kind = CELLS[cell];
        let (node, name, values): (usize, String, Vec<&'static str>) = match place {
            Place::Inputs { node } => {
                let name = format!("{PREFIX}inputs_node_{kind}_{}", INPUTS + node);
                (node, name, PAIRS[node].iter().map(|pair| pair.name).collect())
            }
            Place::Edge { node, input } => {
                let first: usize = (0..node).map(|earlier| INPUTS + earlier).sum();
                let name = format!("{PREFIX}edge_{kind}_{}", first + input);
                (node, name, Op::ALL.map(Op::name).to_vec())
            }
        };
        let node_gene = CELL_GENES * cell + NODE_GENES * node;
        Parameter { name, values, node_gene, place }
    }

    /// The gene that holds its value, if it is active.
    fn gene(&self, genes: &[u8]) -> Option<usize> {
        match self.place {
            Place::Inputs { .. } => Some(self.node_gene),
            Place::Edge { node, input } => {
                let pair = PAIRS[node][usize::from(genes[self.node_gene])];
                let side = pair.inputs.iter().position(|i| *i == input)?;
                Some(self.node_gene + 1 + side)
            }
        }
    }

    /// Whether it is active in every architecture.
    pub(crate) fn is_unconditional(&self) -> bool {
        match self.place {
            Place::Inputs { .. } => true,
            Place::Edge { node, .. } => node == 0,
        }
    }
}

/// The 34 parameters in the order of a configuration vector.
///
/// It is that of the ConfigSpace library, in which parameters without a condition come before those with one,
/// and each of the two groups is sorted by name as text: `edge_normal_0`, `edge_normal_1`, `edge_reduce_0`,
/// `edge_reduce_1`, `inputs_node_normal_3`, ..., `inputs_node_reduce_5`, `edge_normal_10`, ...,
/// `edge_normal_13`, `edge_normal_2`, ...
pub static PARAMETERS: LazyLock<Vec<Parameter>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for cell in 0..CELLS.len() {
        for (node, pairs) in PAIRS.iter().enumerate() {
            if pairs.len() > 1 {
                all.push(Parameter::new(cell, Place::Inputs { node }));
            }
            let edges = (0..INPUTS + node).map(|input| Place::Edge { node, input });
            all.extend(edges.map(|place| Parameter::new(cell, place)));
        }
    }
    all.sort_by(|a, b| (!a.is_unconditional(), &a.name).cmp(&(!b.is_unconditional(), &b.name)));
    all
});

/// The value of each of [`PARAMETERS`] as the index of its value; none where it is inactive.
pub(super) fn vector(genes: &[u8]) -> Vec<Option<u8>> {
    PARAMETERS.iter().map(|p| p.gene(genes).map(|gene| genes[gene])).collect()
}

/// The active parameters: name and value.
pub(super) fn write(genes: &[u8]) -> BTreeMap<String, String> {
    let active = PARAMETERS.iter().filter_map(|p| {
        let value = p.values[usize::from(genes[p.gene(genes)?])];
        Some((p.name.clone(), value.to_owned()))
    });
    active.collect()
}

/// Reads what [`write`] writes.
pub(super) fn read(flat: &BTreeMap<String, String>) -> Result<Vec<u8>, Error> {
    if let Some(name) = flat.keys().find(|name| PARAMETERS.iter().all(|p| p.name != **name)) {
        return Err(Error::genotype(format!("`{}` is no parameter of the flat encoding", brief(name))));
    }
    let mut genes = vec![0; CELL_GENES * CELLS.len()];
    // The pairs come first: they say which edges are active.
    let (pairs, edges): (Vec<&Parameter>, Vec<&Parameter>) =
        PARAMETERS.iter().partition(|p| matches!(p.place, Place::Inputs { .. }));
    for parameter in pairs.into_iter().chain(edges) {
        let name = &parameter.name;
        match (parameter.gene(&genes), flat.get(name)) {
            (Some(gene), Some(value)) => {
                let option = parameter.values.iter().position(|v| v == value).ok_or_else(|| {
                    let (value, valid) = (brief(value), parameter.values.join(", "));
                    Error::genotype(format!("`{name}` is `{value}`, valid are {valid}"))
                })?;
                genes[gene] = option as u8;
            }
            (Some(_), None) => return Err(Error::genotype(format!("`{name}` is missing"))),
            (None, Some(_)) => {
                let reason = format!("`{name}` is given, but the node does not read this input");
                return Err(Error::genotype(reason));
            }
            (None, None) => {}
        }
    }
    Ok(genes)
}
