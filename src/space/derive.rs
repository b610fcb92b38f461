//! From architecture logits to discrete genotypes, with the repairs of the published program.
//!
//! Probabilities are f32 and a maximum is the first one, as in that program.

use serde::{Deserialize, Serialize};

use super::cell::GENES;
use super::gan::{Discriminator, Family, GeneratorGenes};
use super::primitive::{DOWN, FIRST, NORMAL, UP};

/// Normal edges of a cell.
const EDGES: usize = 5;
/// Options of a normal edge.
const OPS: usize = NORMAL.len();

/// Over which axis the discriminator's normal logits are normalised before the best operation is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeriveAxis {
    /// Over the operations of an edge.
    #[default]
    Ops,
    /// Over the edges of a cell: what the released program does, by mistake.
    Edges,
}

/// The generator of logits `normal` `[3, 5, 7]` and `up` `[3, 2, 3]`.
///
/// # Panics
/// If a length is wrong.
#[track_caller]
pub fn derive_generator(normal: &[f32], up: &[f32]) -> GeneratorGenes {
    assert_eq!(normal.len(), 3 * EDGES * OPS, "derive_generator: normal logits are [3, 5, 7]");
    assert_eq!(up.len(), 3 * 2 * UP.len(), "derive_generator: up logits are [3, 2, 3]");
    std::array::from_fn(|cell| {
        let table = table(&normal[cell * EDGES * OPS..][..EDGES * OPS], DeriveAxis::Ops);
        let mut row = [0u8; GENES];
        for (edge, gene) in row[..2].iter_mut().enumerate() {
            *gene = first_max(&softmax(&up[(cell * 2 + edge) * UP.len()..][..UP.len()])) as u8;
        }
        let mut normal = table.map(|p| first_max(&p));
        repair(&mut normal, &table, &[0, 1]);
        repair(&mut normal, &table, &[2, 3, 4]);
        for (gene, op) in row[2..].iter_mut().zip(normal) {
            *gene = op as u8;
        }
        row
    })
}

/// The discriminator of logits `normal` `[4, 5, 7]` and `down` `[4, 2, 6]`.
///
/// # Panics
/// If a length is wrong.
#[track_caller]
pub fn derive_discriminator(normal: &[f32], down: &[f32], axis: DeriveAxis) -> Discriminator {
    assert_eq!(normal.len(), 4 * EDGES * OPS, "derive_discriminator: normal logits are [4, 5, 7]");
    assert_eq!(down.len(), 4 * 2 * DOWN.len(), "derive_discriminator: down logits are [4, 2, 6]");
    let genes = (0..4).map(|cell| {
        let table = table(&normal[cell * EDGES * OPS..][..EDGES * OPS], axis);
        let mut normal = table.map(|p| first_max(&p));
        if cell == 0 {
            for edge in 0..3 {
                normal[edge] = first_max(&table[edge][..FIRST.len()]);
            }
        } else {
            repair(&mut normal, &table, &[1, 3]);
            repair(&mut normal, &table, &[2, 4]);
            if normal[3] != 0 || normal[4] != 0 {
                repair(&mut normal, &table, &[0]);
            }
        }
        let mut row = [0i8; GENES];
        for (gene, op) in row.iter_mut().zip(normal) {
            *gene = op as i8;
        }
        for (edge, gene) in row[EDGES..].iter_mut().enumerate() {
            *gene = first_max(&softmax(&down[(cell * 2 + edge) * DOWN.len()..][..DOWN.len()])) as i8;
        }
        row
    });
    Discriminator {
        family: Family::Adversarial,
        genes: genes.collect(),
    }
}

/// Probabilities of one cell's normal edges.
fn table(logits: &[f32], axis: DeriveAxis) -> [[f32; OPS]; EDGES] {
    let mut out = [[0.0; OPS]; EDGES];
    match axis {
        DeriveAxis::Ops => {
            for (row, logits) in out.iter_mut().zip(logits.chunks_exact(OPS)) {
                row.copy_from_slice(&softmax(logits));
            }
        }
        DeriveAxis::Edges => {
            for op in 0..OPS {
                let column: Vec<f32> = logits.iter().skip(op).step_by(OPS).copied().collect();
                for (row, p) in out.iter_mut().zip(softmax(&column)) {
                    row[op] = p;
                }
            }
        }
    }
    out
}

/// If all `edges` are none, the one with the smallest probability of none gets its best other operation.
fn repair(ops: &mut [usize; EDGES], table: &[[f32; OPS]; EDGES], edges: &[usize]) {
    if edges.iter().any(|&edge| ops[edge] != 0) {
        return;
    }
    let none: Vec<f32> = edges.iter().map(|&edge| -table[edge][0]).collect();
    let edge = edges[first_max(&none)];
    ops[edge] = 1 + first_max(&table[edge][1..]);
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f32> = logits.iter().map(|&a| (a - max).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|&p| p / sum).collect()
}

fn first_max(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, &value) in values.iter().enumerate() {
        if value > values[best] {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::check::check_generator;

    #[test]
    fn logits_that_make_everything_none_are_repaired() {
        let mut normal = vec![0.0; 4 * EDGES * OPS];
        for row in normal.chunks_exact_mut(OPS) {
            row[0] = 5.0;
            row[4] = 1.0;
        }
        let g = derive_generator(&normal[..3 * EDGES * OPS], &[0.0; 18]);
        assert_eq!(g, [[0, 0, 4, 0, 4, 0, 0]; 3]);
        check_generator(&g).unwrap();
        let d = derive_discriminator(&normal, &[0.0; 48], DeriveAxis::Ops);
        assert_eq!(d.genes[0], [0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(d.genes[1], [0, 4, 4, 0, 0, 0, 0]);
        d.check().unwrap();
    }
}
