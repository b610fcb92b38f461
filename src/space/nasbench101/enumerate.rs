//! All cells, each once, in the order of the official list.

use super::graph::{Cell, Labelled, MOST_EDGES, MOST_VERTICES, OPS};
use rayon::prelude::*;

/// Every cell of at most `most_vertices` vertices once, 423,624 with all 7, in the official order: by
/// vertices, then by the bits of the matrix (edge `x -> y` is bit `x + y (y - 1) / 2`), then by operations.
/// Of cells that differ only in the numbering of their vertices the first is listed.
///
/// No hash is needed for that: a matrix whose vertices can be numbered so that its bits are a smaller number
/// has come before with all its labellings, and a labelling is new unless a numbering that keeps the matrix
/// makes it smaller.
pub fn enumerate(most_vertices: usize) -> Vec<Cell> {
    (2..=most_vertices.min(MOST_VERTICES)).flat_map(of_size).collect()
}

/// The cells of exactly `vertices` vertices.
fn of_size(vertices: usize) -> Vec<Cell> {
    let orders = permutations(vertices - 2);
    matrices(vertices)
        .flat_map_iter(|bits| {
            let labelled = symmetries(vertices, bits, &orders).map(|symmetries| {
                labellings(vertices - 2)
                    .filter(move |ops| symmetries.iter().all(|s| s.iter().map(|&i| &ops[i]).ge(ops)))
                    .map(move |ops| cell(vertices, bits, &ops))
            });
            labelled.into_iter().flatten()
        })
        .collect()
}

/// The matrices, as bits, of at most 9 edges in which every vertex but the output has a successor and every
/// vertex but the input a predecessor; ascending.
pub(super) fn matrices(vertices: usize) -> impl ParallelIterator<Item = u32> {
    let all = (1 << (vertices - 1)) - 1;
    (0..1_u32 << (vertices * (vertices - 1) / 2))
        .into_par_iter()
        .filter(move |&bits| {
            bits.count_ones() as usize <= MOST_EDGES
                && (1..vertices).all(|y| column(bits, y) != 0)
                && (1..vertices).fold(0, |fed, y| fed | column(bits, y)) == all
        })
}

/// The predecessors of vertex `y`, as bits.
fn column(bits: u32, y: usize) -> u32 {
    bits >> (y * (y - 1) / 2) & ((1 << y) - 1)
}

/// The orders of the interior vertices that keep the matrix; none if one of them makes its bits a smaller
/// number.
fn symmetries(vertices: usize, bits: u32, orders: &[Vec<usize>]) -> Option<Vec<&Vec<usize>>> {
    let mut kept = Vec::new();
    for order in orders {
        // A numbering against the direction of an edge gives no matrix of the list.
        match renumber(vertices, bits, order) {
            Some(other) if other < bits => return None,
            Some(other) if other == bits => kept.push(order),
            Some(_) | None => {}
        }
    }
    Some(kept)
}

/// The bits of the matrix when interior vertex `1 + order[i]` becomes vertex `1 + i`, if its edges still lead
/// upwards.
fn renumber(vertices: usize, bits: u32, order: &[usize]) -> Option<u32> {
    let mut place = [0; MOST_VERTICES];
    place[vertices - 1] = vertices - 1;
    for (i, &old) in order.iter().enumerate() {
        place[1 + old] = 1 + i;
    }
    let mut other = 0;
    for y in 1..vertices {
        for x in (0..y).filter(|&x| column(bits, y) >> x & 1 == 1) {
            let (from, to) = (place[x], place[y]);
            if from > to {
                return None;
            }
            other |= 1 << (from + to * (to - 1) / 2);
        }
    }
    Some(other)
}

/// All orders of `0..n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for last in 0..n {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=last).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, last);
                longer
            })
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

/// All operations of `n` vertices, in lexicographic order.
fn labellings(n: usize) -> impl Iterator<Item = Vec<u8>> {
    let count = OPS.len().pow(n as u32);
    let digit = move |code: usize, i: usize| (code / OPS.len().pow((n - 1 - i) as u32) % OPS.len()) as u8;
    (0..count).map(move |code| (0..n).map(|i| digit(code, i)).collect())
}

fn cell(vertices: usize, bits: u32, ops: &[u8]) -> Cell {
    let mut graph = Labelled::new(ops);
    for y in 1..vertices {
        for x in (0..y).filter(|&x| column(bits, y) >> x & 1 == 1) {
            graph.add_edge(x, y);
        }
    }
    Cell::pruned(graph)
}
