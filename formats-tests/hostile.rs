//! Files that are made to fill memory, to run for long or to overflow the stack.

use super::build::{self, constant};
use super::{graph, npy, npz, safetensors, torch};

/// A file of PyTorch's older form with this object.
fn legacy(object: &[u8]) -> Vec<u8> {
    let start = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02";
    [&start[..], object, b".\x80\x02]."].concat()
}

#[test]
fn floods_of_one_instruction_stay_within_the_memory_of_a_pickle() {
    const MANY: usize = 200_000;
    for (before, each, after) in [
        (&b""[..], &b"N"[..], &b""[..]),
        (b"", b"]", b""),
        (b"", b"}", b""),
        (b"", b"(", b""),
        (b"", b"G\0\0\0\0\0\0\0\0", b""),
        (b"", b"J\xff\xff\xff\x7f", b""),
        (b"", b"X\0\0\0\0", b""),
        (b"", b"U\x01a", b""),
        (b"N", b"2", b""),
        (b"N", b"\x94", b""),
        (b"]q\0", b"h\0", b""),
        (b"]", b"Na", b""),
        (b"}", b"U\x01aNs", b""),
        (b"}", b"U\x01a]s", b""),
        (b"N", b"\x85", b""),
        (b"]", b"](", b""),
        (b"]", b"ccollections\nOrderedDict\n)R", b""),
        (b"](", b"]", b"e"),
        (b"](", b")", b"e"),
        (b"}(", b"U\x01a)", b"u"),
        (b"}(", b"U\x01aK\x01", b"u"),
    ] {
        let object = [before, &each.repeat(MANY), after].concat();
        torch(&legacy(&object));
        torch(&build::zip(
            &[("x/data.pkl".to_owned(), [b"\x80\x02", &object[..], b"."].concat())],
            false,
        ));
    }
}

#[test]
fn a_million_levels_of_nesting_overflow_no_stack() {
    const DEEP: usize = 1_000_000;
    for (before, each, after) in [(&b"N"[..], &b"\x85"[..], &b""[..]), (b"", b"(", b""), (b"(", b"](", b"")] {
        assert!(!torch(&legacy(&[before, &each.repeat(DEEP), after].concat())));
    }
    assert!(!npy(&build::npy(&"(".repeat(60_000), b"")));
    let shape = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {}", "(".repeat(60_000));
    assert!(!npy(&build::npy(&shape, b"")));
    let header = format!("{{\"a\":{}", "[".repeat(DEEP));
    assert!(!safetensors(&build::safetensors(&header, b"")));
    let mut nested = Vec::new();
    for _ in 0..1000 {
        nested = build::field(1, &nested);
    }
    assert!(!graph(&nested));
}

#[test]
fn a_list_of_lists_that_share_their_parts_is_walked_for_a_bounded_time() {
    // Each level holds the one below ten times: 10^16 ways to the bottom.
    let mut object = b"]q\0".to_vec();
    for level in 1..=16_u8 {
        object.extend(b"](");
        object.extend([b'h', level - 1].repeat(10));
        object.extend([b'e', b'q', level]);
    }
    assert!(!torch(&legacy(&object)));
}

#[test]
fn archives_of_many_members_stay_within_the_memory_of_their_file() {
    let members: Vec<_> = (0..60_000).map(|i| (format!("{i}.npy"), Vec::new())).collect();
    let bytes = build::zip(&members[..20], false);
    assert!(!npz(&bytes));
    let bytes = build::zip(&members, false);
    assert!(!torch(&bytes));
    let named = super::within(bytes.len(), || {
        let path = std::path::Path::new("x.npz");
        ganas::formats::npz::Npz::parse(path, &bytes).map(|npz| npz.names().len())
    });
    assert_eq!(named.expect("it is whole"), 60_000);
}

#[test]
fn bombs_of_zeros_are_read_only_up_to_the_size_they_say() {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 1000), }\n";
    let array = build::npy(header, &vec![0; 4_000_000]);
    let bytes = build::zip(&[("a.npy".to_owned(), array)], true);
    assert!(npz(&bytes) && bytes.len() < 8000);
    // The same with a size that says less.
    let at = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").expect("it has a directory");
    let mut broken = bytes;
    broken[at + 24..at + 28].copy_from_slice(&100_u32.to_le_bytes());
    assert!(!npz(&broken));
}

#[test]
fn floods_of_small_constants_stay_within_the_memory_of_a_graph() {
    for one in [
        constant("", 1, &[], (5, &[0; 4])),
        constant("", 1, &[0], (5, &[])),
        constant("a", 1, &[4096], (5, &[0; 4])),
        constant("a", 3, &[8], (7, &[1; 8])),
        constant("a", 1, &[0; 8], (4, &[])),
    ] {
        graph(&one.repeat(20_000));
    }
    let apart: Vec<u8> = (0..20_000)
        .flat_map(|i| constant(&i.to_string(), 1, &[0, 0], (4, &[])))
        .collect();
    graph(&apart);
}

#[test]
fn wide_and_turned_arrays_are_converted_without_a_copy_between() {
    let n = 250_000;
    for (descr, size) in [(">i4", 4), ("<i4", 4), (">f8", 8), (">f4", 4), ("<u4", 4)] {
        for order in ["True", "False"] {
            let header =
                format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': (500, {}), }}\n", n / 500);
            assert!(npy(&build::npy(&header, &vec![1; n * size])), "{descr} {order}");
        }
    }
}

#[test]
fn floods_in_the_header_of_safetensors_stay_within_memory() {
    let scalar =
        |i: usize| format!(r#""{i}":{{"dtype":"F32","shape":[],"data_offsets":[{},{}]}}"#, 4 * i, 4 * i + 4);
    let scalars: Vec<String> = (0..20_000).map(scalar).collect();
    let texts: Vec<String> = (0..20_000).map(|i| format!(r#""{i}":"""#)).collect();
    let escaped = "\\n".repeat(200_000);
    for (header, data, whole) in [
        (scalars.join(","), 80_000, true),
        (format!(r#""__metadata__":{{{}}}"#, texts.join(",")), 0, false),
        (
            format!(r#""a":{{"dtype":"F32","shape":[0{}],"data_offsets":[0,0]}}"#, ",0".repeat(200_000)),
            0,
            false,
        ),
        (
            format!(r#""a":{{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":{}"#, "[".repeat(300_000)),
            0,
            false,
        ),
        (format!(r#""__metadata__":{{"a":"{escaped}"}}"#), 0, true),
        (format!(r#""{}":1"#, "a".repeat(400_000)), 0, false),
    ] {
        let bytes = build::safetensors(&format!("{{{header}}}"), &vec![0; data]);
        assert_eq!(safetensors(&bytes), whole, "{}", &header[..40]);
    }
}
