//! Named arrays in the safetensors format: an 8-byte length, a JSON header, raw little-endian values.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use super::atomic;
use super::numbers::{NumberArray, Stored};
use crate::Error;

/// Values with a shape, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes along each axis, outermost first.
    pub shape: Vec<usize>,
    /// As many values as the product of the sizes.
    pub values: Vec<f32>,
}

/// Arrays by name, and text by key, both in the order of their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedArrays {
    /// Text that describes the file.
    pub metadata: BTreeMap<String, String>,
    arrays: BTreeMap<String, Array>,
}

impl NamedArrays {
    /// No arrays, no text.
    pub fn new() -> NamedArrays {
        NamedArrays::default()
    }

    /// Adds or replaces the array `name`.
    ///
    /// # Panics
    /// If the number of values is not the product of `shape`, or `name` is the one the format keeps for its metadata.
    #[track_caller]
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) {
        let name = name.into();
        assert!(name != METADATA, "safetensors: `{METADATA}` cannot name an array");
        assert!(
            shape.iter().product::<usize>() == values.len(),
            "array `{name}`: shape {shape:?} does not hold {} values",
            values.len()
        );
        let shape = shape.to_vec();
        self.arrays.insert(name, Array { shape, values });
    }

    /// The array `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    /// The values of the array `name`, which must have this shape.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is missing or has another shape.
    pub fn expect(&self, name: &str, shape: &[usize]) -> Result<&[f32], Error> {
        let Some(found) = self.get(name) else {
            return Err(Error::weights(name, format!("is missing; {shape:?} was expected")));
        };
        if found.shape != shape {
            let reason = format!("has shape {:?}, expected {shape:?}", found.shape);
            return Err(Error::weights(name, reason));
        }
        Ok(&found.values)
    }

    /// Takes the array `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Array> {
        self.arrays.remove(name)
    }

    /// All arrays in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Number of arrays.
    pub fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Whether there is no array.
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }

    /// Reads the file at `path`; values of other types are converted to `f32`.
    ///
    /// # Errors
    /// If it cannot be read, is not a whole safetensors file, or holds a type that has no `f32` meaning.
    pub fn read(path: &Path) -> Result<NamedArrays, Error> {
        let bytes = fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
        NamedArrays::parse(path, &bytes)
    }

    /// Reads the content of a file; `path` serves the error text.
    ///
    /// # Errors
    /// If it is not a whole safetensors file, or holds a type that has no `f32` meaning.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<NamedArrays, Error> {
        let bad = |e| Error::format(path, format!("not a whole safetensors file: {e}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(bad)?;
        let mut all = NamedArrays::new();
        for (key, text) in header.metadata().iter().flatten() {
            all.metadata.insert(key.clone(), text.clone());
        }
        for (name, view) in SafeTensors::deserialize(bytes).map_err(bad)?.iter() {
            let stored =
                stored(&view).map_err(|reason| Error::format(path, format!("tensor `{name}`: {reason}")))?;
            let values = stored.read_f32(view.data());
            let shape = view.shape().to_vec();
            all.arrays.insert(name.to_owned(), Array { shape, values });
        }
        Ok(all)
    }

    /// Replaces the file at `path`. The same arrays and text always give the same bytes.
    ///
    /// # Errors
    /// If the system refuses; the old content then remains.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        atomic::write_with(path, |out| self.write_to(out))
    }

    /// Writes the bytes of a file to `out`.
    fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let header = self.header().to_string();
        // Readers that map the file into memory want the values at a multiple of 8.
        let padded = header.len().next_multiple_of(8);
        out.write_all(&(padded as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        out.write_all(&b" ".repeat(padded - header.len()))?;
        for array in self.arrays.values() {
            array.bytes(|chunk| out.write_all(chunk))?;
        }
        Ok(())
    }

    /// The header; written here and not by the crate, whose order of metadata keys changes from run to run.
    fn header(&self) -> Value {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert(METADATA.to_owned(), json!(self.metadata));
        }
        let mut start = 0;
        for (name, array) in &self.arrays {
            let end = start + 4 * array.values.len();
            let entry = json!({"dtype": "F32", "shape": array.shape, "data_offsets": [start, end]});
            header.insert(name.clone(), entry);
            start = end;
        }
        Value::Object(header)
    }
}

impl Array {
    /// Hands the little-endian bytes of the values to `take`, piece by piece.
    pub fn bytes<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut piece = Vec::with_capacity(1 << 16);
        for values in self.values.chunks(1 << 14) {
            piece.clear();
            piece.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            take(&piece)?;
        }
        Ok(())
    }
}

/// The key of the header that holds text and no array.
const METADATA: &str = "__metadata__";

/// How the values of `view` are stored.
fn stored(view: &TensorView) -> Result<Stored, String> {
    Ok(match view.dtype() {
        Dtype::F32 => Stored::F32,
        Dtype::F64 => Stored::F64,
        Dtype::F16 => Stored::F16,
        Dtype::BF16 => Stored::Bf16,
        Dtype::U8 | Dtype::BOOL => Stored::U8,
        Dtype::I8 => Stored::I8,
        Dtype::U16 => Stored::U16,
        Dtype::I16 => Stored::I16,
        Dtype::U32 => Stored::U32,
        Dtype::I32 => Stored::I32,
        Dtype::U64 => Stored::U64,
        Dtype::I64 => Stored::I64,
        other => return Err(format!("type {other} is not read; store it as F32")),
    })
}

/// Names of the arrays in a file, without reading them.
///
/// # Errors
/// If `bytes` are not a whole safetensors file.
pub fn names(path: &Path, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|e| Error::format(path, format!("not a whole safetensors file: {e}")))?;
    Ok(file.names().into_iter().map(String::from).collect())
}

/// The array `name` in the precision it is stored in, if there is one; the others are not converted.
///
/// # Errors
/// If `bytes` are not a whole safetensors file, or the array holds a type that has no meaning as numbers.
pub fn read_numbers(path: &Path, bytes: &[u8], name: &str) -> Result<Option<NumberArray>, Error> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|e| Error::format(path, format!("not a whole safetensors file: {e}")))?;
    let Ok(view) = file.tensor(name) else {
        return Ok(None);
    };
    let stored = stored(&view).map_err(|reason| Error::format(path, format!("tensor `{name}`: {reason}")))?;
    Ok(Some(NumberArray {
        shape: view.shape().to_vec(),
        values: stored.read(view.data()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> NamedArrays {
        let mut all = NamedArrays::new();
        all.insert("b", &[2, 3], vec![0.0, -1.5, f32::MAX, f32::MIN_POSITIVE, 1e-45, 3.25]);
        all.insert("a", &[], vec![7.0]);
        all.insert("none", &[0, 4], vec![]);
        for key in ["z", "y", "x", "w"] {
            all.metadata.insert(key.into(), format!("\"{key}\" text"));
        }
        all
    }

    #[test]
    fn what_is_written_is_read_back_and_equal_content_gives_equal_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.safetensors");
        some().write(&path).unwrap();
        assert_eq!(NamedArrays::read(&path).unwrap(), some());
        let bytes = fs::read(&path).unwrap();
        some().write(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert!(some().expect("b", &[2, 3]).is_ok());
        let text = some().expect("b", &[3, 2]).unwrap_err().to_string();
        assert!(text.contains("`b`") && text.contains("[2, 3]") && text.contains("[3, 2]"), "{text}");
        assert!(some().expect("c", &[1]).is_err());
    }

    #[test]
    fn every_truncation_and_every_broken_header_is_an_error_with_the_path() {
        let mut bytes = Vec::new();
        some().write_to(&mut bytes).unwrap();
        let path = Path::new("some/w.safetensors");
        for end in 0..bytes.len() {
            let text = NamedArrays::parse(path, &bytes[..end]).unwrap_err().to_string();
            assert!(text.contains("some/w.safetensors"), "{text}");
        }
        for at in 0..bytes.len() - 28 {
            let mut broken = bytes.clone();
            broken[at] ^= 0x15;
            // Either an error or other names: what must not happen is a panic.
            let _read = NamedArrays::parse(path, &broken);
        }
        let missing = NamedArrays::read(Path::new("no/such/file")).unwrap_err().to_string();
        assert!(missing.contains("no/such/file") && missing.contains("read"), "{missing}");
    }

    #[test]
    fn other_types_are_converted() {
        let cases: [(Dtype, Vec<u8>, [f32; 2]); 7] = [
            (Dtype::F64, [2.5f64, -3.0].iter().flat_map(|v| v.to_le_bytes()).collect(), [2.5, -3.0]),
            (
                Dtype::F16,
                [0x3c00u16, 0xc500].iter().flat_map(|v| v.to_le_bytes()).collect(),
                [1.0, -5.0],
            ),
            (
                Dtype::BF16,
                [0x3f80u16, 0xc0a0].iter().flat_map(|v| v.to_le_bytes()).collect(),
                [1.0, -5.0],
            ),
            (Dtype::U8, vec![0, 255], [0.0, 255.0]),
            (Dtype::I32, [-1i32, 9].iter().flat_map(|v| v.to_le_bytes()).collect(), [-1.0, 9.0]),
            (Dtype::I64, [-1i64, 9].iter().flat_map(|v| v.to_le_bytes()).collect(), [-1.0, 9.0]),
            (Dtype::BOOL, vec![0, 1], [0.0, 1.0]),
        ];
        for (dtype, data, want) in cases {
            let view = TensorView::new(dtype, vec![2], &data).unwrap();
            let bytes = safetensors::serialize([("x", view)], None).unwrap();
            let read = NamedArrays::parse(Path::new("x"), &bytes).unwrap();
            assert_eq!(read.expect("x", &[2]).unwrap(), want, "{dtype}");
        }
        let view = TensorView::new(Dtype::F8_E4M3, vec![2], &[1, 2]).unwrap();
        let bytes = safetensors::serialize([("x", view)], None).unwrap();
        let text = NamedArrays::parse(Path::new("x"), &bytes).unwrap_err().to_string();
        assert!(text.contains("`x`") && text.contains("F32"), "{text}");
    }
}
