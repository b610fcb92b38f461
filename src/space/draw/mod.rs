//! Pictures of a GAN genotype: one panel per cell, as SVG for people and as DOT for graph programs.

mod cell_panel;
mod dot;
mod row;
mod style;
mod svg;

pub use dot::dot;

use super::cell::{CellKind, GENES};
use super::gan::{Discriminator, Family, GanGenotype, GeneratorArch};
use super::live::{Live, discriminator_live, generator_live};
use super::primitive::OpKind;

/// What a picture of one cell needs.
struct CellPicture {
    name: String,
    kind: CellKind,
    row: [i8; GENES],
    live: Live,
    /// Side of the feature map before and after the cell.
    sizes: (usize, usize),
}

impl CellPicture {
    /// Whether gene `g` leads to a node that does not reach the output, or from one.
    fn dead_edge(&self, g: usize) -> bool {
        let gene = self.kind.gene(g);
        !self.live[gene.to] || !self.live[gene.from]
    }
}

/// Side of the image that sizes in pictures belong to.
const IMAGE: usize = 32;

fn generator_cells(gan: &GanGenotype) -> Vec<CellPicture> {
    let Some(GeneratorArch::Cells(genes)) = &gan.generator else {
        return Vec::new();
    };
    let live = generator_live(genes);
    let cell = |cell: usize| CellPicture {
        name: format!("cell {}", cell + 1),
        kind: CellKind::Up,
        row: genes[cell].map(|g| g as i8),
        live: live[cell],
        sizes: ((IMAGE / 8) << cell, (IMAGE / 4) << cell),
    };
    (0..3).map(cell).collect()
}

fn discriminator_cells(d: &Discriminator) -> Vec<CellPicture> {
    let mut size = if d.family == Family::Adversarial {
        IMAGE
    } else {
        IMAGE / 2
    };
    let cell = |(cell, row): (usize, &[i8; GENES])| {
        let kind = d.family.cell_kind(cell);
        let halves = kind.gene(5).op(row[5]).kind != OpKind::NoDown;
        let before = size;
        size /= if halves { 2 } else { 1 };
        CellPicture {
            name: d.family.cell_name(cell),
            kind,
            row: *row,
            live: discriminator_live(d.family, row),
            sizes: (before, size),
        }
    };
    d.genes.iter().enumerate().map(cell).collect()
}

/// The fixed blocks of a discriminator, each a title and its lines, in front of its cells.
fn fixed_blocks(family: Family) -> Vec<(&'static str, &'static [&'static str])> {
    const FIRST: (&str, &[&str]) =
        ("block 1", &["conv 3x3, ReLU", "conv 3x3, avg pool", "+ pool, conv 1x1", "32 -> 16"]);
    match family {
        Family::Adversarial => Vec::new(),
        Family::Eagan => vec![FIRST],
        Family::Autogan => vec![
            FIRST,
            ("block 2", &["ReLU, conv 3x3", "ReLU, conv 3x3, avg pool", "+ conv 1x1, pool", "16 -> 8"]),
            ("block 3", &["ReLU, conv 3x3", "ReLU, conv 3x3", "+ identity", "8 -> 8"]),
            ("block 4", &["ReLU, conv 3x3", "ReLU, conv 3x3", "+ identity", "8 -> 8"]),
        ],
        Family::Simple => vec![
            ("layer 1", &["conv 4x4 / 2", "batch norm", "leaky ReLU", "32 -> 16"]),
            ("layer 2", &["conv 4x4 / 2", "16 -> 8"]),
            ("layer 3", &["conv 4x4 / 2", "batch norm", "leaky ReLU", "8 -> 4"]),
            ("layer 4", &["conv 4x4 / 2", "4 -> 2"]),
            ("layer 5", &["conv 4x4 / 2", "batch norm", "leaky ReLU", "2 -> 1"]),
        ],
    }
}

/// AutoGAN's generator as titles and lines.
const AUTOGAN: [(&str, &[&str]); 3] = [
    (
        "cell 1",
        &["ReLU, nearest x2, conv 3x3", "ReLU, conv 3x3", "+ nearest x2, conv 1x1", "4 -> 8"],
    ),
    (
        "cell 2",
        &[
            "ReLU, bilinear x2, conv 3x3",
            "+ skip 1, ReLU, conv 3x3",
            "+ bilinear x2, conv 1x1",
            "8 -> 16",
        ],
    ),
    ("cell 3", &["ReLU, nearest x2, conv 3x3", "+ skips 1, 2, ReLU, conv 3x3", "16 -> 32"]),
];

/// A stand-alone SVG picture of a valid genotype under the heading `title`.
pub fn svg(gan: &GanGenotype, title: &str) -> String {
    let mut canvas = svg::Canvas::default();
    let mut width: f64 = 900.0;
    let mut y = 64.0;
    let row = match &gan.generator {
        None => None,
        Some(GeneratorArch::Cells(_)) => Some(row::generator(&mut canvas, y, &generator_cells(gan))),
        Some(GeneratorArch::AutoGan) => Some(row::autogan(&mut canvas, y)),
    };
    if let Some(size) = row {
        width = width.max(size.0);
        y += size.1;
    }
    if let Some(d) = &gan.discriminator {
        let size = row::discriminator(&mut canvas, y, d, &discriminator_cells(d));
        width = width.max(size.0);
        y += size.1;
    }
    let searched =
        !generator_cells(gan).is_empty() || gan.discriminator.as_ref().is_some_and(|d| !d.genes.is_empty());
    if searched {
        row::legend(&mut canvas, y + 6.0);
        y += 52.0;
    }
    canvas.finish(width, y, title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::space::random::{random_discriminator, random_generator};

    #[test]
    fn every_family_is_drawn_with_its_operations_and_balanced_tags() {
        let mut rng = Rng::seed(2);
        for family in Family::ALL {
            let gan = GanGenotype {
                generator: Some(random_generator(&mut rng).into()),
                discriminator: Some(random_discriminator(family, &mut rng)),
            };
            let picture = svg(&gan, "a <title> & more");
            assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
            assert!(picture.contains("a &lt;title&gt; &amp; more"));
            assert_eq!(picture.matches("<g").count(), picture.matches("</g>").count());
            let graph = dot(&gan, "title");
            assert_eq!(graph.matches('{').count(), graph.matches('}').count());
            for cell in generator_cells(&gan) {
                for (g, gene) in cell.kind.genes().iter().enumerate() {
                    let op = gene.op(cell.row[g]);
                    assert!(
                        op.kind == OpKind::None || (picture.contains(op.name) && graph.contains(op.name))
                    );
                }
            }
        }
    }

    #[test]
    fn sizes_follow_the_down_sampling_genes() {
        let gan = GanGenotype::load("eagan-d-cifar10").unwrap();
        let sizes = |cells: Vec<CellPicture>| cells.iter().map(|c| c.sizes).collect::<Vec<_>>();
        assert_eq!(sizes(discriminator_cells(&gan.discriminator.unwrap())), [(16, 8), (8, 8), (8, 8)]);
        let gan = GanGenotype::load("autogan+autogan-d").unwrap();
        for picture in [svg(&gan, "x"), dot(&gan, "x")] {
            assert!(picture.contains("nearest x2") && !picture.contains("skip_connect"));
        }
        let gan = GanGenotype::load("eagan").unwrap();
        assert_eq!(sizes(generator_cells(&gan)), [(4, 8), (8, 16), (16, 32)]);
    }
}
