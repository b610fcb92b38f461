//! Random valid genotypes, drawn as the published programs mean to draw them.

use super::cell::{CellKind, GENES};
use super::check::check_cell;
use super::gan::{Discriminator, Family, GeneratorGenes};
use crate::Rng;

/// A random valid generator: up genes uniform, each group of genes that share a node redrawn until one is not none.
pub fn random_generator(rng: &mut Rng) -> GeneratorGenes {
    std::array::from_fn(|_| {
        let mut row = [0u8; GENES];
        row[0] = rng.below(3) as u8;
        row[1] = rng.below(3) as u8;
        for group in [2..4, 4..7] {
            while row[group.clone()].iter().all(|&g| g == 0) {
                row[group.clone()].fill_with(|| rng.below(7) as u8);
            }
        }
        row
    })
}

/// A random valid discriminator of `family`.
///
/// EAGAN's rows follow the intended rule; its released program always leaves gene 1 at 0.
pub fn random_discriminator(family: Family, rng: &mut Rng) -> Discriminator {
    let row = |cell| match family.cell_kind(cell) {
        CellKind::Eagan => random_eagan(rng),
        kind @ (CellKind::Up | CellKind::First | CellKind::Down) => random_row(kind, rng),
    };
    Discriminator {
        family,
        genes: (0..family.cells()).map(row).collect(),
    }
}

/// Every gene uniform, redrawn together until the cell is valid.
fn random_row(kind: CellKind, rng: &mut Rng) -> [i8; GENES] {
    let genes = kind.genes();
    loop {
        let row = genes.map(|gene| gene.first + rng.below(gene.options.len()) as i8);
        if check_cell("draw", kind, &row).is_ok() {
            return row;
        }
    }
}

fn random_eagan(rng: &mut Rng) -> [i8; GENES] {
    let mut row = [0i8; GENES];
    row[0] = 1 + rng.below(6) as i8;
    for pair in [1..3, 3..5] {
        while row[pair.clone()] == [0, 0] {
            row[pair.clone()].fill_with(|| rng.below(7) as i8);
        }
    }
    row[5] = rng.below(7) as i8 - 1;
    row[6] = if row[5] == -1 { -1 } else { rng.below(6) as i8 };
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::check::check_generator;

    #[test]
    fn draws_are_valid_reach_every_option_and_repeat_with_the_seed() {
        let mut seen = std::collections::HashSet::new();
        let mut rng = Rng::seed(0);
        for _ in 0..500 {
            let g = random_generator(&mut rng);
            check_generator(&g).unwrap();
            seen.extend(g[2].iter().copied().enumerate());
            for family in Family::ALL {
                random_discriminator(family, &mut rng).check().unwrap();
            }
        }
        assert_eq!(seen.len(), 2 * 3 + 5 * 7);
        assert_eq!(random_generator(&mut Rng::seed(4)), random_generator(&mut Rng::seed(4)));
    }
}
