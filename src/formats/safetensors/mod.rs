//! Named arrays in the safetensors format: an 8-byte length, a JSON header, raw little-endian values.

mod header;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::atomic;
use super::floats::Floats;
use super::numbers::NumberArray;
use crate::Error;

/// Values with a shape, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes along each axis, outermost first.
    pub shape: Vec<usize>,
    /// As many values as the product of the sizes.
    pub values: Floats,
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
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: impl Into<Floats>) {
        let (name, values) = (name.into(), values.into());
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

    /// Adds or replaces all arrays of `more`; its text is left out.
    pub fn extend(&mut self, more: NamedArrays) {
        self.arrays.extend(more.arrays);
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
        let mut all = NamedArrays::new();
        let metadata = header::read(bytes, &mut |entry| {
            if all.arrays.contains_key(&*entry.name) {
                return Err("another array has this name".to_owned());
            }
            let values = entry.stored()?.read_f32(entry.data).into();
            let shape = entry.shape;
            all.arrays.insert(entry.name.into_owned(), Array { shape, values });
            Ok(())
        });
        all.metadata = metadata.map_err(|reason| broken(path, &reason))?;
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
    ///
    /// # Errors
    /// If `out` refuses them.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
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

fn broken(path: &Path, reason: &str) -> Error {
    Error::format(path, format!("not a whole safetensors file: {reason}"))
}

/// Names of the arrays in a file, without reading them.
///
/// # Errors
/// If `bytes` are not a whole safetensors file.
pub fn names(path: &Path, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let read = header::read(bytes, &mut |entry| {
        names.push(entry.name.into_owned());
        Ok(())
    });
    read.map_err(|reason| broken(path, &reason))?;
    Ok(names)
}

/// The array `name` in the precision it is stored in, if there is one; the others are not converted.
///
/// # Errors
/// If `bytes` are not a whole safetensors file, or the array holds a type that has no meaning as numbers.
pub fn read_numbers(path: &Path, bytes: &[u8], name: &str) -> Result<Option<NumberArray>, Error> {
    let mut found = None;
    let read = header::read(bytes, &mut |entry| {
        if entry.name != name {
            return Ok(());
        }
        if found.is_some() {
            return Err("another array has this name".to_owned());
        }
        let values = entry.stored()?.read(entry.data);
        found = Some(NumberArray { shape: entry.shape, values });
        Ok(())
    });
    read.map_err(|reason| broken(path, &reason))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

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

    fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn arrays_that_share_leave_out_or_exceed_bytes_are_refused() {
        let one = |name: &str, shape: &str, offsets: &str| {
            format!(r#""{name}":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{offsets}]}}"#)
        };
        let refused = |entries: &[String]| {
            let bytes = with_header(&format!("{{{}}}", entries.join(",")), &[0; 8]);
            NamedArrays::parse(Path::new("x"), &bytes).unwrap_err().to_string()
        };
        assert!(refused(&[one("a", "1", "0,4"), one("b", "1", "0,4")]).contains("no array holds"));
        assert!(refused(&[one("a", "2", "0,8"), one("b", "1", "4,8")]).contains("shares its bytes"));
        assert!(refused(&[one("a", "1", "0,4")]).contains("its arrays have 4"));
        assert!(refused(&[one("a", "3", "0,12")]).contains("beyond the file"));
        assert!(refused(&[one("a", "3", "0,8")]).contains("do not fit the shape"));
        assert!(refused(&[one("a", "4294967296,4294967296", "0,8")]).contains("do not fit the shape"));
        assert!(refused(&[one("a", "2", "0,8"), one("a", "0", "0,0")]).contains("has this name"));
        assert!(refused(&[r#""a":{"dtype":"F32","shape":[2]}"#.to_owned()]).contains("no data_offsets"));
    }

    #[test]
    fn a_long_shape_takes_no_memory_and_is_refused() {
        let shape = "0,".repeat(200_000);
        let header = format!(r#"{{"a":{{"dtype":"F32","shape":[{shape}0],"data_offsets":[0,0]}}}}"#);
        let text = NamedArrays::parse(Path::new("x"), &with_header(&header, &[]))
            .unwrap_err()
            .to_string();
        assert!(text.contains("more than 64 sizes"), "{text}");
    }

    #[test]
    fn one_array_is_read_in_its_own_precision_whatever_the_others_are() {
        let header = r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[8,10]}}"#;
        let data = [&0.1_f64.to_le_bytes()[..], &[1, 2]].concat();
        let bytes = with_header(header, &data);
        let read = |name| read_numbers(Path::new("x"), &bytes, name);
        assert_eq!(read("a").unwrap(), Some(NumberArray::new(&[1], crate::formats::Values::F64(vec![0.1]))));
        assert_eq!(read("c").unwrap(), None);
        assert!(read("b").unwrap_err().to_string().contains("F8_E4M3"));
        assert_eq!(names(Path::new("x"), &bytes).unwrap(), ["a", "b"]);
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
