//! Constants of a frozen TensorFlow graph, a protocol buffer `GraphDef`.

#[cfg(test)]
mod tests;

use std::path::Path;

use super::limits::{Budget, brief};
use super::numbers::Stored;
use super::protobuf::{Field, fields, varints};
use super::{Array, NamedArrays};
use crate::Error;

/// Numbers of the fields that are read, as `graph.proto` and its imports give them.
mod field {
    pub const GRAPH_NODE: u32 = 1;
    pub const NODE_NAME: u32 = 1;
    pub const NODE_OP: u32 = 2;
    pub const NODE_ATTR: u32 = 5;
    pub const ENTRY_KEY: u32 = 1;
    pub const ENTRY_VALUE: u32 = 2;
    pub const ATTR_TENSOR: u32 = 8;
    pub const TENSOR_TYPE: u32 = 1;
    pub const TENSOR_SHAPE: u32 = 2;
    pub const TENSOR_CONTENT: u32 = 4;
    pub const TENSOR_FLOATS: u32 = 5;
    pub const TENSOR_DOUBLES: u32 = 6;
    pub const TENSOR_INTS: u32 = 7;
    pub const TENSOR_INT64S: u32 = 10;
    pub const TENSOR_HALVES: u32 = 13;
    pub const SHAPE_DIM: u32 = 2;
    pub const DIM_SIZE: u32 = 1;
}

/// Most axes of a constant.
const MOST_AXES: usize = 8;
/// The name that files of arrays keep for their text.
const RESERVED: &str = "__metadata__";

/// Every constant of numbers by the name of its node, wider numbers rounded to singles; other nodes are left out. What
/// it takes of memory is at most twice the size of the file and [`super::limits::ALLOWANCE`].
///
/// # Errors
/// [`Error::Format`] if the bytes are no graph, a constant does not hold as many values as its shape says, or the
/// constants take more memory than that.
pub fn constants(path: &Path, bytes: &[u8]) -> Result<NamedArrays, Error> {
    let mut arrays = NamedArrays::new();
    let mut budget = Budget::of_file(bytes.len());
    let bad = |reason: String| Error::format(path, format!("not a whole TensorFlow graph: {reason}"));
    for each in fields(bytes) {
        if let (field::GRAPH_NODE, Field::Bytes(node)) = each.map_err(bad)?
            && let Some((name, tensor)) = constant(node).map_err(bad)?
        {
            let array = read(name, tensor, &mut budget)
                .map_err(|reason| Error::format(path, format!("constant `{}` {reason}", brief(name))))?;
            if let Some(Array { shape, values }) = array {
                arrays.insert(name, &shape, values);
            }
        }
    }
    if arrays.is_empty() {
        return Err(Error::format(path, "holds no constants, so it is no frozen TensorFlow graph"));
    }
    Ok(arrays)
}

/// The name and the tensor of a node, if it is a constant.
fn constant(node: &[u8]) -> Result<Option<(&str, &[u8])>, String> {
    let (mut name, mut is_constant, mut tensor) = ("", false, None);
    for each in fields(node) {
        match each? {
            (field::NODE_NAME, Field::Bytes(text)) => {
                name = std::str::from_utf8(text).map_err(|_| "a name is not UTF-8")?;
            }
            (field::NODE_OP, Field::Bytes(op)) => is_constant = op == b"Const",
            (field::NODE_ATTR, Field::Bytes(entry)) => tensor = tensor.or(value_tensor(entry)?),
            _ => {}
        }
    }
    Ok(tensor.filter(|_| is_constant).map(|tensor| (name, tensor)))
}

/// The tensor of an attribute, if it is the one named `value`.
fn value_tensor(entry: &[u8]) -> Result<Option<&[u8]>, String> {
    let (mut is_value, mut tensor) = (false, None);
    for each in fields(entry) {
        match each? {
            (field::ENTRY_KEY, Field::Bytes(key)) => is_value = key == b"value",
            (field::ENTRY_VALUE, Field::Bytes(value)) => {
                for each in fields(value) {
                    if let (field::ATTR_TENSOR, Field::Bytes(found)) = each? {
                        tensor = Some(found);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(tensor.filter(|_| is_value))
}

/// The type of a tensor with this number, and the field that lists its values one by one.
fn number_type(dtype: u64) -> Option<(Stored, u32)> {
    Some(match dtype {
        1 => (Stored::F32, field::TENSOR_FLOATS),
        2 => (Stored::F64, field::TENSOR_DOUBLES),
        3 => (Stored::I32, field::TENSOR_INTS),
        9 => (Stored::I64, field::TENSOR_INT64S),
        14 => (Stored::Bf16, field::TENSOR_HALVES),
        19 => (Stored::F16, field::TENSOR_HALVES),
        _ => return None,
    })
}

/// The values of a tensor; `None` for other types than those of [`number_type`].
fn read(name: &str, tensor: &[u8], budget: &mut Budget) -> Result<Option<Array>, String> {
    let (mut kind, mut shape, mut content) = (None, Vec::new(), None);
    for each in fields(tensor) {
        match each? {
            (field::TENSOR_TYPE, Field::Number(dtype)) => kind = number_type(dtype),
            (field::TENSOR_SHAPE, Field::Bytes(dims)) => shape = sizes(dims)?,
            (field::TENSOR_CONTENT, Field::Bytes(bytes)) => content = Some(bytes),
            _ => {}
        }
    }
    let Some((stored, list)) = kind else {
        return Ok(None);
    };
    if name == RESERVED {
        return Err("has a name that is reserved".to_owned());
    }
    let n = shape
        .iter()
        .try_fold(1_usize, |n, size| n.checked_mul(*size))
        .ok_or("is too large")?;
    budget.take_array(name, shape.len(), n, size_of::<f32>())?;
    let values = match content.filter(|content| !content.is_empty()) {
        Some(content) if content.len() == n.saturating_mul(stored.size()) => stored.read_f32(content),
        Some(content) => {
            return Err(format!(
                "holds {} bytes for the shape {shape:?} of numbers of {} bytes",
                content.len(),
                stored.size()
            ));
        }
        None => listed(tensor, stored, list, n, &shape)?,
    };
    Ok(Some(Array { shape, values: values.into() }))
}

/// The `n` values that a tensor lists in the field `list`, or the single one it lists for all.
fn listed(tensor: &[u8], stored: Stored, list: u32, n: usize, shape: &[usize]) -> Result<Vec<f32>, String> {
    let mut values = Vec::with_capacity(n);
    let mut found = 0_usize;
    let mut one = |bits: u64| {
        let value = match stored {
            Stored::F64 => f64::from_bits(bits) as f32,
            Stored::I32 => bits as i32 as f32,
            Stored::I64 => bits as i64 as f32,
            Stored::F32 => f32::from_bits(bits as u32),
            half => half.read_f32(&(bits as u16).to_le_bytes())[0],
        };
        found += 1;
        if values.len() < n {
            values.push(value);
        }
    };
    for each in fields(tensor) {
        let (number, value) = each?;
        match value {
            _ if number != list => {}
            Field::Number(bits) | Field::Fixed64(bits) => one(bits),
            Field::Fixed32(bits) => one(bits.into()),
            Field::Bytes(packed) => match stored {
                Stored::F32 => packed
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .for_each(|bits| one(u32::from_le_bytes(*bits).into())),
                Stored::F64 => {
                    packed.as_chunks::<8>().0.iter().for_each(|bits| one(u64::from_le_bytes(*bits)));
                }
                _ => varints(packed).try_for_each(|bits| bits.map(&mut one))?,
            },
        }
    }
    match found {
        found if found == n => {}
        // Of no values there is no first.
        1 => values.resize(n, values.first().copied().unwrap_or_default()),
        _ => return Err(format!("holds {found} values for the shape {shape:?}")),
    }
    Ok(values)
}

fn sizes(dims: &[u8]) -> Result<Vec<usize>, String> {
    let mut shape = Vec::with_capacity(MOST_AXES);
    for each in fields(dims) {
        let (field::SHAPE_DIM, Field::Bytes(dim)) = each? else {
            continue;
        };
        let mut size = 0;
        for each in fields(dim) {
            if let (field::DIM_SIZE, Field::Number(n)) = each? {
                size = usize::try_from(n as i64).map_err(|_| "has a size that is negative")?;
            }
        }
        if shape.len() == MOST_AXES {
            return Err(format!("has more than {MOST_AXES} axes"));
        }
        shape.push(size);
    }
    Ok(shape)
}
