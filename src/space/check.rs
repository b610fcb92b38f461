//! Which genotypes are networks: ranges, inputs of every node, coupled genes.

use super::cell::{CellKind, GENES};
use super::gan::{Discriminator, GanGenotype, GeneratorArch, GeneratorGenes};
use crate::Error;

impl GanGenotype {
    /// Whether both halves, where present, are valid.
    ///
    /// # Errors
    /// If one is not; the reason names cell, gene or node.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(GeneratorArch::Cells(genes)) = &self.generator {
            check_generator(genes)?;
        }
        match &self.discriminator {
            Some(d) => d.check(),
            None => Ok(()),
        }
    }
}

impl Discriminator {
    /// Whether the discriminator is valid.
    ///
    /// # Errors
    /// If it is not; the reason names cell, gene or node.
    pub fn check(&self) -> Result<(), Error> {
        let (name, cells) = (self.family.name(), self.family.cells());
        if self.genes.len() != cells {
            let reason = format!(
                "discriminator: family `{name}` has {cells} searched cells, `genes` has {} rows",
                self.genes.len()
            );
            return Err(Error::genotype(reason));
        }
        for (cell, row) in self.genes.iter().enumerate() {
            let place = format!("discriminator {}", self.family.cell_name(cell));
            check_cell(&place, self.family.cell_kind(cell), row)?;
        }
        Ok(())
    }
}

/// Whether a generator is valid.
///
/// # Errors
/// If it is not; the reason names cell, gene or node.
pub fn check_generator(genes: &GeneratorGenes) -> Result<(), Error> {
    for (cell, row) in genes.iter().enumerate() {
        // A value above 127 is out of range in any case.
        let row = row.map(|g| i8::try_from(g).unwrap_or(i8::MAX));
        check_cell(&format!("generator cell {}", cell + 1), CellKind::Up, &row)?;
    }
    Ok(())
}

/// Whether one cell is valid; `place` starts the reason.
///
/// # Errors
/// If it is not.
pub fn check_cell(place: &str, kind: CellKind, row: &[i8; GENES]) -> Result<(), Error> {
    for (g, &value) in row.iter().enumerate() {
        check_range(place, kind, g, i64::from(value))?;
    }
    match rule_broken(kind, row) {
        None => Ok(()),
        Some(reason) => Err(Error::genotype(format!("{place}: {reason}"))),
    }
}

/// Whether `value` is an option of gene `g`.
pub(super) fn check_range(place: &str, kind: CellKind, g: usize, value: i64) -> Result<(), Error> {
    let gene = kind.gene(g);
    if i8::try_from(value).is_ok_and(|v| gene.option(v).is_some()) {
        return Ok(());
    }
    let reason = format!("{place}: gene {g} (edge {}) is {value}, valid are {}", gene.edge(), gene.range());
    Err(Error::genotype(reason))
}

/// The rule that `row` breaks, with all values in range.
fn rule_broken(kind: CellKind, row: &[i8; GENES]) -> Option<String> {
    let orphan = |node: usize, genes: [usize; 2]| {
        let [a, b] = genes;
        (row[a] == 0 && row[b] == 0)
            .then(|| format!("node {node} has no input (genes {a} and {b} are both none)"))
    };
    match kind {
        CellKind::Up => orphan(3, [2, 3]).or_else(|| {
            (row[4..] == [0, 0, 0])
                .then(|| "node 4, the output, has no input (genes 4, 5 and 6 are all none)".to_string())
        }),
        // Three edges of the first cell cannot be none, so every node has an input.
        CellKind::First => None,
        CellKind::Down => orphan(2, [1, 3]).or_else(|| orphan(3, [2, 4])).or_else(|| {
            let user = [3, 4].into_iter().find(|&g| row[g] != 0)?;
            (row[0] == 0).then(|| format!("node 1 has no input (gene 0 is none) but gene {user} reads it"))
        }),
        CellKind::Eagan => orphan(2, [1, 2]).or_else(|| orphan(3, [3, 4])).or_else(|| {
            ((row[5] == -1) != (row[6] == -1)).then(|| {
                format!(
                    "genes 5 and 6 are {} and {}: both must be -1 (no down-sampling) or neither",
                    row[5], row[6]
                )
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::names::{NAMES, named};

    fn reason(result: Result<(), Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn every_published_genotype_is_valid() {
        for name in NAMES {
            named(name).unwrap().check().unwrap();
        }
        let animation =
            [[2, 0, 1, 4, 4, 3, 3], [4, 1, 0, 0, 3, 5, 3], [1, 1, 1, 5, 6, 5, 5], [5, 0, 0, 1, 1, 1, 1]];
        let d = Discriminator {
            family: crate::space::Family::Adversarial,
            genes: animation.to_vec(),
        };
        d.check().unwrap();
    }

    #[test]
    fn reasons_name_cell_node_gene_value_and_range() {
        let mut g = crate::space::names::ADVERSARIAL_NAS;
        g[1][2] = 0;
        g[1][3] = 0;
        assert!(
            reason(check_generator(&g)).contains("cell 2: node 3 has no input (genes 2 and 3 are both none)")
        );
        let mut g = crate::space::names::ADVERSARIAL_NAS;
        g[0][1] = 200;
        assert!(reason(check_generator(&g)).contains("cell 1: gene 1 (edge 0->2)"));
        g[0][1] = 3;
        assert!(
            reason(check_generator(&g)).contains("is 3, valid are 0 nearest, 1 bilinear, 2 ConvTranspose")
        );
        let down = |row| reason(check_cell("x", CellKind::Down, &row));
        assert!(
            down([0, 2, 2, 1, 0, 0, 0]).contains("node 1 has no input (gene 0 is none) but gene 3 reads it")
        );
        assert!(down([2, 0, 2, 0, 0, 0, 0]).contains("node 2 has no input (genes 1 and 3"));
        assert!(down([2, 2, 0, 0, 0, 0, 0]).contains("node 3 has no input (genes 2 and 4"));
        let eagan = |row| reason(check_cell("x", CellKind::Eagan, &row));
        assert!(eagan([0, 2, 2, 1, 0, 0, 0]).contains("gene 0 (edge 0->1) is 0, valid are 1 skip_connect"));
        assert!(eagan([1, 2, 2, 1, 0, -1, 3]).contains("genes 5 and 6 are -1 and 3"));
        assert!(eagan([1, 2, 2, 1, 0, 3, -1]).contains("both must be -1"));
        assert!(eagan([1, 0, 0, 1, 0, 3, 3]).contains("node 2"));
        assert!(eagan([1, 1, 0, 0, 0, 3, 3]).contains("node 3"));
    }
}
