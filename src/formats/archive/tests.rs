use super::*;

fn written(members: &[(&str, &[u8])], deflated: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.zip");
    let members: Vec<_> = members
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect();
    write(&path, &members, deflated).unwrap();
    std::fs::read(path).unwrap()
}

fn member(bytes: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let archive = Archive::parse(Path::new("x.zip"), bytes).map_err(|e| e.to_string())?;
    let found = archive.member(name).map_err(|e| e.to_string())?;
    Ok(found.unwrap_or_else(|| panic!("no {name}")).into_owned())
}

/// Where a signature begins, the last of several.
fn last(bytes: &[u8], signature: &[u8]) -> usize {
    bytes.windows(signature.len()).rposition(|w| w == signature).unwrap()
}

#[test]
fn members_are_found_by_name_and_listed_in_order() {
    let bytes = written(&[("b", b"2"), ("a", b"1"), ("c/d", b"")], false);
    let archive = Archive::parse(Path::new("x.zip"), &bytes).unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["b", "a", "c/d"]);
    for (name, want) in [("a", "1"), ("b", "2"), ("c/d", "")] {
        assert_eq!(archive.member(name).unwrap().as_deref(), Some(want.as_bytes()));
    }
    assert!(archive.member("e").unwrap().is_none() && !archive.has("c") && archive.size("a") == Some(1));
}

#[test]
fn of_two_members_of_one_name_the_last_is_read() {
    let mut bytes = written(&[("a1", b"first"), ("a2", b"other")], false);
    for at in 0..bytes.len() - 1 {
        if &bytes[at..at + 2] == b"a2" {
            bytes[at + 1] = b'1';
        }
    }
    assert_eq!(member(&bytes, "a1").unwrap(), b"other");
}

#[test]
fn a_size_that_deflation_cannot_reach_is_refused_before_memory_is_taken() {
    let bytes = written(&[("x", &[7; 5000])], true);
    assert_eq!(member(&bytes, "x").unwrap(), [7; 5000]);
    let record = last(&bytes, b"PK\x01\x02");
    for (size, part) in [
        (0xffff_fff0_u32, "deflation cannot do"),
        (5001, "are declared"),
        (4999, "expands to more than the 4999"),
    ] {
        let mut broken = bytes.clone();
        broken[record + 24..record + 28].copy_from_slice(&size.to_le_bytes());
        let text = member(&broken, "x").unwrap_err();
        assert!(text.contains("`x`") && text.contains(part), "{text}");
    }
}

#[test]
fn a_count_that_the_directory_cannot_hold_is_refused() {
    let bytes = written(&[("x", b"1")], false);
    let end = last(&bytes, b"PK\x05\x06");
    for count in [0_u16, 2, 0xfffe] {
        let mut broken = bytes.clone();
        broken[end + 10..end + 12].copy_from_slice(&count.to_le_bytes());
        let text = member(&broken, "x").unwrap_err();
        assert!(text.contains("at byte"), "{text}");
    }
}

/// An archive whose sizes and places are all in the records for large files.
#[test]
fn large_records_are_read_and_their_bounds_are_checked() {
    let bytes = written(&[("x", b"12345")], false);
    let (record, end) = (last(&bytes, b"PK\x01\x02"), last(&bytes, b"PK\x05\x06"));
    let start = u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap());
    let mut central = bytes[record..record + 46].to_vec();
    central[20..28].fill(0xff);
    central[42..46].fill(0xff);
    central[30..32].copy_from_slice(&28_u16.to_le_bytes());
    central.push(b'x');
    central.extend([1, 0, 24, 0]);
    central.extend([5_u64, 5, 0].iter().flat_map(|n| n.to_le_bytes()));
    let archive = |size: u64, at: u64| {
        let mut all = bytes[..start as usize].to_vec();
        all.extend(&central);
        let here = all.len() as u64;
        all.extend(
            [&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
        );
        all.extend([1, 1, size, at].iter().flat_map(|n| n.to_le_bytes()));
        all.extend([&b"PK\x06\x07\0\0\0\0"[..], &here.to_le_bytes(), &[1, 0, 0, 0]].concat());
        all.extend([&b"PK\x05\x06\0\0\0\0"[..], &[0xff; 12], &[0, 0]].concat());
        all
    };
    let size = central.len() as u64;
    assert_eq!(member(&archive(size, start.into()), "x").unwrap(), b"12345");
    for (size, at) in [(u64::MAX, start.into()), (size, u64::MAX), (size - 1, start.into()), (size, 0)] {
        assert!(member(&archive(size, at), "x").is_err(), "{size} {at}");
    }
}

#[test]
fn every_truncation_and_every_flipped_byte_is_an_error_or_the_same_content() {
    for deflated in [false, true] {
        let bytes = written(&[("x", &[3; 300])], deflated);
        for end in 0..bytes.len() {
            assert!(member(&bytes[..end], "x").is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x41;
            let archive = Archive::parse(Path::new("x.zip"), &broken);
            if let Ok(Some(read)) = archive.and_then(|archive| archive.member("x")) {
                assert_eq!(*read, [3; 300], "byte {at}");
            }
        }
    }
}
