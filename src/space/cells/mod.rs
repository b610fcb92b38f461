//! The GAN space of AdversarialNAS and EAGAN as a flat list of choices.

mod sketch;

use crate::space::cell::{CellKind, GENES, Gene, NODES};
use crate::space::choice::{Arc, Choice, Dag, Genotype, Key, Node, Sketch, Space, check_ranges};
use crate::space::gan::{Discriminator, Family, GanGenotype, GeneratorArch};
use crate::space::live::{canonical_discriminator, canonical_generator, discriminator_live, generator_live};
use crate::space::primitive::{OpKind, Primitive};
use crate::space::random::{random_discriminator, random_generator};
use crate::{Error, Rng};
use serde_json::Value;

/// Generators, discriminators of one family, or both: 21 generator choices, then those of the searched cells.
#[derive(Debug, Clone)]
pub struct GanCells {
    generator: bool,
    family: Option<Family>,
    choices: Vec<Choice>,
    genes: Vec<Gene>,
    /// Kinds of the cells.
    kinds: Vec<CellKind>,
    /// The different operations of all choices.
    vocabulary: Vec<Primitive>,
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
            kinds: cells.iter().map(|(_, kind)| *kind).collect(),
            vocabulary: Vec::new(),
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
        space.vocabulary = sketch::vocabulary(&space.genes);
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
    fn name(&self) -> &'static str {
        "gan-cells"
    }

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

    /// In EAGAN's discriminator cells both down-sampling edges halve the image or neither does.
    fn coupled(&self, choice: usize) -> Option<usize> {
        let halves = |i: usize| self.genes[i].first == -1;
        let other = match choice % GENES {
            5 => choice + 1,
            6 => choice - 1,
            _ => return None,
        };
        (halves(choice) && halves(other)).then_some(other)
    }

    fn allowed(&self, prefix: &[u8]) -> Vec<bool> {
        self.allowed_after(prefix)
    }

    fn labels(&self) -> usize {
        self.sketch_labels()
    }

    fn nodes(&self) -> usize {
        self.sketch_nodes()
    }

    fn sketch(&self, prefix: &[u8]) -> Sketch {
        self.sketch_of(prefix)
    }

    fn text(&self, g: &Genotype) -> String {
        sketch::text(self, g)
    }

    fn parse(&self, text: &str) -> Result<Genotype, Error> {
        let value = serde_json::from_str(text);
        let value: Value = value.map_err(|e| Error::genotype(format!("no JSON of a genotype: {e}")))?;
        self.parse_json(&value)
    }

    fn to_json(&self, g: &Genotype) -> Value {
        self.decoded(g).to_json()
    }

    fn parse_json(&self, value: &Value) -> Result<Genotype, Error> {
        self.encode(&GanGenotype::from_json(value)?)
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
    fn following_what_is_allowed_always_ends_valid_and_reaches_every_option() {
        let mut rng = Rng::seed(2);
        for family in [Family::Adversarial, Family::Eagan] {
            let space = GanCells::pairs(family);
            let choices = space.choices();
            let mut seen: Vec<Vec<bool>> = choices.iter().map(|c| vec![false; c.options.len()]).collect();
            for _ in 0..400 {
                let mut prefix: Vec<u8> = Vec::new();
                while prefix.len() < choices.len() {
                    let allowed = space.allowed(&prefix);
                    let open: Vec<usize> = (0..allowed.len()).filter(|i| allowed[*i]).collect();
                    let option = open[rng.below(open.len())];
                    seen[prefix.len()][option] = true;
                    prefix.push(option as u8);
                }
                space.check(&Genotype(prefix)).unwrap();
            }
            assert!(seen.iter().flatten().all(|seen| *seen));
        }
    }

    #[test]
    fn near_genotypes_are_valid_and_can_begin_and_cease_to_halve() {
        let space = GanCells::discriminators(Family::Eagan);
        let mut rng = Rng::seed(4);
        let mut g = space.random(&mut rng);
        let halves = |g: &Genotype| g.0[5] != 0;
        let mut seen = [false; 2];
        for _ in 0..300 {
            g = space.mutate(&g, &mut rng);
            space.check(&g).unwrap();
            seen[usize::from(halves(&g))] = true;
        }
        assert_eq!(seen, [true; 2]);
        let near = space.neighbours(&g);
        assert!(near.iter().all(|n| space.check(n).is_ok() && *n != g));
        assert!(near.iter().any(&halves) && near.iter().any(|n| !halves(n)));
    }

    #[test]
    fn sketches_show_what_is_decided() {
        let space = GanCells::adversarial();
        let g = space.random(&mut Rng::seed(3));
        let (nothing, all) = (space.sketch(&[]), space.sketch(&g.0));
        assert_eq!((all.labels.len(), space.nodes()), (49 + 4, 53));
        assert_eq!(nothing.arcs, all.arcs);
        assert_eq!(nothing.labels.iter().filter(|label| **label == 2).count(), 49);
        assert!(all.labels.iter().all(|label| *label != 2 && *label < space.labels()));
        // Generator cell 1: genes 0 and 1 read the input; gene 2 (edge 1->3) reads gene 0.
        assert!(all.arcs.contains(&(0, 1)) && all.arcs.contains(&(0, 2)) && all.arcs.contains(&(1, 3)));
        assert!(!all.arcs.contains(&(2, 3)) && all.arcs.iter().all(|(from, to)| from < to));
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
