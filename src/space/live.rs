//! Which nodes reach the output, and the canonical form in which what cannot matter is the same for all.

use super::cell::{GENES, NODES};
use super::gan::{Discriminator, Family, GeneratorGenes};
use super::primitive::{NORMAL, OpKind};

/// Per node of a cell: whether it reaches the network's output.
pub type Live = [bool; NODES];

/// Live nodes of a generator. Node 3 also feeds node 3 of every later cell through the skips.
pub fn generator_live(genes: &GeneratorGenes) -> [Live; 3] {
    let mut live = [[true; NODES]; 3];
    let mut later = false;
    for (cell, row) in genes.iter().enumerate().rev() {
        let m = row[6] != 0 || later;
        live[cell][1] = row[4] != 0 || (m && row[2] != 0);
        live[cell][2] = row[5] != 0 || (m && row[3] != 0);
        live[cell][3] = m;
        later |= m;
    }
    live
}

/// Live nodes of one searched cell of a discriminator.
pub fn discriminator_live(family: Family, row: &[i8; GENES]) -> Live {
    let readers = match family {
        Family::Adversarial => [row[3], row[4]],
        Family::Eagan => [row[2], row[3]],
        Family::Autogan | Family::Simple => [1, 1],
    };
    [true, readers != [0, 0], true, true, true]
}

fn is_skip(gene: i8) -> bool {
    NORMAL.get(gene as usize).is_some_and(|op| op.kind == OpKind::Skip)
}

/// Canonical genes of a generator: dead genes are 0; nodes 1 and 2, which play the same part, are in order.
pub fn canonical_generator(genes: &GeneratorGenes) -> GeneratorGenes {
    let mut out = *genes;
    // Where node 3 of the first cell is a bare copy of node 1 or 2, its edge to the output and that node's own
    // edge to the output read the same tensor. In later cells node 3 also holds the skips.
    let row = &mut out[0];
    let copy_of = match (row[2], row[3]) {
        (1, 0) => Some(4),
        (0, 1) => Some(5),
        _ => None,
    };
    if let Some(own) = copy_of
        && row[own] < row[6]
    {
        row.swap(own, 6);
    }
    let live = generator_live(&out);
    for (row, live) in out.iter_mut().zip(live) {
        if !live[3] {
            (row[2], row[3]) = (0, 0);
        }
        for node in [1, 2].into_iter().filter(|&node| !live[node]) {
            row[node - 1] = 0;
        }
        let [a, b] = [[row[0], row[2], row[4]], [row[1], row[3], row[5]]];
        if b < a {
            (row[0], row[2], row[4]) = (b[0], b[1], b[2]);
            (row[1], row[3], row[5]) = (a[0], a[1], a[2]);
        }
    }
    out
}

/// Canonical genes of a discriminator.
pub fn canonical_discriminator(d: &Discriminator) -> Discriminator {
    let mut out = d.clone();
    for (cell, row) in out.genes.iter_mut().enumerate() {
        match d.family {
            Family::Adversarial => canonical_down(row, cell == 0),
            Family::Eagan => canonical_eagan(row),
            Family::Autogan | Family::Simple => {}
        }
    }
    out
}

fn canonical_down(row: &mut [i8; GENES], first: bool) {
    if !discriminator_live(Family::Adversarial, row)[1] {
        row[0] = 0;
    } else if !first && is_skip(row[0]) {
        // Node 1 is a copy of node 0, so an edge may start at either.
        for (direct, through) in [(1, 3), (2, 4)] {
            if row[direct] < row[through] {
                row.swap(direct, through);
            }
        }
        if row[3] == 0 && row[4] == 0 {
            row[0] = 0;
        }
    }
    // Nodes 2 and 3 play the same part.
    let [a, b] = [[row[1], row[3], row[5]], [row[2], row[4], row[6]]];
    if b < a {
        (row[1], row[3], row[5]) = (b[0], b[1], b[2]);
        (row[2], row[4], row[6]) = (a[0], a[1], a[2]);
    }
}

fn canonical_eagan(row: &mut [i8; GENES]) {
    let plain_sum = row[5] == -1;
    let copy = is_skip(row[0]);
    // Genes whose edges can be exchanged: same tensor read, same sum fed.
    if copy && plain_sum {
        let mut group = [row[1], row[2], row[3]];
        group.sort_unstable_by(|a, b| b.cmp(a));
        [row[1], row[2], row[3]] = group;
    } else if copy && row[1] < row[2] {
        row.swap(1, 2);
    } else if plain_sum && row[2] < row[3] {
        row.swap(2, 3);
    }
    // Gene 4 differs from its neighbours only by the missing ReLU, which a skip does not have anyway.
    let exchangeable: &[usize] = match (copy, plain_sum) {
        (true, true) => &[1, 2, 3],
        (true, false) => &[3],
        (false, true) => &[1],
        (false, false) => &[],
    };
    if row[4] == 0
        && let Some(&g) = exchangeable.iter().rev().find(|&&g| is_skip(row[g]))
    {
        row.swap(4, g);
    }
    if !discriminator_live(Family::Eagan, row)[1] {
        row[0] = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::space::names::{ADVERSARIAL_NAS, EAGAN};
    use crate::space::random::{random_discriminator, random_generator};

    #[test]
    fn dead_nodes_of_the_published_generators() {
        assert_eq!(generator_live(&ADVERSARIAL_NAS), [[true; 5]; 3]);
        let mut want = [[true; 5]; 3];
        want[2][1] = false;
        assert_eq!(generator_live(&EAGAN), want);
        // Without node 3 in the last cell only its own readers keep the earlier ones alive.
        let mut g = EAGAN;
        g[2] = [0, 1, 3, 3, 0, 3, 0];
        g[1][6] = 0;
        let live = generator_live(&g);
        assert_eq!(live.map(|l| l[3]), [true, false, false]);
    }

    #[test]
    fn what_cannot_matter_does_not_distinguish() {
        let mut g = EAGAN;
        g[2][0] = 2;
        assert_eq!(canonical_generator(&g), canonical_generator(&EAGAN));
        let mut g = ADVERSARIAL_NAS;
        for (a, b) in [(0, 1), (2, 3), (4, 5)] {
            g[2].swap(a, b);
        }
        assert_eq!(canonical_generator(&g), canonical_generator(&ADVERSARIAL_NAS));
        g[2][4] = 6;
        assert_ne!(canonical_generator(&g), canonical_generator(&ADVERSARIAL_NAS));
        let eagan = |row| {
            let mut row = row;
            canonical_eagan(&mut row);
            row
        };
        assert_eq!(eagan([1, 2, 3, 4, 5, -1, -1]), eagan([1, 4, 2, 3, 5, -1, -1]));
        assert_ne!(eagan([1, 2, 3, 4, 5, 0, 0]), eagan([1, 4, 2, 3, 5, 0, 0]));
        assert_eq!(eagan([3, 2, 0, 0, 5, 0, 0]), eagan([6, 2, 0, 0, 5, 0, 0]));
        assert_eq!(eagan([2, 1, 3, 3, 0, -1, -1]), eagan([2, 0, 3, 3, 1, -1, -1]));
    }

    #[test]
    fn canonical_forms_are_fixed_points_and_keep_the_live_part() {
        let mut rng = Rng::seed(3);
        for _ in 0..2000 {
            let g = random_generator(&mut rng);
            let c = canonical_generator(&g);
            assert_eq!(canonical_generator(&c), c);
            let count = |g: &GeneratorGenes| generator_live(g).map(|l| l.into_iter().filter(|&x| x).count());
            assert!(count(&g)[1..] == count(&c)[1..]);
            for family in [Family::Adversarial, Family::Eagan] {
                let d = random_discriminator(family, &mut rng);
                let c = canonical_discriminator(&d);
                assert_eq!(canonical_discriminator(&c), c, "{d:?}");
            }
        }
    }
}
