//! GAN cells as graph networks read them: operations are nodes, and one feeds another where its edge ends at the node at
//! which the other's begins.

use super::GanCells;
use crate::space::cell::{CellKind, GENES, Gene};
use crate::space::check::check_cell;
use crate::space::choice::{Genotype, Sketch};
use crate::space::primitive::Primitive;

/// Labels before those of operations.
const INPUT: usize = 0;
const OUTPUT: usize = 1;
const UNDECIDED: usize = 2;
const FIRST_OP: usize = 3;

/// The node of a cell that the next one reads.
const CELL_OUTPUT: usize = 4;

/// The different operations of `genes`, in the order in which they come up.
pub(super) fn vocabulary(genes: &[Gene]) -> Vec<Primitive> {
    let mut all: Vec<Primitive> = Vec::new();
    for op in genes.iter().flat_map(|gene| gene.options) {
        if !all.contains(op) {
            all.push(*op);
        }
    }
    all
}

impl GanCells {
    pub(super) fn sketch_labels(&self) -> usize {
        FIRST_OP + self.vocabulary.len()
    }

    /// Generator and discriminator have an input and an output each.
    pub(super) fn sketch_nodes(&self) -> usize {
        let halves = usize::from(self.generator) + usize::from(self.family.is_some());
        self.genes.len() + 2 * halves
    }

    pub(super) fn sketch_of(&self, prefix: &[u8]) -> Sketch {
        let generator = if self.generator { 3 * GENES } else { 0 };
        let mut sketch = Sketch::default();
        if self.generator {
            self.add_half(&mut sketch, 0..generator, prefix);
        }
        if self.family.is_some() {
            self.add_half(&mut sketch, generator..self.genes.len(), prefix);
        }
        sketch
    }

    fn add_half(&self, sketch: &mut Sketch, choices: std::ops::Range<usize>, prefix: &[u8]) {
        let input = sketch.labels.len();
        sketch.labels.push(INPUT);
        // What ends at the output of the cell before.
        let mut sources = vec![input];
        for cell in choices.collect::<Vec<_>>().chunks(GENES) {
            let first = sketch.labels.len();
            for &choice in cell {
                sketch.labels.push(match prefix.get(choice) {
                    Some(&option) => self.label(choice, option),
                    None => UNDECIDED,
                });
            }
            let genes = &self.genes[cell[0]..=cell[GENES - 1]];
            for (to, gene) in genes.iter().enumerate() {
                if gene.from == 0 {
                    sketch.arcs.extend(sources.iter().map(|&source| (source, first + to)));
                }
                let feeding = (0..GENES).filter(|&from| genes[from].to == gene.from);
                sketch.arcs.extend(feeding.map(|from| (first + from, first + to)));
            }
            sources = (0..GENES).filter(|&g| genes[g].to == CELL_OUTPUT).map(|g| first + g).collect();
        }
        let output = sketch.labels.len();
        sketch.labels.push(OUTPUT);
        sketch.arcs.extend(sources.iter().map(|&source| (source, output)));
    }

    fn label(&self, choice: usize, option: u8) -> usize {
        let op = self.genes[choice].options[usize::from(option)];
        let place = self.vocabulary.iter().position(|known| *known == op);
        FIRST_OP + place.expect("the vocabulary holds every operation of the genes")
    }

    /// Options of the next choice after which the cell can still become valid. Validity asks only which genes are the
    /// first of their options (none, or no down-sampling), so first and last options stand for all ways to go on.
    pub(super) fn allowed_after(&self, prefix: &[u8]) -> Vec<bool> {
        let (choice, place) = (prefix.len(), prefix.len() % GENES);
        let begin = choice - place;
        let kind = self.kinds[choice / GENES];
        let rest = GENES - 1 - place;
        let open = |option: u8| {
            (0..1u32 << rest).any(|ways| {
                let more = (0..rest).map(|i| {
                    let last = self.genes[choice + 1 + i].options.len() - 1;
                    if ways >> i & 1 == 1 { last as u8 } else { 0 }
                });
                let options = prefix[begin..].iter().copied().chain([option]).chain(more);
                valid(kind, &self.genes[begin..begin + GENES], options)
            })
        };
        (0..self.genes[choice].options.len() as u8).map(open).collect()
    }
}

fn valid(kind: CellKind, genes: &[Gene], options: impl Iterator<Item = u8>) -> bool {
    let mut row = [0i8; GENES];
    for ((value, gene), option) in row.iter_mut().zip(genes).zip(options) {
        *value = gene.first + option as i8;
    }
    check_cell("cell", kind, &row).is_ok()
}

/// The JSON form of the half or halves that the space holds, on one line.
pub(super) fn text(space: &GanCells, g: &Genotype) -> String {
    space.decoded(g).to_json().to_string()
}
