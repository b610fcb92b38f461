//! Everything a run needs to go on, in one checked file.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::formats::{Floats, NamedArrays};
use crate::{Device, Error, Tensor};

/// The state of a run after a step: named arrays, and small values as JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    step: u64,
    arrays: NamedArrays,
    state: Map<String, Value>,
}

/// How much of the run's files belongs to a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Covered {
    /// Bytes of the journal.
    pub journal: u64,
    /// Checksum of these bytes.
    pub journal_crc: u32,
    /// Bytes of the metrics.
    pub metrics: u64,
}

const KIND: &str = "ganas-snapshot-1";

impl Snapshot {
    /// An empty snapshot of the state after `step` steps.
    pub fn new(step: u64) -> Snapshot {
        Snapshot { step, ..Snapshot::default() }
    }

    /// Whether a file with these arrays is a snapshot, whole or damaged.
    pub fn is_in(arrays: &NamedArrays) -> bool {
        arrays.metadata.get("kind").is_some_and(|kind| kind == KIND)
    }

    /// Steps done when it was taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Bytes of all arrays that do not lie beside the tensors of a device.
    pub fn bytes(&self) -> u64 {
        self.arrays.iter().map(|(_, array)| array.values.bytes()).sum()
    }

    /// The arrays.
    pub fn arrays(&self) -> &NamedArrays {
        &self.arrays
    }

    /// Keeps host values.
    ///
    /// # Panics
    /// If the number of values is not the product of `shape`.
    #[track_caller]
    pub fn put(&mut self, name: impl Into<String>, shape: &[usize], values: impl Into<Floats>) {
        self.arrays.insert(name, shape, values);
    }

    /// Keeps all of `arrays`; their text is left out.
    pub fn put_all(&mut self, arrays: NamedArrays) {
        self.arrays.extend(arrays);
    }

    /// Keeps the values of a tensor; waits for the device.
    ///
    /// # Errors
    /// If the device failed.
    pub fn put_tensor(&mut self, name: impl Into<String>, tensor: &Tensor) -> Result<(), Error> {
        let values = tensor.to_host()?;
        self.arrays.insert(name, &tensor.shape(), values);
        Ok(())
    }

    /// Values of this name and shape.
    ///
    /// # Errors
    /// If they are missing or have another shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<&[f32], Error> {
        self.arrays.expect(name, shape)
    }

    /// Values of this name and shape as a tensor without history.
    ///
    /// # Errors
    /// If they are missing or have another shape.
    pub fn tensor(&self, device: &Device, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let values = self.get(name, shape)?;
        Ok(Tensor::from_slice(device, shape, values))
    }

    /// Keeps a small value: a counter, the state of a generator, a genotype.
    ///
    /// # Errors
    /// If it has no JSON form (a map with keys that are not text).
    pub fn put_state(&mut self, key: &str, value: &impl Serialize) -> Result<(), Error> {
        let value =
            serde_json::to_value(value).map_err(|e| Error::weights(key, format!("cannot be stored: {e}")))?;
        self.state.insert(key.to_owned(), value);
        Ok(())
    }

    /// The small value kept under `key`.
    ///
    /// # Errors
    /// If it is missing or of another form.
    pub fn state<T: DeserializeOwned>(&self, key: &str) -> Result<T, Error> {
        let value = self.state.get(key);
        let value = value.ok_or_else(|| Error::weights(key, "is missing from the snapshot's state"))?;
        T::deserialize(value)
            .map_err(|e| Error::weights(key, format!("the snapshot's state does not fit: {e}")))
    }

    /// Whether a small value is kept under `key`.
    pub fn has_state(&self, key: &str) -> bool {
        self.state.contains_key(key)
    }

    /// Keeps a whole other snapshot under names that begin with `prefix`.
    ///
    /// # Errors
    /// Never for a snapshot that was made by these functions.
    pub fn embed(&mut self, prefix: &str, other: &Snapshot) -> Result<(), Error> {
        for (name, array) in other.arrays.iter() {
            self.put(format!("{prefix}{name}"), &array.shape, array.values.clone());
        }
        self.put_state(prefix, &(other.step, &other.state))
    }

    /// The snapshot that was kept under `prefix`, if there is one.
    ///
    /// # Errors
    /// If its small values do not have the form of a snapshot.
    pub fn embedded(&self, prefix: &str) -> Result<Option<Snapshot>, Error> {
        if !self.has_state(prefix) {
            return Ok(None);
        }
        let (step, state): (u64, Map<String, Value>) = self.state(prefix)?;
        let mut arrays = NamedArrays::new();
        for (name, array) in self.arrays.iter() {
            if let Some(name) = name.strip_prefix(prefix) {
                arrays.insert(name, &array.shape, array.values.clone());
            }
        }
        Ok(Some(Snapshot { step, arrays, state }))
    }

    /// Reads and checks a snapshot file.
    ///
    /// # Errors
    /// If it cannot be read, is no snapshot, or its content does not have the checksum it was written with.
    pub fn read(path: &Path) -> Result<Snapshot, Error> {
        Ok(Snapshot::read_covered(path)?.0)
    }

    /// The snapshot in the content of the file `path`, see [`Snapshot::is_in`].
    ///
    /// # Errors
    /// If it is no snapshot, or does not have the checksum it was written with.
    pub fn of_arrays(path: &Path, arrays: NamedArrays) -> Result<Snapshot, Error> {
        Ok(Snapshot::checked(path, arrays)?.0)
    }

    pub(super) fn read_covered(path: &Path) -> Result<(Snapshot, Covered), Error> {
        Snapshot::checked(path, NamedArrays::read(path)?)
    }

    fn checked(path: &Path, mut arrays: NamedArrays) -> Result<(Snapshot, Covered), Error> {
        if arrays.metadata.remove("kind").as_deref() != Some(KIND) {
            return Err(Error::format(path, "not a snapshot of a run (a weights file?)"));
        }
        let mut text = |key: &str| {
            let text = arrays.metadata.remove(key);
            text.ok_or_else(|| Error::format(path, format!("damaged: no `{key}` in the header")))
        };
        let stored = text("crc32")?;
        let fields =
            [text("step")?, text("journal")?, text("journal_crc32")?, text("metrics")?, text("state")?];
        if stored != format!("{:08x}", checksum(&arrays, &fields)) {
            return Err(Error::format(
                path,
                "damaged: the content does not have the checksum it was written with",
            ));
        }
        let [step, journal, journal_crc, metrics, state] = &fields;
        let damaged = |e: &dyn std::fmt::Display| Error::format(path, format!("damaged header: {e}"));
        let covered = Covered {
            journal: journal.parse().map_err(|e| damaged(&e))?,
            journal_crc: journal_crc.parse().map_err(|e| damaged(&e))?,
            metrics: metrics.parse().map_err(|e| damaged(&e))?,
        };
        let snapshot = Snapshot {
            step: step.parse().map_err(|e| damaged(&e))?,
            state: serde_json::from_str(state).map_err(|e| damaged(&e))?,
            arrays,
        };
        Ok((snapshot, covered))
    }

    /// Replaces the file at `path` by this snapshot.
    pub(super) fn write(mut self, path: &Path, covered: Covered) -> Result<(), Error> {
        let fields = [
            self.step.to_string(),
            covered.journal.to_string(),
            covered.journal_crc.to_string(),
            covered.metrics.to_string(),
            Value::Object(self.state).to_string(),
        ];
        let crc = checksum(&self.arrays, &fields);
        let keys = ["step", "journal", "journal_crc32", "metrics", "state"];
        let metadata = &mut self.arrays.metadata;
        metadata.insert("kind".to_owned(), KIND.to_owned());
        metadata.insert("crc32".to_owned(), format!("{crc:08x}"));
        metadata.extend(keys.map(str::to_owned).into_iter().zip(fields));
        self.arrays.write(path)
    }
}

/// CRC-32 over every text, name, shape and value, each text with its length so that no two contents read alike.
fn checksum(arrays: &NamedArrays, fields: &[String]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    let text = |crc: &mut crc32fast::Hasher, text: &str| {
        crc.update(&(text.len() as u64).to_le_bytes());
        crc.update(text.as_bytes());
    };
    for field in fields {
        text(&mut crc, field);
    }
    for (name, array) in arrays.iter() {
        text(&mut crc, name);
        text(&mut crc, &format!("{:?}", array.shape));
        let Ok(()) = array.bytes(|piece| {
            crc.update(piece);
            Ok::<(), std::convert::Infallible>(())
        });
    }
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.safetensors");
        let mut snapshot = Snapshot::new(7);
        snapshot.put("w", &[2, 2], vec![1.0, -0.0, f32::NAN, 4.0]);
        snapshot.put_state("rng", &crate::Rng::seed(3)).unwrap();
        let covered = Covered {
            journal: 12,
            journal_crc: u32::MAX,
            metrics: 1 << 40,
        };
        snapshot.clone().write(&path, covered).unwrap();
        let (read, lengths) = Snapshot::read_covered(&path).unwrap();
        assert_eq!((read.step(), lengths), (7, covered));
        assert_eq!(read.state::<crate::Rng>("rng").unwrap(), crate::Rng::seed(3));
        assert!(read.get("w", &[2, 2]).unwrap()[2].is_nan());
        assert!(read.state::<u64>("none").is_err());

        let bytes = fs::read(&path).unwrap();
        let bits =
            |s: &Snapshot| s.get("w", &[2, 2]).unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for at in 0..bytes.len() * 8 {
            let mut broken = bytes.clone();
            broken[at / 8] ^= 1 << (at % 8);
            fs::write(&path, &broken).unwrap();
            // A flip in the padding or of a letter's case in an escape may leave the meaning as it was.
            if let Ok((s, c)) = Snapshot::read_covered(&path) {
                assert_eq!(
                    (s.step, &s.state, bits(&s), c),
                    (7, &read.state, bits(&read), covered),
                    "bit {at}"
                );
            }
        }
        for end in 0..bytes.len() {
            fs::write(&path, &bytes[..end]).unwrap();
            assert!(Snapshot::read(&path).is_err());
        }
    }
}
