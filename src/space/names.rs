//! The published genotypes by name.

use super::gan::{Discriminator, Family, GanGenotype, GeneratorArch, GeneratorGenes};

/// AdversarialNAS's released generator.
pub const ADVERSARIAL_NAS: GeneratorGenes =
    [[1, 1, 1, 0, 3, 3, 1], [1, 1, 0, 1, 3, 3, 3], [0, 1, 0, 3, 3, 0, 3]];

/// EAGAN's released generator.
pub const EAGAN: GeneratorGenes = [[1, 1, 1, 0, 2, 3, 1], [1, 1, 0, 1, 3, 0, 5], [0, 1, 0, 3, 0, 0, 3]];

/// AutoGAN-D as a point of EAGAN's space.
pub const AUTOGAN_AS_EAGAN: [[i8; 7]; 3] =
    [[3, 0, 3, 0, 2, 0, 0], [3, 0, 3, 0, 1, -1, -1], [3, 0, 3, 0, 1, -1, -1]];

const EAGAN_D_CIFAR10: [[i8; 7]; 3] =
    [[3, 0, 3, 0, 2, 0, 0], [1, 0, 3, 0, 1, -1, -1], [3, 0, 3, 0, 1, -1, -1]];
const EAGAN_D_STL10: [[i8; 7]; 3] = [[3, 0, 3, 0, 2, 0, 0], [4, 0, 4, 0, 1, -1, -1], [3, 0, 3, 0, 1, -1, -1]];

/// Every built-in name.
pub const NAMES: [&str; 7] = [
    "adversarialnas",
    "eagan",
    "autogan",
    "autogan-d",
    "eagan-d-cifar10",
    "eagan-d-stl10",
    "simple-d",
];

/// The published genotype called `name`.
pub fn named(name: &str) -> Option<GanGenotype> {
    let generator = |arch| GanGenotype { generator: Some(arch), discriminator: None };
    let discriminator = |family, genes: &[[i8; 7]]| GanGenotype {
        generator: None,
        discriminator: Some(Discriminator { family, genes: genes.to_vec() }),
    };
    match name {
        "adversarialnas" => Some(generator(GeneratorArch::Cells(ADVERSARIAL_NAS))),
        "eagan" => Some(generator(GeneratorArch::Cells(EAGAN))),
        "autogan" => Some(generator(GeneratorArch::AutoGan)),
        "autogan-d" => Some(discriminator(Family::Autogan, &[])),
        "eagan-d-cifar10" => Some(discriminator(Family::Eagan, &EAGAN_D_CIFAR10)),
        "eagan-d-stl10" => Some(discriminator(Family::Eagan, &EAGAN_D_STL10)),
        "simple-d" => Some(discriminator(Family::Simple, &[])),
        _ => None,
    }
}
