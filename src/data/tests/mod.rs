//! Sources as a whole: small made-up files, and the real ones where they are there.

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;

mod cifar10;
mod folders;
mod idx;
mod npy;
mod real;
mod stl10;

fn opened(src: &str) -> Box<dyn Images> {
    open(src, &OpenOptions::default()).unwrap_or_else(|e| panic!("{src}: {e}"))
}

#[track_caller]
fn refused(src: &str, words: &[&str]) {
    let error = match open(src, &OpenOptions::default()) {
        Ok(images) => panic!("{src} opened with {} pictures", images.len()),
        Err(e) => e.to_string(),
    };
    for word in words {
        assert!(error.contains(word), "{src}: `{word}` is not in: {error}");
    }
}

fn bytes(images: &dyn Images, i: usize) -> Vec<u8> {
    let mut out = vec![0.0; images.shape().values()];
    images.read(i, &mut out).unwrap();
    out.iter().map(|v| ((v + 1.0) * 127.5).round() as u8).collect()
}

fn png(h: usize, w: usize, v: u8) -> Vec<u8> {
    let shape = ImageShape { h, w, c: 3 };
    grid::encode_png(&vec![v; shape.values()], shape).unwrap()
}

fn jpeg(side: u32, v: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let picture = image::RgbImage::from_fn(side, side, |x, y| image::Rgb([v, (x * 9) as u8, (y * 9) as u8]));
    image::codecs::jpeg::JpegEncoder::new(&mut out).encode_image(&picture).unwrap();
    out
}

fn put(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn class_names(images: &dyn Images) -> Vec<&str> {
    let classes = images.classes().unwrap_or_default();
    classes.iter().map(String::as_str).collect()
}
