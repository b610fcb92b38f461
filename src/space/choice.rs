//! What every space offers: a flat list of categorical choices, and a genotype that picks one option of each.

use super::primitive::Primitive;
use crate::{Error, Rng};
use serde::{Deserialize, Serialize};

/// One categorical choice: an edge of a cell, a bit of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Where it is, for messages: `generator cell 1 edge 0->1`.
    pub name: String,
    /// What can be picked.
    pub options: Vec<Primitive>,
}

/// One option index per choice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Genotype(pub Vec<u8>);

/// Canonical form: genotypes with equal keys compute the same family of functions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(pub String);

/// A node of an architecture's graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name: `G1.3` is node 3 of the first generator cell.
    pub name: String,
    /// Whether it reaches the output.
    pub live: bool,
}

/// An edge of an architecture's graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arc {
    /// Index of the node it starts from.
    pub from: usize,
    /// Index of the node it leads to.
    pub to: usize,
    /// Name of its operation.
    pub op: &'static str,
    /// The choice that picked the operation; none where it is fixed.
    pub choice: Option<usize>,
}

/// An architecture as a directed graph without cycles: nodes in topological order, absent edges left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dag {
    /// Nodes, every one after those it reads.
    pub nodes: Vec<Node>,
    /// Edges.
    pub arcs: Vec<Arc>,
}

/// A search space.
pub trait Space {
    /// The choices, in the order of the genotype.
    fn choices(&self) -> &[Choice];

    /// Whether the space contains `g`.
    ///
    /// # Errors
    /// If it does not; the reason names the gene or the node.
    fn check(&self, g: &Genotype) -> Result<(), Error>;

    /// The canonical form of a valid genotype: what cannot matter does not distinguish.
    fn canonical(&self, g: &Genotype) -> Key;

    /// The architecture as a graph.
    fn graph(&self, g: &Genotype) -> Dag;

    /// The architecture in words.
    fn describe(&self, g: &Genotype) -> String;

    /// A random valid genotype: every choice uniform, redrawn until valid.
    fn random(&self, rng: &mut Rng) -> Genotype {
        loop {
            let draw = self.choices().iter().map(|c| rng.below(c.options.len()) as u8);
            let g = Genotype(draw.collect());
            if self.check(&g).is_ok() {
                return g;
            }
        }
    }
}

/// Checks length and ranges of `g` against `choices`; what every space's own check starts with.
///
/// # Errors
/// If the number of genes differs or an option does not exist.
pub fn check_ranges(choices: &[Choice], g: &Genotype) -> Result<(), Error> {
    if g.0.len() != choices.len() {
        let reason = format!("{} genes, the space has {} choices", g.0.len(), choices.len());
        return Err(Error::genotype(reason));
    }
    for (choice, &option) in choices.iter().zip(&g.0) {
        if usize::from(option) >= choice.options.len() {
            let reason = format!(
                "{}: option {option} does not exist, valid are 0..={}",
                choice.name,
                choice.options.len() - 1
            );
            return Err(Error::genotype(reason));
        }
    }
    Ok(())
}
