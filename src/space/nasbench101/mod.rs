//! NAS-Bench-101 (Ying et al. 2019): cells of at most 7 vertices and 9 edges, three operations, 423,624 of
//! them.
//!
//! A genotype always describes a graph of 7 vertices, of which interior ones may be absent: 26 choices,
//! vertex by vertex its operation and the edges that lead to it from the vertices before, at last the edges
//! to the output. What does not lie on a way from the input to the output is pruned, and does not count.

mod cost;
mod enumerate;
mod graph;
mod hash;
mod layout;
mod masks;
mod text;

#[cfg(test)]
mod tests;

pub use enumerate::enumerate;
pub use graph::{Cell, MOST_EDGES, MOST_VERTICES, OPS};

use super::{Arc, Choice, Complexity, Dag, Genotype, Key, Node, Sketch, Space, Step, check_ranges};
use crate::{Error, Rng};
use graph::Labelled;
use layout::{CHOICES, OUTPUT, Place, link, op, place};

/// Draws of a mutation after which a child that is the same cell as its parent is taken.
const TRIES: usize = 100;

/// The space of NAS-Bench-101.
#[derive(Debug, Clone, Copy, Default)]
pub struct NasBench101;

impl NasBench101 {
    /// The space.
    pub fn new() -> NasBench101 {
        NasBench101
    }

    /// The pruned cell of a genotype.
    ///
    /// # Errors
    /// If a gene is out of range, the output is not reached or too many edges are left after pruning.
    pub fn decode(&self, g: &Genotype) -> Result<Cell, Error> {
        labelled(g)?.prune()
    }

    #[track_caller]
    fn decoded(&self, g: &Genotype) -> Cell {
        checked(self.decode(g))
    }
}

/// What is made of a genotype that the caller has to have checked.
#[track_caller]
fn checked<T>(made: Result<T, Error>) -> T {
    match made {
        Ok(made) => made,
        Err(error) => panic!("{error}; check a genotype first"),
    }
}

/// The graph of a genotype before pruning, if its genes are in range.
fn labelled(g: &Genotype) -> Result<Labelled, Error> {
    check_ranges(&CHOICES, g)?;
    Ok(Labelled::from_genes(&g.0))
}

impl Space for NasBench101 {
    fn name(&self) -> &'static str {
        "nasbench101"
    }

    fn choices(&self) -> &[Choice] {
        &CHOICES
    }

    fn check(&self, g: &Genotype) -> Result<(), Error> {
        self.decode(g).map(drop)
    }

    /// The official MD5 of the pruned graph.
    fn canonical(&self, g: &Genotype) -> Key {
        Key(self.decoded(g).key_hex())
    }

    fn normal(&self, g: &Genotype) -> Genotype {
        self.decode(g).map_or_else(|_| g.clone(), |cell| cell.genotype())
    }

    fn graph(&self, g: &Genotype) -> Dag {
        let graph = checked(labelled(g));
        let live = graph.live();
        let there: Vec<usize> = (0..MOST_VERTICES).filter(|&v| graph.is_there(v)).collect();
        let name = |v: usize| match v {
            0 | OUTPUT => graph.label(v).to_string(),
            _ => format!("{v} {}", graph.label(v)),
        };
        let node = |&v: &usize| Node { name: name(v), live: live >> v & 1 == 1 };
        let mut dag = Dag {
            nodes: there.iter().map(node).collect(),
            arcs: Vec::new(),
        };
        for (to, &w) in there.iter().enumerate() {
            for (from, &v) in there[..to].iter().enumerate() {
                if graph.has_edge(v, w) {
                    let choice = Some(link(v, w));
                    dag.arcs.push(Arc { from, to, op: "", choice });
                }
            }
        }
        dag
    }

    fn describe(&self, g: &Genotype) -> String {
        self.decoded(g).describe()
    }

    /// The sampler that is common for this table: 21 fair coins and 5 uniform operations, none of them
    /// absent, redrawn until valid.
    fn random(&self, rng: &mut Rng) -> Genotype {
        loop {
            let mut draw = |i| match place(i) {
                Place::Op(_) => rng.below(OPS.len()) as u8,
                Place::Link(..) => rng.below(2) as u8,
            };
            let g = Genotype((0..CHOICES.len()).map(&mut draw).collect());
            if self.check(&g).is_ok() {
                return g;
            }
        }
    }

    /// The mutation that is common for this table: every edge flips with probability 1/7 and every operation
    /// is drawn anew of the three with probability 1/5, redrawn until valid and, for the first 100 draws,
    /// another cell.
    fn mutate(&self, g: &Genotype, rng: &mut Rng) -> Genotype {
        let parent = self.canonical(g);
        let mut tries = 0;
        loop {
            tries += 1;
            let mut change = |(i, &option): (usize, &u8)| match place(i) {
                Place::Op(_) if rng.below(5) == 0 => rng.below(OPS.len()) as u8,
                Place::Link(..) if rng.below(7) == 0 => 1 - option,
                Place::Op(_) | Place::Link(..) => option,
            };
            let child = Genotype(g.0.iter().enumerate().map(&mut change).collect());
            if let Ok(cell) = self.decode(&child)
                && (tries > TRIES || cell.key_hex() != parent.0)
            {
                return child;
            }
        }
    }

    /// Those of the whole network: parameters as the table has them, multiply-adds for one picture of 32x32.
    fn complexity(&self, g: &Genotype) -> Option<Complexity> {
        Some(self.decoded(g).complexity())
    }

    fn steps(&self) -> Vec<Step> {
        let step = |v| Step {
            op: (v < OUTPUT).then(|| op(v)),
            links: link(0, v)..link(v - 1, v) + 1,
        };
        (1..=OUTPUT).map(step).collect()
    }

    fn allowed(&self, prefix: &[u8]) -> Vec<bool> {
        masks::allowed(prefix)
    }

    fn has_places(&self) -> bool {
        false
    }

    /// Input, output, the three operations, absent.
    fn labels(&self) -> usize {
        OPS.len() + 3
    }

    fn nodes(&self) -> usize {
        MOST_VERTICES
    }

    /// The input and every vertex whose operation is chosen, absent ones without arcs; the output comes with
    /// the whole genotype.
    fn sketch(&self, prefix: &[u8]) -> Sketch {
        let graph = Labelled::from_genes(prefix);
        let decided = match prefix.len() {
            n if n == CHOICES.len() => MOST_VERTICES,
            n => (1..OUTPUT).take_while(|&v| op(v) < n).count() + 1,
        };
        let label = |v| match v {
            0 => 0,
            OUTPUT => 1,
            _ => 2 + usize::from(graph.op(v)),
        };
        let mut sketch = Sketch {
            labels: (0..decided).map(label).collect(),
            arcs: Vec::new(),
        };
        for to in 1..decided {
            sketch
                .arcs
                .extend((0..to).filter(|&from| graph.has_edge(from, to)).map(|from| (from, to)));
        }
        sketch
    }

    /// The pruned graph: the upper triangle of its matrix row by row, then the digits of its operations, as
    /// in `1011100101:021`.
    fn text(&self, g: &Genotype) -> String {
        self.decoded(g).to_string()
    }

    fn parse(&self, text: &str) -> Result<Genotype, Error> {
        let g = text::parse(text)?.genotype();
        self.check(&g)?;
        Ok(g)
    }
}

impl Cell {
    /// The cell in words, a line for every vertex with what it reads.
    fn describe(&self) -> String {
        let last = self.vertices() - 1;
        let name = |v: usize| if v == 0 { "input".into() } else { v.to_string() };
        let mut text = format!("cell of {} vertices and {} edges\n", self.vertices(), self.edges());
        for (w, label) in self.labels().into_iter().enumerate().skip(1) {
            let number = if w < last { format!("{w} ") } else { String::new() };
            let reads: Vec<String> = (0..w).filter(|&v| self.has_edge(v, w)).map(name).collect();
            text.push_str(&format!("  {number}{label} <- {}\n", reads.join(", ")));
        }
        text
    }
}
