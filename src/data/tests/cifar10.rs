//! CIFAR-10 in its official forms.

use super::*;

fn record(label: u8, start: u8) -> Vec<u8> {
    let mut record = vec![label];
    for channel in 0..3u8 {
        record.extend((0..1024).map(|p| start.wrapping_add(channel * 50).wrapping_add(p as u8)));
    }
    record
}

#[test]
fn cifar10_records_and_their_faults() {
    let dir = tempfile::tempdir().unwrap();
    let src = format!("cifar10:{}", dir.path().display());
    put(dir.path(), "data_batch_2.bin", &record(3, 40));
    put(dir.path(), "data_batch_1.bin", &[record(9, 0), record(0, 1)].concat());
    put(dir.path(), "test_batch.bin", &record(5, 9));
    let train = opened(&src);
    assert_eq!((train.len(), train.label(0), train.label(2)), (3, Some(9), Some(3)));
    assert_eq!(bytes(train.as_ref(), 2)[..6], [40, 90, 140, 41, 91, 141]);
    assert_eq!(class_names(train.as_ref())[3], "cat");
    assert_eq!(opened(&format!("{src}?split=test")).label(0), Some(5));
    assert_eq!(opened(&format!("{src}?split=all&limit=2&size=8&gray=1")).shape().values(), 64);
    put(dir.path(), "batches.meta.txt", b"one\ntwo\n");
    refused(&src, &["batches.meta.txt", "2 class names"]);
    fs::remove_file(dir.path().join("batches.meta.txt")).unwrap();
    put(dir.path(), "data_batch_2.bin", &[record(3, 40), record(1, 1)[..100].to_vec()].concat());
    refused(&src, &["data_batch_2.bin at byte 3073", "100 bytes into record 1"]);
    put(dir.path(), "data_batch_2.bin", &[record(3, 40), record(10, 1)].concat());
    refused(&src, &["data_batch_2.bin at byte 3073", "label 10"]);
}

/// A batch as Python 2 pickled it: a dictionary of texts, a list of labels and an array.
fn pickled(records: &[Vec<u8>]) -> Vec<u8> {
    let n = records.len() as u8;
    let mut out =
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05("
            .to_vec();
    for record in records {
        out.extend([b'K', record[0]]);
    }
    out.extend(b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09");
    out.extend(
        [
            b"(K\x01K".as_slice(),
            &[n],
            b"M\x00\x0c\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b",
        ]
        .concat(),
    );
    out.extend(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
    out.extend((3072 * u32::from(n)).to_le_bytes());
    out.extend(records.iter().flat_map(|record| &record[1..]));
    out.extend(b"tbU\x09filenamesq\x0c]q\x0d(");
    for i in 0..n {
        out.extend([b"U\x05".as_slice(), format!("{i:03}.x").as_bytes()].concat());
    }
    out.extend(b"eu.");
    out
}

fn names_pickled(names: &[&str]) -> Vec<u8> {
    let mut out = b"\x80\x02}q\x01(U\x0blabel_namesq\x02]q\x03(".to_vec();
    for name in names {
        out.extend([&[b'U', name.len() as u8], name.as_bytes()].concat());
    }
    out.extend(b"eU\x07num_visq\x04M\x00\x0cu.");
    out
}

#[test]
fn every_official_form_holds_the_same_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two, test) = ([record(9, 0), record(0, 1)], [record(3, 40)], [record(5, 9)]);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let python = [
        ("cifar-10-batches-py/test_batch", pickled(&test)),
        ("cifar-10-batches-py/data_batch_2", pickled(&two)),
        ("cifar-10-batches-py/readme.html", b"<html>".to_vec()),
        ("cifar-10-batches-py/batches.meta", names_pickled(&names)),
        ("cifar-10-batches-py/data_batch_1", pickled(&one)),
    ];
    let binary = [
        ("cifar-10-batches-bin/data_batch_2.bin", two.concat()),
        ("cifar-10-batches-bin/batches.meta.txt", (names.join("\n") + "\n\n").into_bytes()),
        ("cifar-10-batches-bin/data_batch_1.bin", one.concat()),
        ("cifar-10-batches-bin/test_batch.bin", test.concat()),
    ];
    for (folder, archive, files) in
        [("py", "cifar-10-python.tar.gz", &python[..]), ("bin", "cifar-10-binary.tar.gz", &binary)]
    {
        for (name, content) in files {
            put(&dir.path().join(folder), name, content);
        }
        let entries: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (*n, c.as_slice())).collect();
        put(dir.path(), &format!("{folder}.packed/{archive}"), &gz(&tar_of(&entries)));
    }
    for place in [
        "py",
        "py/cifar-10-batches-py",
        "py.packed",
        "py.packed/cifar-10-python.tar.gz",
        "bin",
        "bin/cifar-10-batches-bin",
        "bin.packed",
        "bin.packed/cifar-10-binary.tar.gz",
    ] {
        let src = format!("cifar10:{}/{place}", dir.path().display());
        let train = opened(&src);
        assert_eq!(
            (0..3).map(|i| train.label(i)).collect::<Vec<_>>(),
            [Some(9), Some(0), Some(3)],
            "{place}"
        );
        assert_eq!((train.len(), class_names(train.as_ref())), (3, names.to_vec()), "{place}");
        assert_eq!(bytes(train.as_ref(), 2)[..6], [40, 90, 140, 41, 91, 141]);
        assert_eq!(opened(&format!("{src}?split=all")).len(), 4);
        let test = opened(&format!("{src}?split=test"));
        assert_eq!((test.len(), test.label(0)), (1, Some(5)));
    }
}

#[test]
fn where_both_forms_lie_the_binary_one_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "data_batch_1.bin", &record(1, 1));
    put(dir.path(), "data_batch_1", b"broken");
    put(dir.path(), "batches.meta", b"broken");
    assert_eq!(opened(&format!("cifar10:{}", dir.path().display())).len(), 1);
    let both =
        tar_of(&[("x/data_batch_1", &pickled(&[record(1, 1)])), ("x/data_batch_1.bin", &record(1, 1))]);
    put(dir.path(), "x.tar.gz", &gz(&both));
    assert_eq!(opened(&format!("cifar10:{}/x.tar.gz", dir.path().display())).len(), 1);
}

#[test]
fn faults_of_pickles_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let src = format!("cifar10:{}", dir.path().display());
    let good = pickled(&[record(1, 1), record(2, 2)]);
    let changed = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|part| part == from).unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat()
    };
    for (file, words) in [
        (good[..3000].to_vec(), "data_batch_1 at byte"),
        (changed(b"labels", b"lables"), "no dictionary with `labels`"),
        (changed(b"(K\x01K\x02e", b"(K\x01e"), "1 labels for 2 pictures"),
        (changed(b"(K\x01K\x02e", b"(K\x01K\x0ae"), "label 1 is no number below 10"),
        (changed(b"u1", b"f4"), "`data` holds values of type `f4`"),
        (changed(b"K\x02M\x00\x0c", b"K\x04M\x00\x06"), "shape [4, 1536], not [n, 3072]"),
        (changed(b"numpy\nndarray", b"os\nsystem"), "global `os.system` is not allowed"),
        (b"(lp0\n.".to_vec(), "no dictionary with `data`"),
    ] {
        put(dir.path(), "data_batch_1", &file);
        refused(&src, &["data_batch_1", words]);
    }
    put(dir.path(), "data_batch_1", &good);
    put(dir.path(), "batches.meta", &names_pickled(&["one"]));
    refused(&src, &["batches.meta", "1 class names"]);
    put(dir.path(), "batches.meta", b"N.");
    refused(&src, &["batches.meta", "`label_names`"]);
}

#[test]
fn a_damaged_pickle_is_read_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let src = format!("cifar10:{}", dir.path().display());
    let good = pickled(&[record(1, 1)]);
    let ends = good.len() - 40..good.len();
    let (mut read, mut not) = (0, 0);
    for at in (0..260).chain(ends) {
        for v in [0, b'(', b'b', b'.', 0x81, 0xff] {
            let mut bad = good.clone();
            bad[at] = v;
            put(dir.path(), "data_batch_1", &bad);
            match open(&src, &OpenOptions::default()) {
                Ok(images) => {
                    assert_eq!(images.len(), 1);
                    read += 1;
                }
                Err(e) => {
                    assert!(e.to_string().contains("data_batch_1"), "{e}");
                    not += 1;
                }
            }
        }
    }
    assert!(read > 100 && not > 100, "{read} {not}");
}
