//! Genotypes as the `.npy` integer arrays of the published repositories.

use super::cell::{CellKind, GENES};
use super::gan::{Family, GanGenotype, GeneratorArch, Part};
use super::json::{discriminator_from_rows, rows_of};
use crate::Error;
use crate::formats::{NumberArray, atomic, npy};
use std::path::Path;

impl GanGenotype {
    /// Reads a `.npy` array of 3x7 genes of a generator, or 4x7 (AdversarialNAS) or 3x7 (EAGAN) of a discriminator.
    ///
    /// # Errors
    /// If the file is not such an array or a gene is out of range.
    pub fn from_npy(path: &Path, bytes: &[u8], part: Part) -> Result<GanGenotype, Error> {
        let rows = read_rows(path, bytes)?;
        match part {
            Part::Generator => {
                let rows =
                    rows_of("generator", &rows, 3, |cell| (format!("cell {}", cell + 1), CellKind::Up))?;
                Ok(GanGenotype {
                    generator: Some(GeneratorArch::Cells(std::array::from_fn(|cell| {
                        rows[cell].map(|g| g as u8)
                    }))),
                    discriminator: None,
                })
            }
            Part::Discriminator => {
                let family = if rows.len() == 4 {
                    Family::Adversarial
                } else {
                    Family::Eagan
                };
                Ok(GanGenotype {
                    generator: None,
                    discriminator: Some(discriminator_from_rows(family, &rows)?),
                })
            }
        }
    }

    /// Writes one half as a `.npy` array: `u1` for a generator, `i8` (64 bit) for a discriminator.
    ///
    /// # Errors
    /// If that half is absent or has no genes, or the file cannot be written.
    pub fn save_npy(&self, path: impl AsRef<Path>, part: Part) -> Result<(), Error> {
        let (dtype, rows, data): (_, _, Vec<u8>) = match part {
            Part::Generator => ("|u1", 3, self.require_cells()?.concat()),
            Part::Discriminator => {
                let d = self.require_discriminator()?;
                if d.genes.is_empty() {
                    let reason = format!("family `{}` has no genes to write as an array", d.family.name());
                    return Err(Error::genotype(reason));
                }
                let wide = d.genes.iter().flatten().flat_map(|&g| i64::from(g).to_le_bytes());
                ("<i8", d.genes.len(), wide.collect())
            }
        };
        let file = npy::file(dtype, &[rows, GENES], data.into_iter());
        atomic::write(path.as_ref(), &file)
    }
}

/// The rows of a two-dimensional integer array of any width, byte order and storage order.
fn read_rows(path: &Path, bytes: &[u8]) -> Result<Vec<Vec<i64>>, Error> {
    let NumberArray { shape, values } = npy::parse(path, bytes)?;
    let [..=4, GENES] = shape[..] else {
        return Err(Error::format(
            path,
            format!("the array has shape {shape:?}, genes are [3, {GENES}] or [4, {GENES}]"),
        ));
    };
    let flat = values.into_f64();
    if flat.iter().any(|gene| gene.fract() != 0.0) {
        return Err(Error::format(path, "the array holds numbers with a fraction, genes are integers"));
    }
    Ok(flat
        .chunks_exact(GENES)
        .map(|row| row.iter().map(|gene| *gene as i64).collect())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::names::{ADVERSARIAL_NAS, named};

    fn npy(dtype: &str, fortran: bool, rows: usize, data: &[u8]) -> Vec<u8> {
        let order = if fortran { "True" } else { "False" };
        let header = format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': ({rows}, 7), }}");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend(118u16.to_le_bytes());
        file.extend(format!("{header:<117}\n").bytes());
        file.extend(data);
        file
    }

    #[test]
    fn any_integer_type_and_both_orders() {
        let want = named("adversarialnas").unwrap();
        let flat = ADVERSARIAL_NAS.concat();
        let turned: Vec<u8> = (0..21).map(|k| ADVERSARIAL_NAS[k % 3][k / 3]).collect();
        let path = Path::new("g.npy");
        let read = |bytes: Vec<u8>| GanGenotype::from_npy(path, &bytes, Part::Generator).unwrap();
        assert_eq!(read(npy("|u1", false, 3, &flat)), want);
        assert_eq!(read(npy("|u1", true, 3, &turned)), want);
        let i64s: Vec<u8> = flat.iter().flat_map(|&g| i64::from(g).to_le_bytes()).collect();
        assert_eq!(read(npy("<i8", false, 3, &i64s)), want);
        let i32s: Vec<u8> = turned.iter().flat_map(|&g| i32::from(g).to_be_bytes()).collect();
        assert_eq!(read(npy(">i4", true, 3, &i32s)), want);
    }

    #[test]
    fn written_arrays_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for (name, part) in [("eagan", Part::Generator), ("eagan-d-stl10", Part::Discriminator)] {
            let genotype = named(name).unwrap();
            genotype.save_npy(&path, part).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(GanGenotype::from_npy(&path, &bytes, part).unwrap(), genotype);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn wrong_arrays_are_refused() {
        let path = Path::new("g.npy");
        let reason =
            |bytes: &[u8]| GanGenotype::from_npy(path, bytes, Part::Generator).unwrap_err().to_string();
        assert!(reason(b"hello").contains("g.npy: not a .npy file"));
        assert!(reason(&npy("|u1", false, 3, &[0; 20])).contains("20 bytes of values"));
        let halves: Vec<u8> = [0.5f32; 21].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(reason(&npy("<f4", false, 3, &halves)).contains("genes are integers"));
        assert!(reason(&npy("|u1", false, 4, &[0; 28])).contains("4 rows of genes, there must be 3"));
        assert!(reason(&npy("|u1", false, 3, &[9; 21])).contains("cell 1: gene 0 (edge 0->1) is 9"));
    }
}
