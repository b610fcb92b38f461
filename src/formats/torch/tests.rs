use super::*;

/// Files that PyTorch itself wrote, see `formats-tests/seeds/make.py`.
const ZIP: &[u8] = include_bytes!("../../../formats-tests/seeds/state.pth");
const LEGACY: &[u8] = include_bytes!("../../../formats-tests/seeds/legacy.pth");

fn refused(bytes: &[u8]) -> String {
    parse(Path::new("x.pth"), bytes).unwrap_err().to_string()
}

#[test]
fn both_forms_of_a_checkpoint_give_the_same_tensors() {
    for (form, bytes) in [("zip", ZIP), ("legacy", LEGACY)] {
        let tensors = parse(Path::new("x.pth"), bytes).unwrap().tensors;
        let values = |name: &str, shape: &[usize]| {
            tensors.expect(name, shape).unwrap_or_else(|e| panic!("{form}: {e}")).to_vec()
        };
        let counted: Vec<f32> = (0..6).map(|i| i as f32).collect();
        assert_eq!(values("net.conv.weight", &[2, 3]), counted);
        assert_eq!(values("net.parameter", &[2]), [1.5, -2.5]);
        assert_eq!(values("net.double", &[2]), [0.1, 1e-30]);
        assert_eq!(values("net.half", &[3]), [0.5, -65504.0, 2.0_f32.powi(-24)]);
        assert_eq!(values("net.bfloat", &[2]), [1.0, -3.0]);
        assert_eq!(values("net.counter", &[]), [7.0]);
        assert_eq!(values("net.bytes", &[2, 1]), [0.0, 255.0]);
        assert_eq!(values("net.truth", &[2]), [1.0, 0.0]);
        assert_eq!(values("net.empty", &[0, 4]), [0.0; 0]);
        // Views of one storage: transposed, with an offset, and every second column.
        assert_eq!(values("views.transposed", &[3, 2]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(values("views.row", &[3]), [3.0, 4.0, 5.0]);
        assert_eq!(values("views.columns", &[2, 2]), [0.0, 2.0, 3.0, 5.0]);
        assert_eq!(values("optimiser.state.0.exp_avg", &[2]), [0.25, 0.5]);
        assert_eq!(
            tensors.len(),
            13,
            "{form}: {:?}",
            tensors.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        let read = parse(Path::new("x.pth"), bytes).unwrap();
        assert_eq!(read.notes["epoch"], Note::Int(3));
        assert_eq!(read.notes["best"], Note::Float(12.5));
        assert_eq!(read.notes["name"], Note::Text("a checkpoint".to_owned()));
        assert_eq!(read.notes["optimiser.state.0.step"], Note::Int(5));
        assert_eq!(read.notes["optimiser.param_groups.0.lr"], Note::Float(2e-4));
        assert_eq!(read.notes.len(), 5, "{:?}", read.notes);
    }
}

#[test]
fn a_bare_tensor_has_a_name() {
    let bare = include_bytes!("../../../formats-tests/seeds/bare.pth");
    let tensors = parse(Path::new("x.pth"), bare).unwrap().tensors;
    assert_eq!(tensors.expect("tensor", &[3, 2]).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}

#[test]
fn a_program_in_place_of_tensors_is_refused() {
    let text = refused(b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.");
    assert!(
        text.contains("x.pth at byte 2")
            && text.contains("global `posix.system` is not allowed")
            && text.contains("nothing is executed"),
        "{text}"
    );
    let text = refused(b"\x80\x02K\x01.");
    assert!(text.contains("not one of PyTorch"), "{text}");
    assert!(refused(b"").contains("x.pth"));
}

#[test]
fn every_truncation_is_an_error() {
    for (form, bytes) in [("zip", ZIP), ("legacy", LEGACY)] {
        for end in (0..bytes.len()).step_by(7) {
            assert!(parse(Path::new("x.pth"), &bytes[..end]).is_err(), "{form} cut at {end}");
        }
    }
}

#[test]
fn a_stretched_or_shifted_tensor_cannot_reach_beyond_its_storage() {
    // The view of every second column of 2x3 values: sizes (2, 2), strides (3, 2).
    let pickled = b"K\x02K\x02\x86";
    let at = LEGACY
        .windows(pickled.len())
        .position(|w| w == pickled)
        .expect("the sizes are in the pickle");
    for (place, byte) in [(1, 9), (3, 9), (1, 255)] {
        let mut broken = LEGACY.to_vec();
        broken[at + place] = byte;
        let text = refused(&broken);
        assert!(text.contains("reaches beyond its storage"), "{text}");
    }
}

/// A file of the older form with this object, keys and what follows.
fn legacy(object: &[u8], rest: &[u8]) -> Vec<u8> {
    let start = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00.";
    [&start[..], object, rest].concat()
}

/// The tensor of a storage with this number of values and of these arguments, as the entry `name`.
fn tensor(name: &str, len: i64, offset: &[u8], sizes: &[u8], strides: &[u8]) -> Vec<u8> {
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let mut object = b"\x80\x02}".to_vec();
    object.extend(text(name));
    object.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    object.extend(text("storage"));
    object.extend(b"ctorch\nDoubleStorage\n");
    object.extend([text("k"), text("cpu")].concat());
    object.extend([&b"\x8a\x08"[..], &len.to_le_bytes(), b"NtQ"].concat());
    object.extend([offset, sizes, strides, b"\x89ccollections\nOrderedDict\n)RtRs."].concat());
    object
}

const ONE: &[u8] = b"\x80\x02]X\x01\x00\x00\x00ka.\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\xf8\x3f";

#[test]
fn a_dictionary_within_itself_is_refused() {
    // The object of a legacy file whose dictionary holds itself.
    let bytes = legacy(b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01h\x00s.", b"\x80\x02]q\x00.");
    assert!(refused(&bytes).contains("within itself"), "{}", refused(&bytes));
}

#[test]
fn a_storage_whose_bytes_overflow_a_word_is_an_error_and_no_panic() {
    let one = |len| legacy(&tensor("x", len, b"K\x00", b"K\x01\x85", b"K\x01\x85"), ONE);
    let read = parse(Path::new("x.pth"), &one(1)).unwrap();
    assert_eq!(read.tensors.expect("x", &[1]).unwrap(), [1.5]);
    for len in [2, i64::MAX, i64::MAX / 8 + 1, i64::MAX / 4] {
        let text = refused(&one(len));
        assert!(text.contains("fewer values than the pickle says"), "{text}");
    }
    assert!(refused(&one(-1)).contains("no tensor has"));
}

#[test]
fn sizes_strides_and_offsets_that_overflow_a_word_are_errors() {
    let large = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let (zero, one): (&[u8], &[u8]) = (b"K\x00", b"K\x01");
    let tuple = |a: &[u8], b: &[u8]| [a, b, b"\x86"].concat();
    for (offset, sizes, strides) in [
        (&large[..], tuple(one, one), tuple(one, one)),
        (zero, tuple(large, large), tuple(one, one)),
        (zero, tuple(large, zero), tuple(one, one)),
        (large, tuple(zero, one), tuple(one, one)),
        (zero, tuple(b"K\x02", one), tuple(zero, zero)),
    ] {
        let bytes = legacy(&tensor("x", 1, offset, &sizes, &strides), ONE);
        let read = parse(Path::new("x.pth"), &bytes);
        let empty = read
            .as_ref()
            .is_ok_and(|read| read.tensors.get("x").is_some_and(|x| x.values.is_empty()));
        assert!(read.is_err() || empty, "{read:?}");
    }
}

#[test]
fn a_tensor_under_the_reserved_name_is_an_error_and_no_panic() {
    let object = tensor("__metadata__", 1, b"K\x00", b"K\x01\x85", b"K\x01\x85");
    let text = refused(&legacy(&object, ONE));
    assert!(text.contains("reserved"), "{text}");
}

#[test]
fn one_long_key_in_many_entries_cannot_fill_the_memory() {
    // d[k] = d2 for a key of 20 kB that stands in every entry, and a list of tuples below each.
    let mut object = b"\x80\x02}(X\x20\x4e\x00\x00".to_vec();
    object.extend([b'k'; 20_000]);
    object.extend(b"q\x00]q\x01(");
    object.extend(b")".repeat(30_000));
    object.extend(b"eu.");
    let text = refused(&legacy(&object, b"\x80\x02]."));
    assert!(text.contains("more small values"), "{text}");
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let object = tensor("x", 1, b"K\x00", b"K\x01\x85", b"K\x01\x85");
    let entry = &object[3..object.len() - 2];
    let twice = [&b"\x80\x02}("[..], entry, entry, b"u."].concat();
    let text = refused(&legacy(&twice, ONE));
    assert!(text.contains("another tensor has"), "{text}");
}
