//! Figures of sources, of the real ones where they are there.

use super::*;
use crate::data::stats::{Stats, stats};
use std::io::Write;
use std::path::PathBuf;

#[test]
fn figures_of_a_made_up_folder() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "1.png", &png(2, 2, 0));
    put(dir.path(), "2.png", &png(2, 2, 255));
    let figures = stats(opened(&format!("folder:{}", dir.path().display())).as_ref()).unwrap();
    let Stats { count, mean, std, classes, .. } = figures;
    assert_eq!((count, classes), (2, None));
    for v in mean.iter().chain(&std) {
        assert!((v - 0.5).abs() < 1e-12, "{v}");
    }
}

/// The folder of real data, or `None` with a visible line.
fn shared_data(what: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(what);
    if path.exists() {
        return Some(path);
    }
    let line = format!("skipped: {} is missing\n", path.display());
    // Not println, which the test harness would capture.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

#[test]
fn shared_data_cifar10_binary() {
    let Some(dir) = shared_data("cifar10") else {
        return;
    };
    let src = format!("cifar10:{}", dir.display());
    let figures = stats(opened(&src).as_ref()).unwrap();
    assert_eq!(figures.count, 4000);
    assert_eq!(figures.classes.unwrap().iter().map(|c| c.count).sum::<usize>(), 4000);
    // Well-known figures of the whole training set.
    for (got, want) in figures.mean.iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((got - want).abs() < 0.01, "{got} {want}");
    }
    for (got, want) in figures.std.iter().zip([0.247, 0.2435, 0.2616]) {
        assert!((got - want).abs() < 0.01, "{got} {want}");
    }
    let test = opened(&format!("{src}?split=test"));
    assert_eq!(test.len(), 1000);
    assert_eq!(class_names(test.as_ref())[test.label(0).unwrap()], "cat");
}

#[test]
fn shared_data_cifar10_tar() {
    let Some(tar) = shared_data("cifar10/cifar10_jpeg.tar") else {
        return;
    };
    let images = opened(&format!("folder:{}", tar.display()));
    let figures = stats(images.as_ref()).unwrap();
    assert_eq!((figures.count, figures.shape), (50_000, ImageShape { h: 32, w: 32, c: 3 }));
    assert!(figures.classes.unwrap().iter().all(|c| c.count == 5000));
    for (got, want) in figures.mean.iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((got - want).abs() < 0.003, "{got} {want}");
    }
    let test = opened(&format!("folder:{}?split=test&limit=100", tar.display()));
    assert_eq!((0..100).filter(|i| test.label(*i) == Some(4)).count(), 10);
}
