//! The GAN space of AdversarialNAS and EAGAN as a flat list of choices.

use super::cell::{CellKind, GENES, Gene, NODES};
use super::choice::{Arc, Choice, Dag, Genotype, Key, Node, Space, check_ranges};
use super::gan::{Discriminator, Family, GanGenotype, GeneratorArch};
use super::live::{canonical_discriminator, canonical_generator, discriminator_live, generator_live};
use super::primitive::OpKind;
use super::random::{random_discriminator, random_generator};
use crate::{Error, Rng};

/// Generators, discriminators of one family, or both: 21 generator choices, then those of the searched cells.
#[derive(Debug, Clone)]
pub struct GanCells {
    generator: bool,
    family: Option<Family>,
    choices: Vec<Choice>,
    genes: Vec<Gene>,
}

impl GanCells {
    /// The generators, paired with no discriminator.
    pub fn generators() -> GanCells {
        GanCells::new(true, None)
    }

    /// The discriminators of `family` alone.
    pub fn discriminators(family: Family) -> GanCells {
        GanCells::new(false, Some(family))
    }

    /// Pairs of a generator and a discriminator of `family`; fixed families add no choices.
    pub fn pairs(family: Family) -> GanCells {
        GanCells::new(true, Some(family))
    }

    /// Both searched halves of AdversarialNAS.
    pub fn adversarial() -> GanCells {
        GanCells::pairs(Family::Adversarial)
    }

    fn new(generator: bool, family: Option<Family>) -> GanCells {
        let mut cells: Vec<(String, CellKind)> = Vec::new();
        if generator {
            cells.extend((1..=3).map(|cell| (format!("generator cell {cell}"), CellKind::Up)));
        }
        if let Some(family) = family {
            let cell = |cell| (format!("discriminator {}", family.cell_name(cell)), family.cell_kind(cell));
            cells.extend((0..family.cells()).map(cell));
        }
        let mut space = GanCells {
            generator,
            family,
            choices: Vec::new(),
            genes: Vec::new(),
        };
        for (name, kind) in cells {
            for gene in kind.genes() {
                space.choices.push(Choice {
                    name: format!("{name} edge {}", gene.edge()),
                    options: gene.options.to_vec(),
                });
                space.genes.push(gene);
            }
        }
        space
    }

    /// Whether generators belong to the space.
    pub fn has_generator(&self) -> bool {
        self.generator
    }

    /// Family of the discriminators, if they belong to the space.
    pub fn family(&self) -> Option<Family> {
        self.family
    }

    /// The choice that may have to change together with `choice`: in EAGAN's discriminator cells both down-sampling edges
    /// halve the image or neither does.
    pub fn coupled(&self, choice: usize) -> Option<usize> {
        let halves = |i: usize| self.genes[i].first == -1;
        let other = match choice % GENES {
            5 => choice + 1,
            6 => choice - 1,
            _ => return None,
        };
        (halves(choice) && halves(other)).then_some(other)
    }

    /// The published form of a flat genotype.
    ///
    /// # Errors
    /// If the number of genes or an option is wrong.
    pub fn decode(&self, g: &Genotype) -> Result<GanGenotype, Error> {
        check_ranges(&self.choices, g)?;
        let values = g.0.iter().zip(&self.genes).map(|(&option, gene)| gene.first + option as i8);
        let values: Vec<i8> = values.collect();
        let mut rows = values.as_chunks::<GENES>().0.iter().copied();
        let mut next = || rows.next().expect("as many rows as cells, by the number of choices");
        Ok(GanGenotype {
            generator: self
                .generator
                .then(|| GeneratorArch::Cells(std::array::from_fn(|_| next().map(|v| v as u8)))),
            discriminator: self.family.map(|family| Discriminator {
                family,
                genes: (0..family.cells()).map(|_| next()).collect(),
            }),
        })
    }

    /// The flat form of a published genotype; a half that is not searched here is left out.
    ///
    /// # Errors
    /// If a half is absent, the family differs, or a value is out of range.
    pub fn encode(&self, gan: &GanGenotype) -> Result<Genotype, Error> {
        gan.check()?;
        let mut values: Vec<i8> = Vec::new();
        if self.generator {
            values.extend(gan.require_cells()?.as_flattened().iter().map(|&g| g as i8));
        }
        if let Some(family) = self.family {
            let d = gan.require_discriminator()?;
            if d.family != family {
                let (has, wants) = (d.family.name(), family.name());
                return Err(Error::genotype(format!(
                    "the discriminator is of family `{has}`, the space holds `{wants}`"
                )));
            }
            values.extend(d.genes.as_flattened());
        }
        let option = |(value, gene): (i8, &Gene)| (value - gene.first) as u8;
        Ok(Genotype(values.into_iter().zip(&self.genes).map(option).collect()))
    }

    #[track_caller]
    fn decoded(&self, g: &Genotype) -> GanGenotype {
        match self.decode(g) {
            Ok(gan) => gan,
            Err(error) => panic!("{error}; check a genotype first"),
        }
    }
}

impl Space for GanCells {
    fn choices(&self) -> &[Choice] {
        &self.choices
    }

    fn check(&self, g: &Genotype) -> Result<(), Error> {
        self.decode(g)?.check()
    }

    fn canonical(&self, g: &Genotype) -> Key {
        self.decoded(g).canonical()
    }

    fn graph(&self, g: &Genotype) -> Dag {
        let gan = self.decoded(g);
        let mut graph = Graph::default();
        let mut choice = 0;
        if let Some(GeneratorArch::Cells(genes)) = &gan.generator {
            let live = generator_live(genes);
            let mut input = graph.node("z", true);
            let mut skips: Vec<usize> = Vec::new();
            for (cell, row) in genes.iter().enumerate() {
                let row = row.map(|v| v as i8);
                let first = graph.cell(&format!("G{}", cell + 1), CellKind::Up, &row, &live[cell], choice);
                graph.fixed(input, first, if cell == 0 { "linear" } else { "identity" });
                for &skip in &skips {
                    graph.fixed(skip, first + 3, "skip_conv_1x1");
                }
                skips.push(first + 3);
                input = first + 4;
                choice += GENES;
            }
            let image = graph.node("image", true);
            graph.fixed(input, image, "head");
        }
        if let Some(d) = &gan.discriminator {
            let mut input = graph.node("x", true);
            if d.family != Family::Adversarial {
                let block = graph.node("D1", true);
                graph.fixed(input, block, "fixed");
                input = block;
            }
            for (cell, row) in d.genes.iter().enumerate() {
                let live = discriminator_live(d.family, row);
                let kind = d.family.cell_kind(cell);
                let first = graph.cell(&format!("D{}", cell + 1), kind, row, &live, choice);
                graph.fixed(input, first, "identity");
                input = first + 4;
                choice += GENES;
            }
            let logit = graph.node("logit", true);
            graph.fixed(input, logit, "head");
        }
        graph.0
    }

    fn describe(&self, g: &Genotype) -> String {
        self.decoded(g).describe()
    }

    fn random(&self, rng: &mut Rng) -> Genotype {
        let generator = self.generator.then(|| random_generator(rng).into());
        let discriminator = self.family.map(|family| random_discriminator(family, rng));
        let gan = GanGenotype { generator, discriminator };
        self.encode(&gan)
            .expect("the halves are drawn valid and as the space wants them")
    }
}

impl GanGenotype {
    /// The canonical form of a valid genotype: dead genes and the order of equal nodes do not distinguish.
    ///
    /// Parameter counts do: dead parts are built and counted.
    pub fn canonical(&self) -> Key {
        let canonical = GanGenotype {
            generator: self.generator.map(|arch| match arch {
                GeneratorArch::Cells(genes) => canonical_generator(&genes).into(),
                GeneratorArch::AutoGan => arch,
            }),
            discriminator: self.discriminator.as_ref().map(canonical_discriminator),
        };
        Key(canonical.to_json().to_string())
    }
}

#[derive(Default)]
struct Graph(Dag);

impl Graph {
    fn node(&mut self, name: &str, live: bool) -> usize {
        self.0.nodes.push(Node { name: name.into(), live });
        self.0.nodes.len() - 1
    }

    fn fixed(&mut self, from: usize, to: usize, op: &'static str) {
        self.0.arcs.push(Arc { from, to, op, choice: None });
    }

    /// Adds the nodes and edges of a cell whose first gene is choice `choice`; gives its node 0.
    fn cell(
        &mut self,
        name: &str,
        kind: CellKind,
        row: &[i8; GENES],
        live: &[bool; NODES],
        choice: usize,
    ) -> usize {
        let first = self.0.nodes.len();
        for (node, &live) in live.iter().enumerate() {
            self.node(&format!("{name}.{node}"), live);
        }
        for (g, gene) in kind.genes().iter().enumerate() {
            let op = gene.op(row[g]);
            if op.kind != OpKind::None {
                self.0.arcs.push(Arc {
                    from: first + gene.from,
                    to: first + gene.to,
                    op: op.name,
                    choice: Some(choice + g),
                });
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::names::named;

    #[test]
    fn flat_and_published_forms_agree() {
        let gan = GanGenotype::load("eagan+eagan-d-cifar10").unwrap();
        let space = GanCells::pairs(Family::Eagan);
        let flat = space.encode(&gan).unwrap();
        assert_eq!(flat.0.len(), 42);
        assert_eq!(flat.0[21..28], [2, 0, 3, 0, 2, 1, 1]);
        assert_eq!(space.decode(&flat).unwrap(), gan);
        assert_eq!(GanCells::adversarial().choices().len(), 49);
        assert_eq!(GanCells::pairs(Family::Autogan).choices().len(), 21);
        let error = GanCells::adversarial().encode(&gan).unwrap_err().to_string();
        assert!(error.contains("family `eagan`, the space holds `adversarial`"));
    }

    #[test]
    fn random_genotypes_survive_both_ways_in_every_space() {
        let mut rng = Rng::seed(1);
        let mut spaces: Vec<GanCells> = Family::ALL.map(GanCells::pairs).to_vec();
        spaces.push(GanCells::generators());
        spaces.push(GanCells::discriminators(Family::Eagan));
        for space in spaces {
            for _ in 0..50 {
                let g = space.random(&mut rng);
                space.check(&g).unwrap();
                assert_eq!(space.encode(&space.decode(&g).unwrap()).unwrap(), g);
                for arc in space.graph(&g).arcs {
                    assert!(arc.from < arc.to);
                }
            }
        }
    }

    #[test]
    fn graph_of_the_published_generator() {
        let space = GanCells::generators();
        let flat = space.encode(&named("eagan").unwrap()).unwrap();
        let graph = space.graph(&flat);
        assert_eq!(graph.nodes.len(), 17);
        let dead: Vec<&str> = graph.nodes.iter().filter(|n| !n.live).map(|n| n.name.as_str()).collect();
        assert_eq!(dead, ["G3.1"]);
        assert_eq!(graph.arcs.iter().filter(|a| a.op == "skip_conv_1x1").count(), 3);
        let chosen = graph.arcs.iter().filter(|a| a.choice.is_some()).count();
        assert_eq!(
            chosen,
            flat.0
                .iter()
                .zip(space.choices())
                .filter(|(g, c)| c.options[usize::from(**g)].name != "none")
                .count()
        );
    }
}
