//! The four kinds of cell: which edges they have and what each gene may be.

use super::primitive::{DOWN, DOWN_OR_NOT, FIRST, NORMAL, Primitive, UP};

/// Genes of one cell, one per edge.
pub const GENES: usize = 7;

/// Nodes of one cell: 0 is its input, 4 its output.
pub const NODES: usize = 5;

/// A kind of cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// Generator cell: doubles the image.
    Up,
    /// First cell of an AdversarialNAS discriminator: reads the image.
    First,
    /// Later cell of an AdversarialNAS discriminator.
    Down,
    /// Searched cell of an EAGAN discriminator.
    Eagan,
}

/// One gene: its edge and its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gene {
    /// Node the edge starts from.
    pub from: usize,
    /// Node the edge leads to.
    pub to: usize,
    /// Whether convolutions on this edge start with a ReLU.
    pub relu: bool,
    /// Value of the first option; option `i` has the value `first + i`.
    pub first: i8,
    /// The options in the order of their values.
    pub options: &'static [Primitive],
}

impl Gene {
    /// The option that `value` stands for, if it is in range.
    pub fn option(&self, value: i8) -> Option<&'static Primitive> {
        let index = i16::from(value) - i16::from(self.first);
        usize::try_from(index).ok().and_then(|i| self.options.get(i))
    }

    /// The option that `value` stands for.
    ///
    /// # Panics
    /// If the value is out of range.
    #[track_caller]
    pub fn op(&self, value: i8) -> &'static Primitive {
        match self.option(value) {
            Some(op) => op,
            None => panic!("gene value {value} is not one of {}", self.range()),
        }
    }

    /// The valid values with their names: `0 nearest, 1 bilinear, 2 ConvTranspose`.
    pub fn range(&self) -> String {
        let named: Vec<String> = (i16::from(self.first)..)
            .zip(self.options)
            .map(|(value, op)| format!("{value} {}", op.name))
            .collect();
        named.join(", ")
    }

    /// The edge as text: `1->3`.
    pub fn edge(&self) -> String {
        format!("{}->{}", self.from, self.to)
    }
}

const UP_EDGES: [(usize, usize); GENES] = [(0, 1), (0, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)];
const DOWN_EDGES: [(usize, usize); GENES] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 4), (3, 4)];
const EAGAN_EDGES: [(usize, usize); GENES] = [(0, 1), (0, 2), (1, 2), (1, 3), (0, 3), (2, 4), (3, 4)];

impl CellKind {
    /// Gene number `index` of such a cell.
    ///
    /// # Panics
    /// If `index` is not below 7.
    #[track_caller]
    pub fn gene(self, index: usize) -> Gene {
        assert!(index < GENES, "gene {index}: a cell has {GENES}");
        let (edges, relu, first, options): (_, _, _, &'static [Primitive]) = match self {
            CellKind::Up if index < 2 => (UP_EDGES, true, 0, &UP),
            CellKind::Up => (UP_EDGES, true, 0, &NORMAL),
            CellKind::First if index < 3 => (DOWN_EDGES, false, 0, &FIRST),
            CellKind::First | CellKind::Down if index >= 5 => (DOWN_EDGES, true, 0, &DOWN),
            CellKind::First | CellKind::Down => (DOWN_EDGES, true, 0, &NORMAL),
            CellKind::Eagan if index == 0 => (EAGAN_EDGES, true, 1, &NORMAL[1..]),
            CellKind::Eagan if index >= 5 => (EAGAN_EDGES, true, -1, &DOWN_OR_NOT),
            CellKind::Eagan => (EAGAN_EDGES, index != 4, 0, &NORMAL),
        };
        let (from, to) = edges[index];
        Gene { from, to, relu, first, options }
    }

    /// All seven genes of such a cell.
    pub fn genes(self) -> [Gene; GENES] {
        std::array::from_fn(|g| self.gene(g))
    }
}
