//! How many architectures the published spaces hold.

/// Generators, whether valid or not: three cells of two up edges and five normal edges, 3.46e15.
pub fn generators() -> u128 {
    (3u128.pow(2) * 7u128.pow(5)).pow(3)
}

/// Valid generators: node 3 and the output need an input, 3.2e15.
pub fn valid_generators() -> u128 {
    (9 * (7u128.pow(2) - 1) * (7u128.pow(3) - 1)).pow(3)
}

/// AdversarialNAS discriminators, whether valid or not, 4.88e22.
pub fn adversarial_discriminators() -> u128 {
    let first = 5u128.pow(3) * 7u128.pow(2) * 6u128.pow(2);
    first * (7u128.pow(5) * 6u128.pow(2)).pow(3)
}

/// Valid AdversarialNAS discriminators.
pub fn valid_adversarial_discriminators() -> u128 {
    let first = 5u128.pow(3) * 7u128.pow(2) * 6u128.pow(2);
    // Either node 1 has an input, and nodes 2 and 3 one each of it and node 0; or node 0 is their only input.
    let normal = 6 * (7u128.pow(2) - 1).pow(2) + 6u128.pow(2);
    first * (normal * 6u128.pow(2)).pow(3)
}

/// Valid EAGAN discriminators, 1.3e17.
pub fn valid_eagan_discriminators() -> u128 {
    (6 * (7u128.pow(2) - 1).pow(2) * (6u128.pow(2) + 1)).pow(3)
}

/// Pairs of AdversarialNAS's generators and discriminators, 1.69e38.
pub fn adversarial_pairs() -> u128 {
    generators() * adversarial_discriminators()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::cell::CellKind;
    use crate::space::check::check_cell;

    /// Counts all rows and the valid rows of a cell one by one.
    fn count(kind: CellKind) -> (u128, u128) {
        let genes = kind.genes();
        let all: usize = genes.iter().map(|g| g.options.len()).product();
        let valid = (0..all).filter(|&index| {
            let mut rest = index;
            let row = genes.map(|gene| {
                let option = rest % gene.options.len();
                rest /= gene.options.len();
                gene.first + option as i8
            });
            check_cell("x", kind, &row).is_ok()
        });
        (all as u128, valid.count() as u128)
    }

    #[test]
    fn formulas_agree_with_counting_every_cell() {
        let [up, first, down, eagan] =
            [CellKind::Up, CellKind::First, CellKind::Down, CellKind::Eagan].map(count);
        assert_eq!(up, (151_263, 147_744));
        assert_eq!(first, (220_500, 220_500));
        assert_eq!(down.0, 605_052);
        assert_eq!(eagan.1, 511_488);
        assert_eq!(generators(), up.0.pow(3));
        assert_eq!(valid_generators(), up.1.pow(3));
        assert_eq!(adversarial_discriminators(), first.0 * down.0.pow(3));
        assert_eq!(valid_adversarial_discriminators(), first.1 * down.1.pow(3));
        assert_eq!(valid_eagan_discriminators(), eagan.1.pow(3));
    }

    #[test]
    fn published_orders_of_magnitude() {
        for (size, want) in [
            (generators(), 3.46e15),
            (adversarial_discriminators(), 4.88e22),
            (adversarial_pairs(), 1.69e38),
            (valid_generators(), 3.23e15),
            (valid_eagan_discriminators(), 1.338e17),
        ] {
            approx::assert_relative_eq!(size as f64, want, max_relative = 2e-3);
        }
    }
}
