//! CIFAR-10 in its official binary form: records of a label byte and 32x32 red, green and blue planes.

use std::path::{Path, PathBuf};

use super::memory::Memory;
use super::source::{Source, Split};
use super::{ImageShape, first_error};
use crate::Error;
use rayon::prelude::*;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + 3 * PLANE;
const NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Opens the folder of `data_batch_*.bin` and `test_batch.bin`.
pub(super) fn open(source: &Source) -> Result<Memory, Error> {
    let files = files(&source.path, source.split.unwrap_or(Split::Train))?;
    let classes = class_names(files[0].parent().unwrap_or(Path::new(".")))?;
    let parts: Vec<_> = files.par_iter().map(|f| read(f, &classes)).collect();
    let mut bytes = Vec::new();
    let mut labels = Vec::new();
    for (pixels, found) in first_error(parts)? {
        bytes.extend(pixels);
        labels.extend(found);
    }
    if labels.is_empty() {
        return Err(Error::format(
            &source.path,
            "its record files are empty; expected records of 3073 bytes",
        ));
    }
    let shape = ImageShape { h: SIDE, w: SIDE, c: 3 };
    Ok(Memory::new(source, shape, bytes, labels, Some(classes)))
}

/// The record files of `split`, also one folder down where the official archive puts them.
fn files(folder: &Path, split: Split) -> Result<Vec<PathBuf>, Error> {
    let names = names_in(folder)?;
    if !names.iter().any(|n| is_records(n)) {
        let inner = folder.join("cifar-10-batches-bin");
        if inner.is_dir() {
            return files(&inner, split);
        }
    }
    let wanted = |name: &String| match split {
        Split::Train => is_train(name),
        Split::Test => name == "test_batch.bin",
        Split::All => is_records(name),
    };
    let files: Vec<_> = names.iter().filter(|n| wanted(n)).collect();
    if files.is_empty() {
        return Err(Error::format(folder, why_none(&names, split)));
    }
    Ok(files.into_iter().map(|n| folder.join(n)).collect())
}

fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    if folder.is_file() {
        return Err(Error::format(
            folder,
            "is a file; cifar10:DIR wants the folder that holds data_batch_*.bin (unpack an archive first)",
        ));
    }
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, "open", &e))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io(folder, "read", &e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn is_train(name: &str) -> bool {
    name.starts_with("data_batch_") && name.ends_with(".bin")
}

fn is_records(name: &str) -> bool {
    is_train(name) || name == "test_batch.bin"
}

fn why_none(names: &[String], split: Split) -> String {
    let wanted = match split {
        Split::Train => "data_batch_*.bin",
        Split::Test => "test_batch.bin",
        Split::All => "data_batch_*.bin or test_batch.bin",
    };
    let found = names
        .iter()
        .find(|n| n.ends_with(".tar.gz") || *n == "cifar-10-batches-py" || *n == "data_batch_1");
    match found {
        Some(other) => format!(
            "holds `{other}` but no {wanted}; archives and Python pickles are not read, unpack the binary version \
             (cifar-10-binary.tar.gz)"
        ),
        None => {
            format!("holds no {wanted} (the official binary version of CIFAR-10, unpacked)")
        }
    }
}

fn class_names(folder: &Path) -> Result<Vec<String>, Error> {
    let path = folder.join("batches.meta.txt");
    if !path.exists() {
        return Ok(NAMES.map(String::from).to_vec());
    }
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, "read", &e))?;
    let names: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(String::from)
        .collect();
    if names.len() != NAMES.len() {
        return Err(Error::format(
            &path,
            format!("holds {} class names, expected 10, one a line", names.len()),
        ));
    }
    Ok(names)
}

type Records = (Vec<u8>, Vec<Option<usize>>);

/// Pixels (interleaved) and labels of one record file.
fn read(path: &Path, classes: &[String]) -> Result<Records, Error> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
    let whole = bytes.len() / RECORD;
    if bytes.len() != whole * RECORD {
        return Err(Error::format_at(
            path,
            (whole * RECORD) as u64,
            format!(
                "the file ends {} bytes into record {whole}, records have {RECORD} bytes; fetch it again",
                bytes.len() - whole * RECORD
            ),
        ));
    }
    let mut pixels = Vec::with_capacity(whole * 3 * PLANE);
    let mut labels = Vec::with_capacity(whole);
    for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
        let label = usize::from(record[0]);
        if label >= classes.len() {
            return Err(Error::format_at(
                path,
                (i * RECORD) as u64,
                format!("label {label} of record {i} is not below {}; not a CIFAR-10 file", classes.len()),
            ));
        }
        labels.push(Some(label));
        for p in 0..PLANE {
            pixels.extend([0, 1, 2].map(|channel| record[1 + channel * PLANE + p]));
        }
    }
    Ok((pixels, labels))
}
