//! The text form of a cell: the upper triangle of its matrix and its operations.

use super::graph::{Cell, Labelled, MOST_VERTICES, OPS};
use crate::Error;
use std::fmt;

/// The upper triangle row by row, a colon, the digits of the operations: `1011100101:021`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for from in 0..self.vertices() {
            for to in from + 1..self.vertices() {
                write!(f, "{}", u8::from(self.has_edge(from, to)))?;
            }
        }
        write!(f, ":")?;
        self.ops().iter().try_for_each(|op| write!(f, "{op}"))
    }
}

/// Reads the text form of a graph that need not be pruned.
pub(super) fn parse(text: &str) -> Result<Labelled, Error> {
    let wrong = |reason: String| {
        let wanted = "wanted are a matrix's upper triangle and operations like 1011100101:021";
        Error::genotype(format!("`{text}`: {reason}; {wanted}"))
    };
    let (bits, ops) = text.split_once(':').ok_or_else(|| wrong("there is no colon".into()))?;
    let vertices = (2..=MOST_VERTICES).find(|v| v * (v - 1) / 2 == bits.len());
    let vertices =
        vertices.ok_or_else(|| wrong(format!("{} bits are the triangle of no size", bits.len())))?;
    if ops.len() != vertices - 2 {
        let reason = format!("{} operations for {} interior vertices", ops.len(), vertices - 2);
        return Err(wrong(reason));
    }
    let digit = |c: char| c.to_digit(10).filter(|&d| (d as usize) < OPS.len()).map(|d| d as u8);
    let ops: Option<Vec<u8>> = ops.chars().map(digit).collect();
    let ops = ops.ok_or_else(|| wrong("an operation is not 0, 1 or 2".into()))?;
    let mut graph = Labelled::new(&ops);
    let edges = (0..vertices).flat_map(|from| (from + 1..vertices).map(move |to| (from, to)));
    for ((from, to), bit) in edges.zip(bits.chars()) {
        match bit {
            '0' => {}
            '1' => graph.add_edge(from, to),
            _ => return Err(wrong(format!("`{bit}` is no bit"))),
        }
    }
    Ok(graph)
}
