//! The genotype as the DARTS code defines it, and its Python text.

use super::cell::{CELLS, LINKS, NODES, Op, node, node_genes};
use crate::Error;
use std::fmt;

/// Nodes that every cell of the space concatenates: all intermediate ones.
pub const CONCAT: [usize; NODES] = [2, 3, 4, 5];

/// The genotype of the DARTS code: pairs of operation and input, two per intermediate node in the order of
/// the nodes.
///
/// `Display` and `FromStr` are its Python form, `Genotype(normal=[('sep_conv_3x3', 0), ...],
/// normal_concat=[2, 3, 4, 5], reduce=[...], reduce_concat=[2, 3, 4, 5])`. Reading takes the fields in any
/// order, either kind of quotes, lists or tuples, and `range(2, 6)` for a list of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DartsGenotype {
    /// The normal cell.
    pub normal: [(Op, usize); LINKS],
    /// Nodes that the normal cell concatenates.
    pub normal_concat: [usize; NODES],
    /// The reduction cell.
    pub reduce: [(Op, usize); LINKS],
    /// Nodes that the reduction cell concatenates.
    pub reduce_concat: [usize; NODES],
}

/// The cell of the genes `genes`.
pub(super) fn links(genes: &[u8]) -> [(Op, usize); LINKS] {
    std::array::from_fn(|i| {
        let (pair, ops) = node(genes, i / 2);
        (ops[i % 2], pair.inputs[i % 2])
    })
}

impl DartsGenotype {
    /// The genes.
    pub(super) fn genes(&self) -> Result<Vec<u8>, Error> {
        let mut genes = Vec::new();
        let cells = [(&self.normal, &self.normal_concat), (&self.reduce, &self.reduce_concat)];
        for (name, (links, concat)) in CELLS.into_iter().zip(cells) {
            if *concat != CONCAT {
                let reason = format!("{name}_concat is {concat:?}, the space has {CONCAT:?}");
                return Err(Error::genotype(reason));
            }
            for (k, links) in links.as_chunks::<2>().0.iter().enumerate() {
                genes.extend(node_genes(name, k, *links)?);
            }
        }
        Ok(genes)
    }
}

impl fmt::Display for DartsGenotype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |links: &[(Op, usize)]| {
            let links: Vec<String> = links.iter().map(|(op, i)| format!("('{}', {i})", op.name())).collect();
            links.join(", ")
        };
        write!(
            f,
            "Genotype(normal=[{}], normal_concat={:?}, reduce=[{}], reduce_concat={:?})",
            cell(&self.normal),
            self.normal_concat,
            cell(&self.reduce),
            self.reduce_concat
        )
    }
}
