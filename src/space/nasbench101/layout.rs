//! Where the choices of a genotype stand: vertex by vertex the operation, then the edges from the vertices
//! before.

use super::graph::{MOST_VERTICES, OPS};
use crate::space::{Choice, Primitive};
use std::sync::LazyLock;

/// The last vertex; it has no operation.
pub(super) const OUTPUT: usize = MOST_VERTICES - 1;

/// What a choice decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The operation of a vertex.
    Op(usize),
    /// The edge from one vertex to another.
    Link(usize, usize),
}

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = Vec::new();
    for v in 1..=OUTPUT {
        if v < OUTPUT {
            places.push(Place::Op(v));
        }
        places.extend((0..v).map(|from| Place::Link(from, v)));
    }
    places
});

pub(super) static CHOICES: LazyLock<Vec<Choice>> = LazyLock::new(|| {
    let ops: Vec<Primitive> = OPS.into_iter().chain(["none"]).map(Primitive::named).collect();
    let links = ["no", "yes"].map(Primitive::named).to_vec();
    let choice = |place: &Place| match place {
        Place::Op(v) => Choice {
            name: format!("operation of vertex {v}"),
            options: ops.clone(),
        },
        Place::Link(from, to) => Choice {
            name: format!("edge {from}->{to}"),
            options: links.clone(),
        },
    };
    PLACES.iter().map(choice).collect()
});

/// What choice `i` decides.
pub(super) fn place(i: usize) -> Place {
    PLACES[i]
}

/// The choice of the operation of interior vertex `v`.
pub(super) const fn op(v: usize) -> usize {
    // Vertices 1..v have an operation and as many edges as their number.
    v - 1 + v * (v - 1) / 2
}

/// The choice of the edge `from -> to`.
pub(super) const fn link(from: usize, to: usize) -> usize {
    op(to) + (to < OUTPUT) as usize + from
}
