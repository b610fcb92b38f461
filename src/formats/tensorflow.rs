//! Constants of a frozen TensorFlow graph, a protocol buffer `GraphDef`.

use std::path::Path;

use super::numbers::Stored;
use super::protobuf::{Field, fields};
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
    pub const SHAPE_DIM: u32 = 2;
    pub const DIM_SIZE: u32 = 1;
}

/// Most values that one stored value stands for: those of a constant vector, not of a weight.
const MOST_REPEATED: usize = 1 << 12;

/// Every constant of floating-point numbers by the name of its node; other nodes are left out.
///
/// # Errors
/// [`Error::Format`] if the bytes are no graph, or a constant does not hold as many values as its shape says.
pub fn constants(path: &Path, bytes: &[u8]) -> Result<NamedArrays, Error> {
    let mut arrays = NamedArrays::new();
    let bad = |reason: String| Error::format(path, format!("not a whole TensorFlow graph: {reason}"));
    for each in fields(bytes) {
        if let (field::GRAPH_NODE, Field::Bytes(node)) = each.map_err(bad)?
            && let Some((name, tensor)) = constant(node).map_err(bad)?
        {
            let array =
                read(tensor).map_err(|reason| Error::format(path, format!("constant `{name}` {reason}")))?;
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

/// The values of a tensor; `None` for other types than floating-point numbers.
fn read(tensor: &[u8]) -> Result<Option<Array>, String> {
    let (mut stored, mut shape, mut values) = (None, Vec::new(), Vec::new());
    // The type comes before what it is the type of.
    for each in fields(tensor) {
        match (each?, stored) {
            ((field::TENSOR_TYPE, Field::Number(dtype)), _) => {
                stored = match dtype {
                    1 => Some(Stored::F32),
                    2 => Some(Stored::F64),
                    14 => Some(Stored::Bf16),
                    19 => Some(Stored::F16),
                    _ => return Ok(None),
                };
            }
            ((field::TENSOR_SHAPE, Field::Bytes(dims)), _) => shape = sizes(dims)?,
            ((field::TENSOR_CONTENT, Field::Bytes(content)), Some(stored)) => {
                values = stored.read_f32(content)
            }
            ((field::TENSOR_FLOATS, Field::Bytes(packed)), Some(_)) => {
                values.extend(Stored::F32.read_f32(packed))
            }
            ((field::TENSOR_FLOATS, Field::Fixed32(bits)), Some(_)) => values.push(f32::from_bits(bits)),
            _ => {}
        }
    }
    if stored.is_none() {
        return Ok(None);
    }
    let n = shape
        .iter()
        .try_fold(1_usize, |n, size| n.checked_mul(*size))
        .ok_or("is too large")?;
    match values.len() {
        len if len == n => Ok(Some(Array { shape, values })),
        1 if n <= MOST_REPEATED => Ok(Some(Array { shape, values: vec![values[0]; n] })),
        len => Err(format!("holds {len} values for the shape {shape:?}")),
    }
}

fn sizes(dims: &[u8]) -> Result<Vec<usize>, String> {
    let mut shape = Vec::new();
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
        shape.push(size);
        if shape.len() > 8 {
            return Err("has more than 8 axes".to_owned());
        }
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::protobuf::encode;

    fn constant(name: &str, dtype: u64, shape: &[i64], content: &[u8], floats: &[f32]) -> Vec<u8> {
        let dims = shape.iter().flat_map(|size| {
            let size = if *size == 0 {
                Vec::new()
            } else {
                encode::number(field::DIM_SIZE, *size as u64)
            };
            encode::bytes(field::SHAPE_DIM, &size)
        });
        let mut tensor = encode::number(field::TENSOR_TYPE, dtype);
        tensor.extend(encode::bytes(field::TENSOR_SHAPE, &dims.collect::<Vec<u8>>()));
        if !content.is_empty() {
            tensor.extend(encode::bytes(field::TENSOR_CONTENT, content));
        }
        if !floats.is_empty() {
            let packed: Vec<u8> = floats.iter().flat_map(|v| v.to_le_bytes()).collect();
            tensor.extend(encode::bytes(field::TENSOR_FLOATS, &packed));
        }
        let value = encode::bytes(field::ATTR_TENSOR, &tensor);
        let entry =
            [encode::bytes(field::ENTRY_KEY, b"value"), encode::bytes(field::ENTRY_VALUE, &value)].concat();
        node(name, "Const", &encode::bytes(field::NODE_ATTR, &entry))
    }

    fn node(name: &str, op: &str, attr: &[u8]) -> Vec<u8> {
        let parts = [
            encode::bytes(field::NODE_NAME, name.as_bytes()),
            encode::bytes(field::NODE_OP, op.as_bytes()),
            attr.to_vec(),
        ];
        encode::bytes(field::GRAPH_NODE, &parts.concat())
    }

    #[test]
    fn constants_are_read_by_name_whatever_form_they_have() {
        let content: Vec<u8> = [0.5f32, -1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let graph = [
            constant("conv/conv2d_params", 1, &[1, 2], &content, &[]),
            constant("listed", 1, &[3], &[], &[1.0, 2.0, 3.0]),
            constant("repeated", 1, &[2, 2], &[], &[7.0]),
            constant("scalar", 1, &[], &[], &[4.0]),
            constant("half", 19, &[1], &0x3c00u16.to_le_bytes(), &[]),
            constant("whole number", 3, &[1], &[1, 0, 0, 0], &[]),
            node("other", "Conv2D", &[]),
        ];
        let read = constants(Path::new("g.pb"), &graph.concat()).unwrap();
        assert_eq!(read.len(), 5);
        assert_eq!(read.expect("conv/conv2d_params", &[1, 2]).unwrap(), [0.5, -1.0]);
        assert_eq!(read.expect("listed", &[3]).unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(read.expect("repeated", &[2, 2]).unwrap(), [7.0; 4]);
        assert_eq!(read.expect("scalar", &[]).unwrap(), [4.0]);
        assert_eq!(read.expect("half", &[1]).unwrap(), [1.0]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let path = Path::new("g.pb");
        for (shape, floats) in [
            (&[5][..], &[1.0, 2.0][..]),
            (&[-1], &[1.0]),
            (&[1 << 40, 1 << 40], &[1.0]),
            (&[1 << 30], &[1.0]),
        ] {
            let text = constants(path, &constant("x", 1, shape, &[], floats)).unwrap_err().to_string();
            assert!(text.contains("g.pb") && text.contains("`x`"), "{text}");
        }
        let text = constants(path, b"\x0a\xff\xff\xff\xff\x0fabc").unwrap_err().to_string();
        assert!(text.contains("TensorFlow graph"), "{text}");
        assert!(constants(path, b"").unwrap_err().to_string().contains("no constants"));
    }
}
