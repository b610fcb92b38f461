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
    }
}

#[test]
fn a_program_in_place_of_tensors_is_refused() {
    let text = refused(b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.");
    assert!(
        text.contains("x.pth at byte 2")
            && text.contains("posix.system")
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

#[test]
fn a_dictionary_within_itself_is_refused() {
    // The object of a legacy file whose dictionary holds itself.
    let start = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00.";
    let object = b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01h\x00s.";
    let bytes = [&start[..], object, b"\x80\x02]q\x00."].concat();
    assert!(refused(&bytes).contains("within itself"), "{}", refused(&bytes));
}
