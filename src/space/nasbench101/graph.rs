//! Labelled graphs, and the pruned cells that they stand for.

use super::layout::{CHOICES, OUTPUT, Place, link, op, place};
use crate::Error;
use crate::space::Genotype;

/// Most vertices of a cell, input and output among them.
pub const MOST_VERTICES: usize = 7;

/// Most edges of a pruned cell.
pub const MOST_EDGES: usize = 9;

/// The operations of interior vertices, in the canonical order.
pub const OPS: [&str; 3] = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"];

/// Operation of a vertex that is not there.
pub(super) const NONE: u8 = OPS.len() as u8;

/// A graph before pruning. Vertex 0 is the input, the last one the output; edges lead upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Labelled {
    vertices: u8,
    /// Bit `w` of row `v` is the edge `v -> w`.
    rows: [u8; MOST_VERTICES],
    /// Of the interior vertices, from vertex 1 on; [`NONE`] behind the last and for those that are not there.
    ops: [u8; MOST_VERTICES - 2],
}

impl Labelled {
    /// A graph of `ops.len() + 2` vertices, at most [`MOST_VERTICES`], without edges.
    pub(super) fn new(ops: &[u8]) -> Labelled {
        let mut graph = Labelled {
            vertices: ops.len() as u8 + 2,
            rows: [0; MOST_VERTICES],
            ops: [NONE; MOST_VERTICES - 2],
        };
        graph.ops[..ops.len()].copy_from_slice(ops);
        graph
    }

    /// What the first choices of a genotype say; vertices that are not decided are not there. Edges of absent
    /// vertices are ignored.
    pub(super) fn from_genes(genes: &[u8]) -> Labelled {
        let mut graph = Labelled::new(&[NONE; MOST_VERTICES - 2]);
        for (i, &option) in genes.iter().enumerate() {
            match place(i) {
                Place::Op(v) => graph.ops[v - 1] = option,
                Place::Link(from, to) => {
                    if option == 1 && graph.is_there(from) && graph.is_there(to) {
                        graph.add_edge(from, to);
                    }
                }
            }
        }
        graph
    }

    /// The genotype that describes it; interior vertices come first, absent ones behind them.
    pub(super) fn genotype(&self) -> Genotype {
        let mut genes = vec![0; CHOICES.len()];
        let vertices = self.vertices();
        for v in 1..OUTPUT {
            genes[op(v)] = self.ops[v - 1];
        }
        for to in 1..vertices {
            let target = if to == vertices - 1 { OUTPUT } else { to };
            for from in 0..to {
                genes[link(from, target)] = u8::from(self.has_edge(from, to));
            }
        }
        Genotype(genes)
    }

    pub(super) fn add_edge(&mut self, from: usize, to: usize) {
        self.rows[from] |= 1 << to;
    }

    pub(super) fn vertices(&self) -> usize {
        usize::from(self.vertices)
    }

    pub(super) fn has_edge(&self, from: usize, to: usize) -> bool {
        from < to && to < self.vertices() && self.rows[from] >> to & 1 == 1
    }

    /// The operation of interior vertex `v`.
    pub(super) fn op(&self, v: usize) -> u8 {
        self.ops[v - 1]
    }

    pub(super) fn is_there(&self, v: usize) -> bool {
        v == 0 || v == self.vertices() - 1 || self.op(v) != NONE
    }

    /// The label of vertex `v` in the published files.
    pub(super) fn label(&self, v: usize) -> &'static str {
        match v {
            0 => "input",
            _ if v == self.vertices() - 1 => "output",
            _ => OPS.get(usize::from(self.op(v))).copied().unwrap_or("none"),
        }
    }

    /// The vertices on a way from the input to the output, as bits; 0 if there is no way.
    pub(super) fn live(&self) -> u8 {
        let vertices = self.vertices();
        let mut reached = 1;
        for v in 0..vertices {
            if reached >> v & 1 == 1 {
                reached |= self.rows[v];
            }
        }
        let mut reaching = 1 << (vertices - 1);
        for v in (0..vertices).rev() {
            if self.rows[v] & reaching != 0 {
                reaching |= 1 << v;
            }
        }
        reached & reaching
    }

    /// The cell that is left when all vertices are deleted that are not on a way from the input to the
    /// output.
    ///
    /// # Errors
    /// If there is no such way, or more than [`MOST_EDGES`] edges are left.
    pub(super) fn prune(&self) -> Result<Cell, Error> {
        let live = self.live();
        if live == 0 {
            return Err(Error::genotype("the output is not reached from the input"));
        }
        let mut kept = [0; MOST_VERTICES];
        let mut vertices = 0;
        for v in (0..self.vertices()).filter(|v| live >> v & 1 == 1) {
            kept[vertices] = v;
            vertices += 1;
        }
        let kept = &kept[..vertices];
        let mut pruned = Labelled::new(&[]);
        pruned.vertices = vertices as u8;
        for (from, &v) in kept.iter().enumerate() {
            if from > 0 && from < vertices - 1 {
                pruned.ops[from - 1] = self.op(v);
            }
            for (to, &w) in kept.iter().enumerate().skip(from + 1) {
                if self.has_edge(v, w) {
                    pruned.add_edge(from, to);
                }
            }
        }
        let cell = Cell(pruned);
        if cell.edges() > MOST_EDGES {
            let reason = format!("{} edges after pruning, at most {MOST_EDGES}", cell.edges());
            return Err(Error::genotype(reason));
        }
        Ok(cell)
    }
}

/// A valid pruned cell: 2 to 7 vertices, each on a way from the input (vertex 0) to the output (the last),
/// and at most 9 edges.
///
/// Equal cells have equal matrices and operations; those that differ only in the numbering of their vertices
/// share their [`Cell::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell(Labelled);

impl Cell {
    /// Prunes the graph of a matrix, row-major 0 or 1 of `ops.len()` squared values, whose vertices have the
    /// labels `ops`: `input`, some of [`OPS`], `output`.
    ///
    /// # Errors
    /// If there are less than 2 or more than 7 vertices, the matrix has another size, is not strictly upper
    /// triangular or not of 0 and 1, a label is wrong, the output is not reached, or more than 9 edges are
    /// left after pruning.
    pub fn from_matrix(adjacency: &[u8], ops: &[&str]) -> Result<Cell, Error> {
        let vertices = ops.len();
        if !(2..=MOST_VERTICES).contains(&vertices) {
            let reason = format!("{vertices} vertices, wanted are 2 to {MOST_VERTICES}");
            return Err(Error::genotype(reason));
        }
        if adjacency.len() != vertices * vertices {
            let (has, wants) = (adjacency.len(), vertices * vertices);
            let reason = format!("the matrix of {vertices} vertices has {has} values, wanted are {wants}");
            return Err(Error::genotype(reason));
        }
        let mut graph = Labelled::new(&[NONE; MOST_VERTICES - 2][..vertices - 2]);
        for (v, &label) in ops.iter().enumerate() {
            let op = OPS.iter().position(|op| *op == label);
            let wanted = match (v, op) {
                (0, _) => "input",
                (v, _) if v == vertices - 1 => "output",
                (v, Some(op)) => {
                    graph.ops[v - 1] = op as u8;
                    continue;
                }
                (_, None) => {
                    let reason = format!("vertex {v} is `{label}`, valid are {}", OPS.join(", "));
                    return Err(Error::genotype(reason));
                }
            };
            if label != wanted {
                return Err(Error::genotype(format!("vertex {v} is `{label}`, wanted is `{wanted}`")));
            }
        }
        for (i, &value) in adjacency.iter().enumerate() {
            let (from, to) = (i / vertices, i % vertices);
            match value {
                0 => {}
                1 if from < to => graph.add_edge(from, to),
                _ => {
                    let wanted = if from < to {
                        "0 or 1"
                    } else {
                        "0, edges lead to later vertices"
                    };
                    let reason = format!("the matrix has {value} at {from}->{to}, wanted is {wanted}");
                    return Err(Error::genotype(reason));
                }
            }
        }
        graph.prune()
    }

    /// A graph that is known to be pruned and within the limits.
    pub(super) fn pruned(graph: Labelled) -> Cell {
        Cell(graph)
    }

    /// The genotype that describes it, with the interior vertices first and absent ones behind them.
    pub fn genotype(&self) -> Genotype {
        self.0.genotype()
    }

    /// Number of vertices, input and output among them.
    pub fn vertices(&self) -> usize {
        self.0.vertices()
    }

    /// Number of edges.
    pub fn edges(&self) -> usize {
        self.0.rows.iter().map(|row| row.count_ones() as usize).sum()
    }

    /// Whether there is an edge `from -> to`; vertices beyond the last have none.
    pub fn has_edge(&self, from: usize, to: usize) -> bool {
        self.0.has_edge(from, to)
    }

    /// The matrix, row-major, 0 or 1, `vertices` squared values.
    pub fn matrix(&self) -> Vec<u8> {
        let n = self.vertices();
        (0..n * n).map(|i| u8::from(self.has_edge(i / n, i % n))).collect()
    }

    /// Operations of the interior vertices, below [`OPS`].
    pub fn ops(&self) -> &[u8] {
        &self.0.ops[..self.vertices() - 2]
    }

    /// The label of every vertex, as [`Cell::from_matrix`] takes them.
    pub fn labels(&self) -> Vec<&'static str> {
        (0..self.vertices()).map(|v| self.0.label(v)).collect()
    }
}
