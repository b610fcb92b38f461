//! STL-10, in files that are shorter than the official ones.

use super::*;

const RECORD: usize = 3 * 96 * 96;

/// A picture whose value at row y, column x and channel c is `y + 2 * x + 50 * c + start`, stored column by column.
fn record(start: usize) -> Vec<u8> {
    let value = |c: usize, x: usize, y: usize| (y + 2 * x + 50 * c + start) as u8;
    let planes = (0..3).flat_map(|c| (0..96).flat_map(move |x| (0..96).map(move |y| value(c, x, y))));
    planes.collect()
}

fn records(starts: &[usize]) -> Vec<u8> {
    starts.iter().flat_map(|start| record(*start)).collect()
}

/// Files in the order of the official archive.
fn set() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("stl10_binary/test_X.bin", records(&[5])),
        ("stl10_binary/test_y.bin", vec![10]),
        ("stl10_binary/train_X.bin", records(&[1, 2])),
        ("stl10_binary/train_y.bin", vec![1, 7]),
        ("stl10_binary/unlabeled_X.bin", records(&[3, 4, 3])),
        ("stl10_binary/class_names.txt", NAMES.as_bytes().to_vec()),
        ("stl10_binary/fold_indices.txt", b"0 1\n".to_vec()),
    ]
}

const NAMES: &str = "airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n";

/// The first value of every picture at its stored size, and its label.
fn content(src: &str) -> Vec<(u8, Option<usize>)> {
    let images = opened(src);
    assert_eq!(images.shape(), ImageShape { h: 96, w: 96, c: 3 });
    (0..images.len())
        .map(|i| (bytes(images.as_ref(), i)[0], images.label(i)))
        .collect()
}

#[test]
fn a_folder_and_the_archive_hold_the_same_pictures_in_the_same_order() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in set() {
        put(&dir.path().join("unpacked"), name, &content);
    }
    let files = set();
    let entries: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (*n, c.as_slice())).collect();
    put(dir.path(), "packed/stl10_binary.tar.gz", &gz(&tar_of(&entries)));
    let backwards: Vec<(&str, &[u8])> = entries.iter().rev().copied().collect();
    put(dir.path(), "other.tar.gz", &gz(&tar_of(&backwards)));
    let at = dir.path().display();
    let train = [(1, Some(0)), (2, Some(6)), (3, None), (4, None), (3, None)];
    for place in [
        "unpacked",
        "unpacked/stl10_binary",
        "packed",
        "packed/stl10_binary.tar.gz",
        "other.tar.gz",
    ] {
        let src = format!("stl10:{at}/{place}?size=96");
        assert_eq!(content(&src), train, "{place}");
        assert_eq!(content(&format!("{src}&split=train")), train);
        assert_eq!(content(&format!("{src}&split=test")), [(5, Some(9))]);
        assert_eq!(content(&format!("{src}&split=all")), [&train[..], &[(5, Some(9))]].concat());
        assert_eq!(content(&format!("{src}&limit=1")), train[..1]);
        assert_eq!(content(&format!("{src}&limit=4")), train[..4]);
    }
}

#[test]
fn pictures_stand_upright_and_are_resized_to_48_unless_told() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in set() {
        put(dir.path(), name, &content);
    }
    let src = format!("stl10:{}", dir.path().display());
    let stored = opened(&format!("{src}?size=96"));
    let picture = bytes(stored.as_ref(), 0);
    let at = |y: usize, x: usize| picture[(y * 96 + x) * 3..][..3].to_vec();
    assert_eq!((at(0, 0), at(7, 0), at(0, 7)), (vec![1, 51, 101], vec![8, 58, 108], vec![15, 65, 115]));
    assert_eq!(class_names(stored.as_ref())[7], "monkey");
    let usual = opened(&src);
    assert_eq!(usual.shape(), ImageShape { h: 48, w: 48, c: 3 });
    let whole = resize::Picture { h: 96, w: 96, c: 3, bytes: picture };
    assert_eq!(bytes(usual.as_ref(), 0), whole.resize(48, 48).bytes);
    let sized = open(&src, &OpenOptions { size: Some(32), ..OpenOptions::default() }).unwrap();
    assert_eq!(sized.shape().h, 32);
    assert_eq!(opened(&format!("{src}?size=16&gray=1")).shape(), ImageShape { h: 16, w: 16, c: 1 });
}

#[test]
fn more_pictures_than_one_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let starts: Vec<usize> = (0..300).collect();
    put(dir.path(), "test_X.bin", &records(&starts));
    put(dir.path(), "test_y.bin", &[3; 300]);
    let images = opened(&format!("stl10:{}?split=test&size=8", dir.path().display()));
    assert_eq!((images.len(), images.label(299)), (300, Some(2)));
    let one = opened(&format!("stl10:{}?split=test&size=8&limit=45", dir.path().display()));
    // The 301st would start at 300, whose byte is 44.
    assert_eq!(bytes(images.as_ref(), 299)[0], bytes(one.as_ref(), 43)[0]);
}

#[test]
fn faults_name_the_file_and_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let src = format!("stl10:{}?size=8", dir.path().display());
    refused(&src, &["holds no train_X.bin", "ganas data fetch stl10"]);
    put(dir.path(), "train_X.bin", &records(&[1, 2]));
    refused(&src, &["holds no train_y.bin"]);
    put(dir.path(), "train_y.bin", &[1]);
    refused(&src, &["train_y.bin holds 1 labels for 2 pictures"]);
    put(dir.path(), "train_y.bin", &[1, 0]);
    refused(&src, &["train_y.bin at byte 1", "label 0 is not in 1..=10"]);
    put(dir.path(), "train_y.bin", &[1, 2]);
    refused(&src, &["holds no unlabeled_X.bin"]);
    put(dir.path(), "unlabeled_X.bin", &records(&[3])[..RECORD - 5]);
    refused(&src, &["unlabeled_X.bin at byte 0", "ends 27643 bytes into picture 0", "fetch it again"]);
    put(dir.path(), "unlabeled_X.bin", &records(&[3]));
    put(dir.path(), "class_names.txt", b"one\n");
    refused(&src, &["class_names.txt", "1 class names"]);
    fs::remove_file(dir.path().join("class_names.txt")).unwrap();
    assert_eq!(opened(&src).len(), 3);

    let files = set();
    let entries: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (*n, c.as_slice())).collect();
    let whole = tar_of(&entries);
    let inside = format!("stl10:{}/x.tar.gz?size=8", dir.path().display());
    // Cut within the training pictures, by the archiver and by the packer.
    put(dir.path(), "x.tar.gz", &gz(&whole[..2048 + RECORD + 512 + 1000]));
    refused(&inside, &["x.tar.gz/stl10_binary/train_X.bin at byte", "fetch it again"]);
    let packed = gz(&whole);
    put(dir.path(), "x.tar.gz", &packed[..packed.len() - 6]);
    refused(&inside, &["x.tar.gz", "fetch it again"]);
    let mut damaged = packed.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    put(dir.path(), "x.tar.gz", &damaged);
    refused(&inside, &["x.tar.gz", "fetch it again"]);
    put(dir.path(), "x.tar.gz", &whole);
    refused(&inside, &["no .tar.gz archive"]);
}
