//! The genes of a cell: which two earlier nodes an intermediate node reads, and the operation on each of
//! them.

use crate::Error;

/// Nodes that a cell reads: the outputs of the two cells before it.
pub const INPUTS: usize = 2;

/// Intermediate nodes of a cell, numbered on from the inputs: 2, 3, 4, 5.
pub const NODES: usize = 4;

/// Pairs of operation and input of a cell, two per intermediate node.
pub const LINKS: usize = 2 * NODES;

/// Genes of an intermediate node: its pair of inputs, the operation on the lower one, that on the higher one.
pub(super) const NODE_GENES: usize = 3;

/// Genes of a cell.
pub(super) const CELL_GENES: usize = NODE_GENES * NODES;

/// The cells, in the order of the genotype.
pub(super) const CELLS: [&str; 2] = ["normal", "reduce"];

/// An operation on one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// 3x3 maximum pool.
    MaxPool3x3,
    /// 3x3 average pool.
    AvgPool3x3,
    /// Identity; a factorised reduction where the image is halved.
    SkipConnect,
    /// Two depth-wise separable 3x3 convolutions.
    SepConv3x3,
    /// Two depth-wise separable 5x5 convolutions.
    SepConv5x5,
    /// One depth-wise separable 3x3 convolution of dilation 2.
    DilConv3x3,
    /// One depth-wise separable 5x5 convolution of dilation 2.
    DilConv5x5,
}

impl Op {
    /// All of them; the index is the gene.
    pub const ALL: [Op; 7] = [
        Op::MaxPool3x3,
        Op::AvgPool3x3,
        Op::SkipConnect,
        Op::SepConv3x3,
        Op::SepConv5x5,
        Op::DilConv3x3,
        Op::DilConv5x5,
    ];

    /// The published name.
    pub const fn name(self) -> &'static str {
        match self {
            Op::MaxPool3x3 => "max_pool_3x3",
            Op::AvgPool3x3 => "avg_pool_3x3",
            Op::SkipConnect => "skip_connect",
            Op::SepConv3x3 => "sep_conv_3x3",
            Op::SepConv5x5 => "sep_conv_5x5",
            Op::DilConv3x3 => "dil_conv_3x3",
            Op::DilConv5x5 => "dil_conv_5x5",
        }
    }

    /// The operation with the published name `name`.
    pub fn named(name: &str) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.name() == name)
    }
}

/// Two inputs of a node, the lower one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub name: &'static str,
    pub inputs: [usize; 2],
}

const fn pair(name: &'static str, low: usize, high: usize) -> Pair {
    Pair { name, inputs: [low, high] }
}

const P01: Pair = pair("0_1", 0, 1);
const P02: Pair = pair("0_2", 0, 2);
const P03: Pair = pair("0_3", 0, 3);
const P04: Pair = pair("0_4", 0, 4);
const P12: Pair = pair("1_2", 1, 2);
const P13: Pair = pair("1_3", 1, 3);
const P14: Pair = pair("1_4", 1, 4);
const P23: Pair = pair("2_3", 2, 3);
const P24: Pair = pair("2_4", 2, 4);
const P34: Pair = pair("3_4", 3, 4);

/// The pairs that each intermediate node can read, sorted; the index is the gene.
pub(super) static PAIRS: [&[Pair]; NODES] = [
    &[P01],
    &[P01, P02, P12],
    &[P01, P02, P03, P12, P13, P23],
    &[P01, P02, P03, P04, P12, P13, P14, P23, P24, P34],
];

/// The genes of intermediate node `INPUTS + k` within those of its cell.
pub(super) fn node(cell: &[u8], k: usize) -> (Pair, [Op; 2]) {
    let genes = &cell[NODE_GENES * k..][..NODE_GENES];
    let op = |gene: u8| Op::ALL[usize::from(gene)];
    (PAIRS[k][usize::from(genes[0])], [op(genes[1]), op(genes[2])])
}

/// The genes of intermediate node `INPUTS + k` of the cell named `cell`, with its inputs in any order.
pub(super) fn node_genes(
    cell: &str,
    k: usize,
    mut links: [(Op, usize); 2],
) -> Result<[u8; NODE_GENES], Error> {
    links.sort_by_key(|(_, input)| *input);
    let [(low_op, low), (high_op, high)] = links;
    let at = INPUTS + k;
    if low == high {
        let reason = format!("{cell} node {at} reads node {low} twice; its two inputs must differ");
        return Err(Error::genotype(reason));
    }
    let pair = PAIRS[k].iter().position(|pair| pair.inputs == [low, high]);
    let pair = pair.ok_or_else(|| {
        let reason = format!("{cell} node {at} reads node {high}; it can read 0 to {}", at - 1);
        Error::genotype(reason)
    })?;
    Ok([pair as u8, low_op as u8, high_op as u8])
}
