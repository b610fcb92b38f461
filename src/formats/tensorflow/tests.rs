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
    assert_eq!(read.len(), 6);
    assert_eq!(read.expect("whole number", &[1]).unwrap(), [1.0]);
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

/// A constant whose values stand one by one in the field `list`.
fn listing(name: &str, dtype: u64, n: u64, list: u32, packed: &[u8]) -> Vec<u8> {
    let size = encode::bytes(field::SHAPE_DIM, &encode::number(field::DIM_SIZE, n));
    let tensor = [
        encode::number(field::TENSOR_TYPE, dtype),
        encode::bytes(field::TENSOR_SHAPE, &size),
        encode::bytes(list, packed),
    ];
    let value = encode::bytes(field::ATTR_TENSOR, &tensor.concat());
    let entry = [encode::bytes(field::ENTRY_KEY, b"value"), encode::bytes(field::ENTRY_VALUE, &value)];
    node(name, "Const", &encode::bytes(field::NODE_ATTR, &entry.concat()))
}

#[test]
fn values_of_every_type_may_stand_one_by_one() {
    let doubles: Vec<u8> = [0.25_f64, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let negative = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 3];
    let graph = [
        listing("double", 2, 2, field::TENSOR_DOUBLES, &doubles),
        listing("int", 3, 2, field::TENSOR_INTS, &negative),
        listing("long", 9, 2, field::TENSOR_INT64S, &negative),
        listing("half", 19, 3, field::TENSOR_HALVES, &[0x80, 0x78]),
    ];
    let read = constants(Path::new("g.pb"), &graph.concat()).unwrap();
    assert_eq!(read.expect("double", &[2]).unwrap(), [0.25, -2.0]);
    assert_eq!(read.expect("int", &[2]).unwrap(), [-2.0, 3.0]);
    assert_eq!(read.expect("long", &[2]).unwrap(), [-2.0, 3.0]);
    assert_eq!(read.expect("half", &[3]).unwrap(), [1.0; 3]);
}

#[test]
fn one_value_for_a_shape_without_any_is_no_panic() {
    let graph = listing("x", 1, 0, field::TENSOR_FLOATS, &1.0_f32.to_le_bytes());
    let read = constants(Path::new("g.pb"), &graph).unwrap();
    assert_eq!(read.expect("x", &[0]).unwrap(), [0.0; 0]);
}

#[test]
fn many_small_constants_cannot_repeat_themselves_into_a_large_memory() {
    let one = listing("x", 1, 4096, field::TENSOR_FLOATS, &1.0_f32.to_le_bytes());
    assert!(constants(Path::new("g.pb"), &one).is_ok());
    let text = constants(Path::new("g.pb"), &one.repeat(1000)).unwrap_err().to_string();
    assert!(text.contains("more small values than a file of this size may"), "{text}");
}

#[test]
fn a_constant_under_the_reserved_name_is_an_error_and_no_panic() {
    let graph = constant("__metadata__", 1, &[1], &[], &[1.0]);
    assert!(
        constants(Path::new("g.pb"), &graph)
            .unwrap_err()
            .to_string()
            .contains("reserved")
    );
}
