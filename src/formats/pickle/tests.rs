use super::*;

const NAMES: Policy = &[("collections", "OrderedDict"), ("some", "class")];

fn read(bytes: &[u8]) -> Pickle<'_> {
    let (pickle, len) = read_with(bytes, &mut Budget::of_bytes(1 << 16)).unwrap();
    assert_eq!(len, bytes.len());
    pickle
}

fn read_with<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<(Pickle<'a>, usize), Refused> {
    Pickle::read(bytes, NAMES, budget)
}

fn refused(bytes: &[u8]) -> Refused {
    read_with(bytes, &mut Budget::of_file(bytes.len())).unwrap_err()
}

/// A value as it would be written in Python.
fn shown(pickle: &Pickle, at: Ref) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    let parts = || list(pickle.parts(at).unwrap().map(|part| shown(pickle, part)).collect());
    match pickle.get(at) {
        Value::None => "None".to_owned(),
        Value::Bool(v) => format!("{v}"),
        Value::Int(v) => format!("{v}"),
        Value::Float(v) => format!("{v:?}"),
        Value::Text(_) => format!("'{}'", pickle.text(at).unwrap()),
        Value::Bytes(_) => format!("b'{}'", pickle.bytes(at).unwrap().escape_ascii()),
        Value::List(_) => format!("[{}]", parts()),
        Value::Tuple(_) => format!("({})", parts()),
        Value::Dict(_) => {
            let entry = |(k, v)| format!("{}: {}", shown(pickle, k), shown(pickle, v));
            format!("{{{}}}", list(pickle.entries(at).unwrap().map(entry).collect()))
        }
        Value::Global(_) => format!("{:?}", pickle.global(at).unwrap()),
        Value::Made { of, with, state } => {
            let state = match pickle.get(state) {
                Value::None => String::new(),
                _ => format!(" with {}", shown(pickle, state)),
            };
            format!("{}{}{state}", shown(pickle, of), shown(pickle, with))
        }
        Value::Persistent(id) => format!("<{}>", shown(pickle, id)),
    }
}

#[test]
fn plain_values_of_every_protocol() {
    // {'a': [1, 2.5, None, True], 'b': ('x', b'y', -3)} by protocols 0, 2 and 4.
    let zero = b"(dp0\nVa\np1\n(lp2\nI1\naG@\x04\x00\x00\x00\x00\x00\x00aNaI01\nasVb\np3\n(Vx\np4\nC\x01yI-3\ntp5\ns.";
    let two = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88eX\x01\x00\x00\x00bq\x03X\x01\x00\x00\x00xq\x04C\x01yJ\xfd\xff\xff\xff\x87q\x05u.";
    let four = b"\x80\x04\x95\x27\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88e\x8c\x01b\x94\x8c\x01x\x94C\x01y\x94J\xfd\xff\xff\xff\x87\x94u.";
    for bytes in [&zero[..], two, four] {
        let pickle = read(bytes);
        assert_eq!(shown(&pickle, pickle.root()), "{'a': [1, 2.5, None, true], 'b': ('x', b'y', -3)}");
    }
}

#[test]
fn integers_of_every_width() {
    for (bytes, want) in [
        (&b"K\xff."[..], 255),
        (b"M\x01\x02.", 513),
        (b"J\xff\xff\xff\xff.", -1),
        (b"\x8a\x01\xff.", -1),
        (b"\x8a\x00.", 0),
        (b"\x8a\x05\x00\x00\x00\x00\x01.", 1 << 32),
        (b"L12L\n.", 12),
    ] {
        let pickle = read(bytes);
        assert_eq!(pickle.get(pickle.root()), Value::Int(want), "{bytes:?}");
    }
}

#[test]
fn names_of_functions_are_refused_whichever_way_they_are_written() {
    for bytes in [
        &b"cos\nsystem\n(S'true'\ntR."[..],
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x03\x00\x00\x001+1\x85R.",
    ] {
        let text = refused(bytes).reason;
        assert!(
            text.contains("is not allowed; only plain values and arrays are read, nothing is executed")
                && (text.contains("os.system") || text.contains("builtins.eval")),
            "{text}"
        );
    }
    // INST, OBJ, EXT1 and NEWOBJ_EX would name or make objects in other ways.
    for bytes in [&b"(ios\nsystem\n."[..], b"(o.", b"\x82\x01.", b"NNN\x92."] {
        let refused = refused(bytes);
        assert!(refused.reason.contains("the instruction 0x"), "{refused:?}");
    }
}

#[test]
fn a_refusal_says_where() {
    assert_eq!(refused(b"\x80\x02Ncos\nsystem\n.").at, 3);
    assert_eq!(refused(b"\x80\x02X\xff\xff\xff\xffa.").at, 2);
    for bytes in [
        &b""[..],
        b".",
        b"0.",
        b"(.",
        b"(1.",
        b"h\x05.",
        b"\x85.",
        b"Na.",
        b"NNs.",
        b"(Nu.",
        b"R.",
        b"Nb.",
    ] {
        assert!(read_with(bytes, &mut Budget::of_bytes(1 << 16)).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_million_nested_tuples_need_no_stack() {
    let mut bytes = vec![b'N'];
    bytes.extend(vec![0x85; 1_000_000]);
    bytes.push(b'.');
    // With the budget of a large file it is read and dropped; with its own it is refused.
    let (pickle, _) = read_with(&bytes, &mut Budget::of_bytes(1 << 30)).unwrap();
    assert_eq!(pickle.parts(pickle.root()).map(Iterator::count), Some(1));
    drop(pickle);
    let text = refused(&bytes).reason;
    assert!(text.contains("more small values than a file of this size may"), "{text}");
    let marks = vec![b'('; 1_000_000];
    assert!(refused(&marks).reason.contains("more small values"));
}

#[test]
fn a_list_may_hold_itself() {
    let pickle = read(b"]q\x00h\x00a.");
    assert_eq!(pickle.parts(pickle.root()).unwrap().collect::<Vec<_>>(), [pickle.root()]);
}

#[test]
fn a_value_kept_under_a_far_number_takes_no_memory() {
    let refused = refused(b"Nr\xff\xff\xff\xff.");
    assert!(refused.reason.contains("more small values") && refused.at == 1, "{refused:?}");
    assert!(read_with(b"Nr\x05\x00\x00\x00h\x05.", &mut Budget::of_bytes(1 << 16)).is_ok());
    for bytes in [&b"Nq\x05h\x04."[..], b"Nq\x05h\x06.", b"Np-1\n.", b"Np99999999999\n."] {
        assert!(read_with(bytes, &mut Budget::of_bytes(1 << 16)).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_set_is_read_as_a_list_of_its_parts() {
    // {3, 'a'} and set() by protocol 4.
    for (bytes, want) in [
        (&b"\x80\x04\x8f\x94(K\x03\x8c\x01a\x94\x90."[..], "[3, 'a']"),
        (b"\x80\x04\x8f\x94.", "[]"),
    ] {
        let pickle = read(bytes);
        assert_eq!(shown(&pickle, pickle.root()), want);
    }
    assert!(refused(b"}(K\x03\x90.").reason.contains("what is no list"));
}

#[test]
fn a_list_grows_through_every_name_it_is_kept_under() {
    // x = []; ([x, 2, 3], x.append(1))
    let pickle = read(b"](]q\x00K\x02K\x03eh\x00K\x01a0.");
    assert_eq!(shown(&pickle, pickle.root()), "[[1], 2, 3]");
}

#[test]
fn an_ordered_dictionary_keeps_entries_in_either_form() {
    let newer = b"\x80\x02ccollections\nOrderedDict\n)Rq\x00(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00bK\x02u}X\x01\x00\x00\x00vK\x01sb.";
    // Python 2 passed a list of pairs.
    let older = b"\x80\x02ccollections\nOrderedDict\n](](U\x01aK\x01e](U\x01bK\x02ee\x85R.";
    for bytes in [&newer[..], older] {
        let pickle = read(bytes);
        assert_eq!(shown(&pickle, pickle.root()), "{'a': 1, 'b': 2}");
    }
    assert!(
        refused(b"ccollections\nOrderedDict\nK\x01\x85R.")
            .reason
            .contains("list of pairs")
    );
}

#[test]
fn what_a_class_would_make_is_noted_down() {
    let pickle = read(b"csome\nclass\nK\x07\x85R}b.");
    assert_eq!(shown(&pickle, pickle.root()), "(\"some\", \"class\")(7) with {}");
    // Two names of one object: it has the state whichever of them it is given by.
    let pickle = read(b"csome\nclass\nK\x07\x85Rq\x00]h\x00aq\x010h\x00K\x05b0h\x01.");
    assert_eq!(shown(&pickle, pickle.root()), "[(\"some\", \"class\")(7) with 5]");
    let pickle = read(b"csome\nclass\n)R.");
    assert_eq!(shown(&pickle, pickle.root()), "(\"some\", \"class\")()");
    assert!(refused(b"csome\nclass\nK\x07R.").reason.contains("no tuple"));
}
