//! The short text of a genotype: `0s1s.0s1s.1s2i.0i2d/0m1m.1m2i.0m2i.1m2i`.
//!
//! The normal cell, a stroke, the reduction cell; in a cell the intermediate nodes 2 to 5 with dots between;
//! a node is two inputs, each a digit followed by the letter of its operation: `m` maximum pool, `a` average
//! pool, `i` identity (skip), `s` and `t` separable convolutions 3x3 and 5x5, `d` and `e` dilated ones 3x3
//! and 5x5.

use super::cell::{CELLS, NODES, Op, node, node_genes};
use crate::Error;
use crate::formats::limits::brief;

/// Letters of [`Op::ALL`].
const LETTERS: [u8; Op::ALL.len()] = *b"maistde";

/// The text of the genes of one cell.
fn cell(genes: &[u8]) -> String {
    let nodes = (0..NODES).map(|k| {
        let (pair, ops) = node(genes, k);
        let letter = |op: Op| char::from(LETTERS[op as usize]);
        let ([low, high], [a, b]) = (pair.inputs, ops.map(letter));
        format!("{low}{a}{high}{b}")
    });
    nodes.collect::<Vec<_>>().join(".")
}

/// The text of the genes of both cells.
pub(super) fn write(genes: &[u8]) -> String {
    let cells = genes.chunks_exact(genes.len() / CELLS.len()).map(cell);
    cells.collect::<Vec<_>>().join("/")
}

/// Reads what [`write`] writes; the inputs of a node may stand in any order.
pub(super) fn read(text: &str) -> Result<Vec<u8>, Error> {
    let wrong = |reason: &str| Error::genotype(format!("`{}`: {reason}", brief(text)));
    let cells: Vec<&str> = text.trim().split('/').collect();
    if cells.len() != CELLS.len() {
        return Err(wrong("a normal and a reduction cell with `/` between are wanted"));
    }
    let mut genes = Vec::new();
    for (name, cell) in CELLS.into_iter().zip(cells) {
        let nodes: Vec<&str> = cell.split('.').collect();
        if nodes.len() != NODES {
            let found = nodes.len();
            return Err(wrong(&format!(
                "the {name} cell has {found} nodes, {NODES} with `.` between are wanted"
            )));
        }
        for (k, node) in nodes.into_iter().enumerate() {
            let &[a, op_a, b, op_b] = node.as_bytes() else {
                return Err(wrong(&format!("node `{}` is not two of digit and letter", brief(node))));
            };
            let link = |digit: u8, letter: u8| {
                let op = LETTERS.iter().position(|&l| l == letter).map(|op| Op::ALL[op]);
                Some((op?, char::from(digit).to_digit(10)? as usize))
            };
            let links = link(a, op_a).zip(link(b, op_b)).ok_or_else(|| {
                let letters = String::from_utf8_lossy(&LETTERS);
                wrong(&format!("node `{node}` is not two of digit and letter of `{letters}`"))
            })?;
            genes.extend(node_genes(name, k, links.into())?);
        }
    }
    Ok(genes)
}
