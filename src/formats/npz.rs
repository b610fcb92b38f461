//! NumPy's `.npz` archives of named `.npy` arrays.

use std::path::{Path, PathBuf};

use super::archive::{self, Archive};
use super::{NumberArray, npy};
use crate::Error;

/// An archive whose arrays are read one at a time.
pub struct Npz<'a> {
    path: PathBuf,
    archive: Archive<'a>,
}

impl<'a> Npz<'a> {
    /// Reads the directory of the bytes of an `.npz` file; `path` serves error texts.
    ///
    /// # Errors
    /// If it is no whole zip archive.
    pub fn parse(path: &Path, bytes: &'a [u8]) -> Result<Npz<'a>, Error> {
        Ok(Npz {
            path: path.to_path_buf(),
            archive: Archive::parse(path, bytes)?,
        })
    }

    /// Names of the arrays.
    pub fn names(&self) -> Vec<String> {
        self.archive
            .names()
            .map(|name| name.strip_suffix(".npy").unwrap_or(name).to_owned())
            .collect()
    }

    /// Whether there is an array `name`.
    pub fn has(&self, name: &str) -> bool {
        self.archive.has(&format!("{name}.npy"))
    }

    /// The array `name`, if there is one.
    ///
    /// # Errors
    /// If it is damaged or holds something else than numbers.
    pub fn get(&self, name: &str) -> Result<Option<NumberArray>, Error> {
        let Some(bytes) = self.archive.member(&format!("{name}.npy"))? else {
            return Ok(None);
        };
        // The offset of an error counts from the start of the member.
        npy::parse(&self.path.join(name), &bytes).map(Some)
    }
}

/// Replaces the file at `path` by an archive of `arrays`, as `numpy.savez_compressed` would or, without compression, as
/// `numpy.savez`.
///
/// # Errors
/// If the system refuses; the old content then remains.
pub fn write(path: &Path, arrays: &[(&str, &NumberArray)], compressed: bool) -> Result<(), Error> {
    let members: Vec<_> = arrays
        .iter()
        .map(|(name, array)| (format!("{name}.npy"), npy::to_bytes(array)))
        .collect();
    archive::write(path, &members, compressed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Values;

    #[test]
    fn what_is_written_is_read_back_stored_and_deflated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        let mu = NumberArray::new(&[3], Values::F64(vec![1.0, -2.0, 1e300]));
        let sigma = NumberArray::new(&[20, 20], Values::F32((0..400).map(|i| (i / 9) as f32).collect()));
        for compressed in [false, true] {
            write(&path, &[("mu", &mu), ("sigma", &sigma)], compressed).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let npz = Npz::parse(&path, &bytes).unwrap();
            assert_eq!(npz.names(), ["mu", "sigma"]);
            assert_eq!(npz.get("sigma").unwrap().unwrap(), sigma);
            assert_eq!(npz.get("mu").unwrap().unwrap(), mu);
            assert!(npz.get("features").unwrap().is_none() && npz.has("mu") && !npz.has("m"));
            write(&path, &[("mu", &mu), ("sigma", &sigma)], compressed).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let stored = include_bytes!("../../formats-tests/seeds/stored.npz");
        let deflated = include_bytes!("../../formats-tests/seeds/deflated.npz");
        for bytes in [&stored[..], deflated] {
            let npz = Npz::parse(Path::new("x.npz"), bytes).unwrap();
            assert_eq!(npz.names(), ["mu", "sigma"]);
            let mu = NumberArray::new(&[2], Values::F64(vec![0.5, -1.0]));
            assert_eq!(npz.get("mu").unwrap(), Some(mu));
            let sigma = NumberArray::new(&[2, 2], Values::F64(vec![2.0, 0.25, 0.25, 1.0]));
            assert_eq!(npz.get("sigma").unwrap(), Some(sigma));
        }
        let image = include_bytes!("../../formats-tests/seeds/image.npz");
        let npz = Npz::parse(Path::new("x.npz"), image).unwrap();
        let pixels = npz.get("image").unwrap().unwrap();
        assert_eq!((pixels.shape, pixels.values), (vec![1, 16, 16, 3], Values::F32(vec![0.0; 768])));
    }

    #[test]
    fn damage_is_an_error_with_the_name_of_the_member() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        let array = NumberArray::new(&[40], Values::F32(vec![0.5; 40]));
        for compressed in [false, true] {
            write(&path, &[("features", &array)], compressed).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let mut broken = bytes.clone();
            broken[60] ^= 1;
            let text = Npz::parse(&path, &broken)
                .and_then(|npz| npz.get("features"))
                .unwrap_err()
                .to_string();
            assert!(text.contains("`features.npy`") && text.contains("again"), "{text}");
            let text = Npz::parse(&path, &bytes[..bytes.len() - 30]).err().unwrap().to_string();
            assert!(text.contains("x.npz") && text.contains("fetch it again"), "{text}");
        }
    }
}
