//! Folders and archives of pictures.

use super::*;
use crate::data::stats::stats;
use flate2::Compression;
use std::io::Write;

#[test]
fn folder_classes_splits_and_order() {
    let dir = tempfile::tempdir().unwrap();
    let src = format!("folder:{}", dir.path().display());
    for (name, v) in [
        ("train/b/1.png", 1),
        ("train/a/deep/2.PNG", 2),
        ("train/a/10.png", 3),
        ("test/c/x.png", 4),
        ("train/a/.hidden.png", 5),
        ("train/a/notes.txt", 6),
    ] {
        put(dir.path(), name, &png(3, 3, v));
    }
    let train = opened(&src);
    let first: Vec<u8> = (0..train.len()).map(|i| bytes(train.as_ref(), i)[0]).collect();
    assert_eq!(first, [3, 2, 1]);
    assert_eq!(class_names(train.as_ref()), ["a", "b"]);
    assert_eq!((train.label(1), train.label(2)), (Some(0), Some(1)));
    assert_eq!(train.name(), src);
    assert_eq!(class_names(opened(&format!("{src}?split=test")).as_ref()), ["c"]);
    let all = opened(&format!("{src}?split=all"));
    assert_eq!((all.len(), class_names(all.as_ref()).len()), (4, 3));
    let inner = opened(&format!("{src}/train/a"));
    assert_eq!(class_names(inner.as_ref()), ["deep"]);
    assert_eq!((inner.label(0), inner.label(1)), (None, Some(0)));
    refused(&format!("{src}/train?split=test"), &["no folder `test`"]);
    fs::remove_dir_all(dir.path().join("train")).unwrap();
    refused(&src, &["no folder `train`", "?split=test"]);
}

#[test]
fn limit_spreads_over_the_classes_of_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b", "c"] {
        for i in 0..4 {
            put(dir.path(), &format!("{class}/{i}.png"), &png(2, 2, i));
        }
    }
    let some = opened(&format!("folder:{}?limit=3", dir.path().display()));
    assert_eq!((0..3).map(|i| some.label(i).unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    let figures = stats(some.as_ref()).unwrap();
    assert_eq!(figures.classes.unwrap().iter().map(|c| c.count).collect::<Vec<_>>(), [1, 1, 1]);
    let flat = opened(&format!("folder:{}/b?limit=2", dir.path().display()));
    assert_eq!((bytes(flat.as_ref(), 0)[0], bytes(flat.as_ref(), 1)[0]), (0, 1));
    assert!(flat.classes().is_none());
}

#[test]
fn pictures_of_every_kind_become_rgb_of_one_size() {
    let dir = tempfile::tempdir().unwrap();
    let save = |name: &str, picture: image::DynamicImage| picture.save(dir.path().join(name)).unwrap();
    save("1.png", image::RgbImage::from_pixel(4, 4, image::Rgb([10, 20, 30])).into());
    save("2.png", image::RgbaImage::from_pixel(4, 4, image::Rgba([10, 20, 30, 0])).into());
    save("3.png", image::GrayImage::from_pixel(4, 4, image::Luma([77])).into());
    save("4.png", image::ImageBuffer::from_pixel(4, 4, image::Rgb([2570u16, 5140, 7710])).into());
    save("5.png", image::ImageBuffer::from_pixel(4, 4, image::LumaA([65535u16, 9])).into());
    save("6.png", image::RgbImage::from_pixel(9, 6, image::Rgb([10, 20, 30])).into());
    let src = format!("folder:{}", dir.path().display());
    let images = opened(&src);
    assert_eq!(images.shape(), ImageShape { h: 4, w: 4, c: 3 });
    for (i, want) in [[10, 20, 30], [10, 20, 30], [77; 3], [10, 20, 30], [255; 3], [10, 20, 30]]
        .iter()
        .enumerate()
    {
        assert_eq!(bytes(images.as_ref(), i), want.repeat(16), "picture {}", i + 1);
    }
    let gray = opened(&format!("{src}?gray=1&size=2"));
    assert_eq!(gray.shape(), ImageShape { h: 2, w: 2, c: 1 });
    assert_eq!((bytes(gray.as_ref(), 0), bytes(gray.as_ref(), 2)), (vec![18; 4], vec![77; 4]));
    let sized = open(&src, &OpenOptions { size: Some(3), ..OpenOptions::default() }).unwrap();
    assert_eq!(sized.shape().h, 3);
    assert_eq!(opened(&format!("{src}/?size=5")).shape().w, 5);
}

#[test]
fn a_palette_png_becomes_rgb() {
    // 2x1, palette of two colours, one bit a pixel: first pixel colour 1, second colour 0.
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut hash = crc32fast::Hasher::new();
        hash.update(kind);
        hash.update(data);
        let parts = [&(data.len() as u32).to_be_bytes(), &kind[..], data, &hash.finalize().to_be_bytes()];
        parts.concat()
    };
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&[0, 0b1000_0000]).unwrap();
    let file = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 1, 1, 3, 0, 0, 0]),
        chunk(b"PLTE", &[1, 2, 3, 200, 100, 50]),
        chunk(b"IDAT", &packed.finish().unwrap()),
        chunk(b"IEND", &[]),
    ]
    .concat();
    assert_eq!(decode::decode(&file).unwrap().bytes, [200, 100, 50, 1, 2, 3]);
    // A picture that claims 19,000 x 19,000 pixels in a few bytes is refused before memory is taken.
    let bomb = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[0, 0, 0x4a, 0x38, 0, 0, 0x4a, 0x38, 8, 2, 0, 0, 0]),
        chunk(b"IDAT", &[0x78, 0x9c]),
    ]
    .concat();
    assert!(decode::decode(&bomb).is_err_and(|e| e.to_lowercase().contains("limit") || e.contains("memory")));
}

#[test]
fn bad_pictures_are_named_or_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let good = jpeg(16, 90);
    put(dir.path(), "a/0.jpg", &good[..good.len() * 2 / 3]);
    put(dir.path(), "a/1.jpg", &good);
    put(dir.path(), "a/2.png", &png(16, 16, 3)[..60]);
    put(dir.path(), "b/3.jpeg", b"");
    put(dir.path(), "b/4.png", b"not a picture at all");
    put(dir.path(), "b/5.png", &png(16, 16, 9));
    let src = format!("folder:{}", dir.path().display());
    refused(&src, &["a/0.jpg", "before its end marker", "--skip-bad"]);
    for memory in [1 << 30, 0] {
        let options = OpenOptions { skip_bad: true, memory, ..OpenOptions::default() };
        let images = open(&src, &options).unwrap();
        assert_eq!((images.len(), images.skipped()), (2, 4));
        assert_eq!((images.label(0), images.label(1)), (Some(0), Some(1)));
        assert_eq!(bytes(images.as_ref(), 1), vec![9; 768]);
        assert_eq!(stats(images.as_ref()).unwrap().skipped, 4);
    }
    refused(&format!("{src}/b"), &["3.jpeg", "neither PNG nor JPEG"]);
    fs::remove_file(dir.path().join("b/5.png")).unwrap();
    let options = OpenOptions { skip_bad: true, ..OpenOptions::default() };
    let error = open(&format!("{src}/b"), &options).err().unwrap().to_string();
    assert!(error.contains("none of its 2 picture files"), "{error}");
}

#[test]
fn a_tar_equals_its_folder_and_faults_have_an_offset() {
    let dir = tempfile::tempdir().unwrap();
    let files: Vec<(String, Vec<u8>)> = (0..6u8)
        .map(|i| (format!("train/c{}/{i}.jpg", i % 2), jpeg(12, i * 30)))
        .collect();
    for (name, content) in &files {
        put(&dir.path().join("f"), name, content);
    }
    let entries: Vec<(&str, &[u8])> = files.iter().rev().map(|(n, c)| (n.as_str(), c.as_slice())).collect();
    let whole = tar_of(&entries);
    put(dir.path(), "f.tar", &whole);
    let from_folder = opened(&format!("folder:{}", dir.path().join("f").display()));
    let from_tar = opened(&format!("folder:{}", dir.path().join("f.tar").display()));
    let options = OpenOptions { memory: 0, ..OpenOptions::default() };
    let unkept = open(from_tar.name(), &options).unwrap();
    assert_eq!((from_tar.len(), class_names(from_tar.as_ref())), (6, vec!["c0", "c1"]));
    for i in 0..6 {
        assert_eq!(bytes(from_folder.as_ref(), i), bytes(from_tar.as_ref(), i));
        assert_eq!(bytes(unkept.as_ref(), i), bytes(from_tar.as_ref(), i));
        assert_eq!((unkept.label(i), from_folder.label(i)), (from_tar.label(i), from_tar.label(i)));
    }

    let content_end = whole.len() - 1024;
    for cut in [700, 512, content_end - 700, content_end, 100, content_end + 511] {
        put(dir.path(), "cut.tar", &whole[..cut]);
        refused(&format!("folder:{}", dir.path().join("cut.tar").display()), &["cut.tar at byte", "fetch"]);
    }
    let mut broken = entries.clone();
    broken[1].1 = &files[0].1[..200];
    put(dir.path(), "bad.tar", &tar_of(&broken));
    let bad = format!("folder:{}", dir.path().join("bad.tar").display());
    refused(&bad, &["bad.tar at byte", "train/c0/4.jpg", "--skip-bad"]);
    let options = OpenOptions { skip_bad: true, ..OpenOptions::default() };
    assert_eq!(open(&bad, &options).unwrap().len(), 5);
    put(dir.path(), "x.tar.gz", b"");
    refused(&format!("folder:{}", dir.path().join("x.tar.gz").display()), &["unpack it"]);
}

#[test]
fn empty_and_missing_sources_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().display();
    refused(&format!("folder:{at}"), &["holds no PNG or JPEG"]);
    refused(&format!("folder:{at}/no"), &["cannot open"]);
    refused(&format!("cifar10:{at}"), &["holds no data_batch_*", "ganas data fetch"]);
    refused(&format!("idx:{at}/no-images-idx3-ubyte"), &["cannot open"]);
    put(dir.path(), "e.tar", &tar_of(&[]));
    refused(&format!("folder:{at}/e.tar"), &["holds no PNG or JPEG"]);
    put(dir.path(), "cifar-10-python.tar.gz", b"");
    refused(&format!("cifar10:{at}"), &["cifar-10-python.tar.gz at byte 0", "no .tar.gz archive"]);
}

#[cfg(unix)]
#[test]
fn loops_of_links_end() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a/1.png", &png(2, 2, 1));
    symlink(dir.path(), dir.path().join("a/up")).unwrap();
    symlink("self", dir.path().join("self")).unwrap();
    symlink(dir.path().join("a/1.png"), dir.path().join("a/2.png")).unwrap();
    let images = opened(&format!("folder:{}", dir.path().display()));
    assert_eq!(images.len(), 2);
    symlink("gone.png", dir.path().join("a/3.png")).unwrap();
    refused(images.name(), &["3.png", "cannot open"]);
}
