//! The two cells as one graph whose operations are nodes, for graph networks.

use super::cell::{CELL_GENES, CELLS, INPUTS, NODE_GENES, NODES, Op, PAIRS};
use crate::space::Sketch;

/// Label of the outputs of the two cells before.
const INPUT: usize = 0;
/// Label of an intermediate node, the sum of two operations.
const SUM: usize = 1;
/// Label of the output of a cell.
const CONCAT: usize = 2;
/// Label of an operation that is not chosen yet.
const MASK: usize = 3;
/// Label of the first operation.
const OPS: usize = 4;

/// Number of labels.
pub(super) const LABELS: usize = OPS + Op::ALL.len();

/// Graph nodes of an intermediate node: two operations and their sum.
const GROUP: usize = 3;

/// Graph nodes of a cell: the inputs, the groups, the concatenation.
const CELL: usize = INPUTS + GROUP * NODES + 1;

/// Graph nodes of both cells.
pub(super) const ALL: usize = CELL * CELLS.len();

/// Place within its cell of the node that cell node `node` is.
fn place(node: usize) -> usize {
    if node < INPUTS {
        node
    } else {
        INPUTS + GROUP * (node - INPUTS) + GROUP - 1
    }
}

/// The graph after the choices of `prefix`.
pub(super) fn sketch(prefix: &[u8]) -> Sketch {
    let mut sketch = Sketch::default();
    for cell in 0..CELLS.len() {
        let (first, first_gene) = (CELL * cell, CELL_GENES * cell);
        let concat = first + CELL - 1;
        sketch.labels.extend([INPUT; INPUTS]);
        for (node, pairs) in PAIRS.iter().enumerate() {
            let gene = first_gene + NODE_GENES * node;
            let sum = first + place(INPUTS + node);
            let pair = prefix.get(gene).map(|&pair| pairs[usize::from(pair)]);
            for side in 0..2 {
                let op = sum - 2 + side;
                sketch
                    .labels
                    .push(prefix.get(gene + 1 + side).map_or(MASK, |&op| OPS + usize::from(op)));
                if let Some(pair) = pair {
                    sketch.arcs.push((first + place(pair.inputs[side]), op));
                }
                sketch.arcs.push((op, sum));
            }
            sketch.labels.push(SUM);
            sketch.arcs.push((sum, concat));
        }
        sketch.labels.push(CONCAT);
    }
    sketch
}
