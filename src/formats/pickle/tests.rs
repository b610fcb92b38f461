use super::*;

fn anything(_module: &str, _name: &str) -> bool {
    true
}

fn nothing(_module: &str, _name: &str) -> bool {
    false
}

fn read(bytes: &[u8]) -> Pickle<'_> {
    let (pickle, len) = Pickle::read(bytes, bytes.len(), anything).unwrap();
    assert_eq!(len, bytes.len());
    pickle
}

fn refused(bytes: &[u8]) -> Refused {
    Pickle::read(bytes, bytes.len(), nothing).unwrap_err()
}

#[test]
fn plain_values_of_every_protocol() {
    // {'a': [1, 2.5, None, True], 'b': ('x', b'y', -3)} by protocols 0, 2 and 4.
    let zero = b"(dp0\nVa\np1\n(lp2\nI1\naG@\x04\x00\x00\x00\x00\x00\x00aNaI01\nasVb\np3\n(Vx\np4\nC\x01yI-3\ntp5\ns.";
    let two = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88eX\x01\x00\x00\x00bq\x03X\x01\x00\x00\x00xq\x04C\x01yJ\xfd\xff\xff\xff\x87q\x05u.";
    let four = b"\x80\x04\x95\x27\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88e\x8c\x01b\x94\x8c\x01x\x94C\x01y\x94J\xfd\xff\xff\xff\x87\x94u.";
    for bytes in [&zero[..], two, four] {
        let pickle = read(bytes);
        let [(a, list), (b, tuple)] = pickle.entries(pickle.root()).unwrap() else {
            panic!("{pickle:?}")
        };
        assert_eq!((pickle.text(*a), pickle.text(*b)), (Some("a"), Some("b")));
        let list: Vec<&Value> = pickle.parts(*list).unwrap().iter().map(|part| pickle.get(*part)).collect();
        assert_eq!(list, [&Value::Int(1), &Value::Float(2.5), &Value::None, &Value::Bool(true)]);
        let tuple: Vec<&Value> = pickle.parts(*tuple).unwrap().iter().map(|part| pickle.get(*part)).collect();
        assert_eq!(tuple, [&Value::Text("x"), &Value::Bytes(b"y"), &Value::Int(-3)]);
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
        assert_eq!(pickle.get(pickle.root()), &Value::Int(want), "{bytes:?}");
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
            text.contains("not allowed") && (text.contains("os.system") || text.contains("builtins.eval")),
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
        assert!(Pickle::read(bytes, bytes.len(), anything).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_million_nested_tuples_need_no_stack() {
    let mut bytes = vec![b'N'];
    bytes.extend(vec![0x85; 1_000_000]);
    bytes.push(b'.');
    // With the budget of a large file it is read and dropped; with its own it is refused.
    let (pickle, _) = Pickle::read(&bytes, 1 << 30, anything).unwrap();
    assert_eq!(pickle.parts(pickle.root()).map(<[Ref]>::len), Some(1));
    drop(pickle);
    let text = refused(&bytes).reason;
    assert!(text.contains("more values than a file of this size may have"), "{text}");
}

#[test]
fn a_list_may_hold_itself() {
    let pickle = read(b"]q\x00h\x00a.");
    assert_eq!(pickle.parts(pickle.root()), Some(&[pickle.root()][..]));
}
