//! Checkpoints as `torch.save` writes them: a zip archive of a pickle and of raw storages.

use std::path::Path;

use super::super::{Array, archive};
use crate::Error;

/// A value of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A tensor of `f32`.
    Floats(Array),
    /// A tensor of `i64`, such as a counter: shape and values.
    Integers(Vec<usize>, Vec<i64>),
    /// An ordered dictionary.
    Dict(Vec<(String, Item)>),
}

/// Replaces the file at `path` by a checkpoint that `torch.load` reads, also with `weights_only=True`.
///
/// # Errors
/// If the system refuses; the old content then remains.
pub fn write(path: &Path, item: &Item) -> Result<(), Error> {
    let mut pickler = Pickler::default();
    pickler.bytes.extend(b"\x80\x02");
    pickler.item(item);
    pickler.bytes.push(b'.');
    let mut members = vec![
        ("archive/data.pkl".to_owned(), pickler.bytes),
        ("archive/byteorder".to_owned(), b"little".to_vec()),
    ];
    for (key, storage) in pickler.storages.into_iter().enumerate() {
        members.push((format!("archive/data/{key}"), storage));
    }
    members.push(("archive/version".to_owned(), b"3\n".to_vec()));
    archive::write(path, &members, false)
}

#[derive(Default)]
struct Pickler {
    bytes: Vec<u8>,
    storages: Vec<Vec<u8>>,
}

/// Instructions of the pickle machine that are used here.
mod op {
    pub const MARK: u8 = b'(';
    pub const TUPLE: u8 = b't';
    pub const EMPTY_TUPLE: u8 = b')';
    pub const REDUCE: u8 = b'R';
    pub const SET_ITEMS: u8 = b'u';
    pub const PERSISTENT_ID: u8 = b'Q';
    pub const FALSE: u8 = 0x89;
    pub const INT: u8 = b'J';
    pub const LONG: u8 = 0x8a;
}

impl Pickler {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Dict(entries) => {
                self.empty_dict();
                self.bytes.push(op::MARK);
                for (key, value) in entries {
                    self.text(key);
                    self.item(value);
                }
                self.bytes.push(op::SET_ITEMS);
            }
            Item::Floats(array) => {
                let raw = array.values.iter().flat_map(|v| v.to_le_bytes()).collect();
                self.tensor("FloatStorage", &array.shape, array.values.len(), raw);
            }
            Item::Integers(shape, values) => {
                let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                self.tensor("LongStorage", shape, values.len(), raw);
            }
        }
    }

    fn tensor(&mut self, storage: &str, shape: &[usize], len: usize, raw: Vec<u8>) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.bytes.push(op::MARK);
        self.bytes.push(op::MARK);
        self.text("storage");
        self.global("torch", storage);
        self.text(&self.storages.len().to_string());
        self.text("cpu");
        self.integer(len);
        self.bytes.push(op::TUPLE);
        self.bytes.push(op::PERSISTENT_ID);
        // The tensor begins at the storage's first element and lies row by row.
        self.integer(0);
        self.integers(shape.iter().copied());
        let strides = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product());
        self.integers(strides);
        self.bytes.push(op::FALSE);
        self.empty_dict();
        self.bytes.push(op::TUPLE);
        self.bytes.push(op::REDUCE);
        self.storages.push(raw);
    }

    fn empty_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.bytes.push(op::EMPTY_TUPLE);
        self.bytes.push(op::REDUCE);
    }

    fn global(&mut self, module: &str, name: &str) {
        self.bytes.extend(format!("c{module}\n{name}\n").bytes());
    }

    fn text(&mut self, text: &str) {
        self.bytes.push(b'X');
        self.bytes.extend((text.len() as u32).to_le_bytes());
        self.bytes.extend(text.bytes());
    }

    fn integer(&mut self, value: usize) {
        match i32::try_from(value) {
            Ok(value) => {
                self.bytes.push(op::INT);
                self.bytes.extend(value.to_le_bytes());
            }
            // No tensor has as many elements as would make this negative.
            Err(_) => {
                self.bytes.extend([op::LONG, 8]);
                self.bytes.extend((value as u64).to_le_bytes());
            }
        }
    }

    fn integers(&mut self, values: impl Iterator<Item = usize>) {
        self.bytes.push(op::MARK);
        values.for_each(|value| self.integer(value));
        self.bytes.push(op::TUPLE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pth");
        let array = |shape: &[usize], values: &[f32]| Array {
            shape: shape.to_vec(),
            values: values.to_vec().into(),
        };
        let inner = vec![
            ("a.weight".to_owned(), Item::Floats(array(&[2, 3], &[1.0, -2.0, 3.5, 0.0, -0.0, 1e-30]))),
            ("a.num_batches_tracked".to_owned(), Item::Integers(vec![], vec![7])),
            ("none".to_owned(), Item::Floats(array(&[0, 4], &[]))),
        ];
        let item = Item::Dict(vec![("gen_state_dict".to_owned(), Item::Dict(inner))]);
        write(&path, &item).unwrap();
        let tensors = read(&path).unwrap().tensors;
        assert_eq!(tensors.len(), 3);
        let of = |name: &str, shape: &[usize]| {
            tensors.expect(&format!("gen_state_dict.{name}"), shape).unwrap().to_vec()
        };
        assert_eq!(of("a.weight", &[2, 3]), [1.0, -2.0, 3.5, 0.0, -0.0, 1e-30]);
        assert_eq!(of("a.num_batches_tracked", &[]), [7.0]);
        assert_eq!(of("none", &[0, 4]), [0.0; 0]);
    }
}
