//! CIFAR-10 in its official forms: binary records or Python pickles, in a folder or packed as they are published.

mod pickles;
mod records;

use std::collections::BTreeMap;
use std::path::Path;

use super::ImageShape;
use super::memory::Memory;
use super::place::{Member, Place};
use super::source::{Source, Split};
use crate::Error;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
/// Bytes of one picture.
const PIXELS: usize = 3 * PLANE;
/// Larger files are no batches: an official one has 30 MB.
const LARGEST_FILE: u64 = 1 << 30;
const NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const FOLDERS: [&str; 2] = ["cifar-10-batches-bin", "cifar-10-batches-py"];
const ARCHIVES: [&str; 2] = ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"];

/// Pictures of one file and their labels.
struct Records {
    pixels: Vec<u8>,
    labels: Vec<Option<usize>>,
}

impl Records {
    fn with_capacity(n: usize) -> Records {
        Records {
            pixels: Vec::with_capacity(n * PIXELS),
            labels: Vec::with_capacity(n),
        }
    }
}

/// Opens the batches of the wanted split, in the order of their names.
pub(super) fn open(source: &Source) -> Result<Memory, Error> {
    let split = source.split.unwrap_or(Split::Train);
    let place = Place::find(&source.path, |name| part(name).is_some(), &FOLDERS, &ARCHIVES)?;
    let place = place.ok_or_else(|| none(&source.path, split))?;
    let files = read(&place, split)?;
    let classes = files.classes.unwrap_or_else(|| NAMES.map(String::from).to_vec());
    let mut all = Records::with_capacity(files.batches.values().map(|batch| batch.labels.len()).sum());
    for batch in files.batches.into_values() {
        all.pixels.extend(batch.pixels);
        all.labels.extend(batch.labels);
    }
    if all.labels.is_empty() {
        return Err(Error::format(place.path(), "its batches hold no picture"));
    }
    let shape = ImageShape { h: SIDE, w: SIDE, c: 3 };
    Ok(Memory::new(source, shape, all.pixels, all.labels, Some(classes)))
}

/// What was read of a place.
#[derive(Default)]
struct Files {
    batches: BTreeMap<String, Records>,
    classes: Option<Vec<String>>,
}

/// The batches of `split`. Where a folder holds both forms, the binary one is taken.
fn read(place: &Place, split: Split) -> Result<Files, Error> {
    let mut files = Files::default();
    let binary = match place {
        Place::Folder(folder) => holds_binary(folder)?,
        Place::Archive(_) => false,
    };
    let wanted = |name: &str| match part(name) {
        Some(of) => (split == Split::All || split == of) && (is_binary(name) || !binary),
        None => name == "batches.meta.txt" || (name == "batches.meta" && !binary),
    };
    place.each(wanted, |file| files.add(file))?;
    if files.batches.keys().any(|name| is_binary(name)) {
        files.batches.retain(|name, _| is_binary(name));
    }
    if files.batches.is_empty() {
        return Err(none(place.path(), split));
    }
    Ok(files)
}

impl Files {
    fn add(&mut self, file: Member) -> Result<(), Error> {
        let (name, path) = (file.name.to_owned(), file.path.clone());
        let bytes = file.all(LARGEST_FILE)?;
        if part(&name).is_none() {
            let names = match is_binary(&name) {
                true => lines(&path, &bytes)?,
                false => pickles::class_names(&path, &bytes)?,
            };
            if names.len() != NAMES.len() {
                return Err(Error::format(&path, format!("holds {} class names, expected 10", names.len())));
            }
            self.classes = Some(names);
            return Ok(());
        }
        let batch = match is_binary(&name) {
            true => records::read(&path, &bytes, NAMES.len())?,
            false => pickles::read(&path, &bytes, NAMES.len())?,
        };
        self.batches.insert(name, batch);
        Ok(())
    }
}

/// The split that a file belongs to, if it is a batch.
fn part(name: &str) -> Option<Split> {
    let stem = name.strip_suffix(".bin").unwrap_or(name);
    match stem.strip_prefix("data_batch_") {
        Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Split::Train)
        }
        _ => (stem == "test_batch").then_some(Split::Test),
    }
}

fn is_binary(name: &str) -> bool {
    name.ends_with(".bin") || name.ends_with(".txt")
}

fn holds_binary(folder: &Path) -> Result<bool, Error> {
    let found = Place::find(folder, |name| part(name).is_some() && is_binary(name), &[], &[])?;
    Ok(found.is_some())
}

fn none(path: &Path, split: Split) -> Error {
    let wanted = match split {
        Split::Train => "data_batch_*",
        Split::Test => "test_batch",
        Split::All => "data_batch_* or test_batch",
    };
    let reason = format!(
        "holds no {wanted} of CIFAR-10, neither as binary files (*.bin) nor as pickles, nor {} or {}; `ganas data fetch \
         cifar10` downloads it",
        ARCHIVES[0], ARCHIVES[1]
    );
    Error::format(path, reason)
}

fn lines(path: &Path, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::format(path, "is no text"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(String::from).collect())
}

/// Appends a picture of three planes, pixel by pixel.
fn interleave(planes: &[u8], out: &mut Vec<u8>) {
    for p in 0..PLANE {
        out.extend([0, 1, 2].map(|channel| planes[channel * PLANE + p]));
    }
}
