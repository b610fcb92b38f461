//! Genotypes as the `.npy` integer arrays of the published repositories.

use super::cell::{CellKind, GENES};
use super::gan::{Family, GanGenotype, Part};
use super::json::{discriminator_from_rows, rows_of};
use crate::Error;
use crate::formats::atomic;
use npyz::{DType, NpyFile, Order, TypeChar};
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
                    generator: Some(std::array::from_fn(|cell| rows[cell].map(|g| g as u8))),
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
            Part::Generator => ("|u1", 3, self.require_generator()?.concat()),
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
        let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({rows}, {GENES}), }}");
        // Magic, version, length and header together fill a multiple of 64 bytes, the last of which is a newline.
        let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((padded as u16).to_le_bytes());
        file.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
        file.extend(data);
        atomic::write(path.as_ref(), &file)
    }
}

/// The rows of a two-dimensional integer array of any width, byte order and storage order.
fn read_rows(path: &Path, bytes: &[u8]) -> Result<Vec<Vec<i64>>, Error> {
    let broken = |error: std::io::Error| Error::format(path, format!("not a whole .npy array: {error}"));
    let file = NpyFile::new(bytes).map_err(broken)?;
    let shape = file.shape().to_vec();
    let [rows, columns] = shape[..] else {
        return Err(Error::format(
            path,
            format!("the array has shape {shape:?}, genes are [cells, {GENES}]"),
        ));
    };
    if rows > 4 || columns != GENES as u64 {
        return Err(Error::format(
            path,
            format!("the array has shape {shape:?}, genes are [3, {GENES}] or [4, {GENES}]"),
        ));
    }
    let order = file.order();
    let (rows, columns) = (rows as usize, columns as usize);
    let flat = integers(path, file)?.map_err(broken)?;
    let at = |i: usize, j: usize| match order {
        Order::C => flat[i * columns + j],
        Order::Fortran => flat[j * rows + i],
    };
    Ok((0..rows).map(|i| (0..columns).map(|j| at(i, j)).collect()).collect())
}

fn integers(path: &Path, file: NpyFile<&[u8]>) -> Result<std::io::Result<Vec<i64>>, Error> {
    fn widen<T: npyz::Deserialize>(file: NpyFile<&[u8]>, cast: fn(T) -> i64) -> std::io::Result<Vec<i64>> {
        Ok(file.into_vec::<T>()?.into_iter().map(cast).collect())
    }
    let dtype = file.dtype();
    let kind = match &dtype {
        DType::Plain(ty) => Some((ty.type_char(), ty.size_field())),
        DType::Array(..) | DType::Record(_) => None,
    };
    Ok(match kind {
        Some((TypeChar::Int, 1)) => widen::<i8>(file, i64::from),
        Some((TypeChar::Int, 2)) => widen::<i16>(file, i64::from),
        Some((TypeChar::Int, 4)) => widen::<i32>(file, i64::from),
        Some((TypeChar::Int, 8)) => widen::<i64>(file, |v| v),
        Some((TypeChar::Uint, 1)) => widen::<u8>(file, i64::from),
        Some((TypeChar::Uint, 2)) => widen::<u16>(file, i64::from),
        Some((TypeChar::Uint, 4)) => widen::<u32>(file, i64::from),
        // Beyond i64 a gene is out of range either way.
        Some((TypeChar::Uint, 8)) => widen::<u64>(file, |v| i64::try_from(v).unwrap_or(i64::MAX)),
        _ => {
            let reason = format!("the array has type {}, genes are integers", dtype.descr());
            return Err(Error::format(path, reason));
        }
    })
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
        assert!(reason(b"hello").contains("g.npy: not a whole .npy array"));
        assert!(reason(&npy("|u1", false, 3, &[0; 20])).contains("not a whole"));
        assert!(reason(&npy("<f4", false, 3, &[0; 84])).contains("genes are integers"));
        assert!(reason(&npy("|u1", false, 4, &[0; 28])).contains("4 rows of genes, there must be 3"));
        assert!(reason(&npy("|u1", false, 3, &[9; 21])).contains("cell 1: gene 0 (edge 0->1) is 9"));
    }
}
