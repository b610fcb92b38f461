//! Genotypes of the GAN space in the form of the published programs: seven genes per cell.

use super::cell::{CellKind, GENES};
use crate::Error;
use crate::formats::atomic;
use std::path::Path;
use std::str::FromStr;

/// Genes of a generator: three cells.
pub type GeneratorGenes = [[u8; GENES]; 3];

/// Architecture of a generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeneratorArch {
    /// Three searched cells.
    Cells(GeneratorGenes),
    /// AutoGAN's published generator: fixed cells outside the space, to compare with.
    AutoGan,
}

impl GeneratorArch {
    /// What stands in files for the one without genes.
    pub const AUTOGAN: &str = "autogan";

    /// The genes, if its cells were searched.
    pub fn cells(&self) -> Option<&GeneratorGenes> {
        match self {
            GeneratorArch::Cells(genes) => Some(genes),
            GeneratorArch::AutoGan => None,
        }
    }
}

impl From<GeneratorGenes> for GeneratorArch {
    fn from(genes: GeneratorGenes) -> GeneratorArch {
        GeneratorArch::Cells(genes)
    }
}

/// A family of discriminators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// AdversarialNAS: four searched cells.
    Adversarial,
    /// EAGAN: one fixed block and three searched cells.
    Eagan,
    /// AutoGAN's fixed discriminator.
    Autogan,
    /// The fixed five-convolution discriminator.
    Simple,
}

impl Family {
    /// All families.
    pub const ALL: [Family; 4] = [Family::Adversarial, Family::Eagan, Family::Autogan, Family::Simple];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Family::Adversarial => "adversarial",
            Family::Eagan => "eagan",
            Family::Autogan => "autogan",
            Family::Simple => "simple",
        }
    }

    /// Number of searched cells.
    pub fn cells(self) -> usize {
        match self {
            Family::Adversarial => 4,
            Family::Eagan => 3,
            Family::Autogan | Family::Simple => 0,
        }
    }

    /// Kind of searched cell number `cell`.
    ///
    /// # Panics
    /// If the family has no such cell.
    #[track_caller]
    pub fn cell_kind(self, cell: usize) -> CellKind {
        assert!(cell < self.cells(), "{} has no searched cell {cell}", self.name());
        match (self, cell) {
            (Family::Eagan, _) => CellKind::Eagan,
            (_, 0) => CellKind::First,
            (_, _) => CellKind::Down,
        }
    }

    /// Name of searched cell number `cell` in the papers: `cell 0` for AdversarialNAS, `block 2` for EAGAN.
    pub fn cell_name(self, cell: usize) -> String {
        match self {
            Family::Adversarial | Family::Autogan | Family::Simple => format!("cell {cell}"),
            Family::Eagan => format!("block {}", cell + 2),
        }
    }
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Family, Error> {
        let found = Family::ALL.into_iter().find(|f| f.name() == text);
        let unknown = || {
            Error::genotype(format!(
                "no discriminator family `{text}`, valid are adversarial, eagan, autogan, simple"
            ))
        };
        found.ok_or_else(unknown)
    }
}

/// A discriminator: its family and the genes of its searched cells.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Discriminator {
    /// The family.
    pub family: Family,
    /// One row per searched cell; empty for fixed families.
    pub genes: Vec<[i8; GENES]>,
}

impl Discriminator {
    /// The same network as a point of EAGAN's space if it is AutoGAN's, which is one.
    pub fn in_eagan_space(&self) -> Discriminator {
        match self.family {
            Family::Autogan => Discriminator {
                family: Family::Eagan,
                genes: super::names::AUTOGAN_AS_EAGAN.to_vec(),
            },
            Family::Eagan | Family::Adversarial | Family::Simple => self.clone(),
        }
    }
}

/// Which half of a GAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The generator.
    Generator,
    /// The discriminator.
    Discriminator,
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(text: &str) -> Result<Part, Error> {
        match text {
            "generator" => Ok(Part::Generator),
            "discriminator" => Ok(Part::Discriminator),
            _ => Err(Error::config("part", format!("`{text}` is neither `generator` nor `discriminator`"))),
        }
    }
}

/// Which published program an architecture belongs to, where they differ for equal genes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lineage {
    /// AdversarialNAS: latent in two halves for STL-10, supernets with logits.
    AdversarialNas,
    /// EAGAN: latent always in three parts, single-path supernets without logits.
    Eagan,
    /// AutoGAN: one latent vector of 128 for the first cell.
    AutoGan,
}

/// An architecture of the GAN space; either half may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GanGenotype {
    /// The generator.
    pub generator: Option<GeneratorArch>,
    /// The discriminator.
    pub discriminator: Option<Discriminator>,
}

impl GanGenotype {
    /// The program whose conventions apply: AutoGAN's for its generator, EAGAN's for its own
    /// published generator and for its discriminators.
    pub fn lineage(&self) -> Lineage {
        if self.generator == Some(GeneratorArch::AutoGan) {
            return Lineage::AutoGan;
        }
        let eagan_d = self.discriminator.as_ref().is_some_and(|d| d.family == Family::Eagan);
        if eagan_d || self.generator == Some(GeneratorArch::Cells(super::names::EAGAN)) {
            Lineage::Eagan
        } else {
            Lineage::AdversarialNas
        }
    }

    /// The generator.
    ///
    /// # Errors
    /// If there is no generator.
    pub fn require_generator(&self) -> Result<&GeneratorArch, Error> {
        let absent = || {
            Error::genotype(
                "it has no generator; add the key `generator` or name one, as in `adversarialnas`",
            )
        };
        self.generator.as_ref().ok_or_else(absent)
    }

    /// The generator's genes.
    ///
    /// # Errors
    /// If there is no generator, or its cells are fixed.
    pub fn require_cells(&self) -> Result<&GeneratorGenes, Error> {
        let fixed = || Error::genotype("AutoGAN's generator is one fixed network and has no genes");
        self.require_generator()?.cells().ok_or_else(fixed)
    }

    /// The discriminator.
    ///
    /// # Errors
    /// If there is no discriminator.
    pub fn require_discriminator(&self) -> Result<&Discriminator, Error> {
        let absent = || {
            Error::genotype(
                "it has no discriminator; add the key `discriminator` or join one, as in `adversarialnas+autogan-d`",
            )
        };
        self.discriminator.as_ref().ok_or_else(absent)
    }

    /// The genotype in words: every cell, every edge with its operation.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        match &self.generator {
            None => {}
            Some(GeneratorArch::AutoGan) => text.push_str("generator (autogan)\n"),
            Some(GeneratorArch::Cells(genes)) => {
                text.push_str("generator\n");
                for (cell, row) in genes.iter().enumerate() {
                    let row = row.map(|g| g as i8);
                    text.push_str(&describe_cell(&format!("cell {}", cell + 1), CellKind::Up, &row));
                }
            }
        }
        if let Some(d) = &self.discriminator {
            text.push_str(&format!("discriminator ({})\n", d.family.name()));
            for (cell, row) in d.genes.iter().enumerate() {
                text.push_str(&describe_cell(&d.family.cell_name(cell), d.family.cell_kind(cell), row));
            }
        }
        text
    }

    /// Writes the JSON form to `path`, aside first and then renamed, so that the file is never half there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let text = format!("{}\n", self.to_json());
        atomic::write(path.as_ref(), text.as_bytes())
    }
}

fn describe_cell(name: &str, kind: CellKind, row: &[i8; GENES]) -> String {
    let ops: Vec<String> = (0..GENES)
        .map(|g| {
            let gene = kind.gene(g);
            format!("{} {}", gene.edge(), gene.option(row[g]).map_or("?", |op| op.name))
        })
        .collect();
    format!("  {name}  {row:?}\n    {}\n", ops.join(", "))
}
