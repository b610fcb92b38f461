//! STL-10 in its official binary form: pictures of 96x96 bytes in red, green and blue planes, each column by column.
//!
//! The unlabelled part has 2.7 GB, so pictures are resized as they come and only the resized ones are kept.

use std::ops::Range;
use std::path::Path;

use super::ImageShape;
use super::memory::{Memory, store};
use super::place::{Member, Place};
use super::resize::Picture;
use super::source::{Source, Split};
use crate::Error;
use rayon::prelude::*;

const SIDE: usize = 96;
const PLANE: usize = SIDE * SIDE;
/// Bytes of one picture.
const RECORD: usize = 3 * PLANE;
/// Height and width that searches on STL-10 use.
const USUAL_SIZE: usize = 48;
/// Pictures that are read before they are resized together.
const CHUNK: usize = 256;
/// Larger files hold no labels or names.
const LARGEST_LIST: u64 = 16 << 20;
const NAMES: [&str; 10] =
    ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

/// Opens the training and the unlabelled pictures, the test pictures, or all of them in that order.
pub(super) fn open(source: &Source) -> Result<Memory, Error> {
    let parts: &[Part] = match source.split.unwrap_or(Split::Train) {
        Split::Train => &[Part::Train, Part::Unlabelled],
        Split::Test => &[Part::Test],
        Split::All => &[Part::Train, Part::Unlabelled, Part::Test],
    };
    let is_part = |name: &str| PARTS.iter().any(|part| name == part.pictures());
    let place = Place::find(&source.path, is_part, &["stl10_binary"], &["stl10_binary.tar.gz"])?;
    let place = place.ok_or_else(|| missing(&source.path, "train_X.bin, unlabeled_X.bin or test_X.bin"))?;
    let size = source.size.unwrap_or(USUAL_SIZE);
    let mut set = Set {
        shape: ImageShape {
            h: size,
            w: size,
            c: if source.gray { 1 } else { 3 },
        },
        limit: source.limit.unwrap_or(usize::MAX),
        bytes: Vec::new(),
        ranges: Vec::new(),
        labels: [None, None],
        classes: NAMES.map(String::from).to_vec(),
    };
    let wanted = |name: &str| {
        let of_part = |part: &Part| name == part.pictures() || Some(name) == part.labels();
        name == "class_names.txt" || parts.iter().any(of_part)
    };
    place.each(wanted, |file| set.add(file))?;
    let labels = set.in_order(&place, parts)?;
    let count = labels.len().min(set.limit);
    if count == 0 {
        return Err(Error::format(place.path(), "holds no picture: its files are empty"));
    }
    let mut memory = Memory {
        name: source.text.clone(),
        shape: set.shape,
        stored_c: set.shape.c,
        bytes: set.bytes,
        labels,
        classes: Some(set.classes),
        skipped: 0,
        flip: source.flip,
    };
    memory.labels.truncate(count);
    memory.bytes.truncate(count * memory.shape.values());
    memory.bytes.shrink_to_fit();
    Ok(memory)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Unlabelled,
    Test,
}

const PARTS: [Part; 3] = [Part::Train, Part::Unlabelled, Part::Test];

impl Part {
    fn pictures(self) -> &'static str {
        match self {
            Part::Train => "train_X.bin",
            Part::Unlabelled => "unlabeled_X.bin",
            Part::Test => "test_X.bin",
        }
    }

    fn labels(self) -> Option<&'static str> {
        match self {
            Part::Train => Some("train_y.bin"),
            Part::Unlabelled => None,
            Part::Test => Some("test_y.bin"),
        }
    }
}

/// What was read so far.
struct Set {
    /// Of the pictures as they are kept.
    shape: ImageShape,
    /// Pictures that are needed of a part at most.
    limit: usize,
    bytes: Vec<u8>,
    /// The parts in the order they came, and which of the pictures are theirs.
    ranges: Vec<(Part, Range<usize>)>,
    /// Labels of the training and of the test pictures, from 0.
    labels: [Option<Vec<usize>>; 2],
    classes: Vec<String>,
}

impl Set {
    fn add(&mut self, file: Member) -> Result<(), Error> {
        if let Some(part) = PARTS.into_iter().find(|part| part.pictures() == file.name) {
            return self.add_pictures(part, file);
        }
        let (path, name) = (file.path.clone(), file.name.to_owned());
        let bytes = file.all(LARGEST_LIST)?;
        match name.as_str() {
            "class_names.txt" => self.classes = class_names(&path, &bytes)?,
            "train_y.bin" => self.labels[0] = Some(labels(&path, &bytes)?),
            _ => self.labels[1] = Some(labels(&path, &bytes)?),
        }
        Ok(())
    }

    fn add_pictures(&mut self, part: Part, mut file: Member) -> Result<(), Error> {
        let whole = file.size / RECORD as u64;
        if file.size != whole * RECORD as u64 {
            let reason = format!(
                "the file ends {} bytes into picture {whole}, pictures have {RECORD} bytes; fetch it again",
                file.size - whole * RECORD as u64
            );
            return Err(Error::format_at(&file.path, whole * RECORD as u64, reason));
        }
        let count = usize::try_from(whole).unwrap_or(usize::MAX).min(self.limit);
        let (stride, first) = (self.shape.values(), self.ranges.last().map_or(0, |(_, range)| range.end));
        let mut chunk = vec![0; CHUNK * RECORD];
        let mut done = 0;
        while done < count {
            let n = CHUNK.min(count - done);
            file.fill(&mut chunk[..n * RECORD])?;
            // Grows with the pictures that came, whatever the file's size promises.
            self.bytes.resize((first + done + n) * stride, 0);
            self.bytes[(first + done) * stride..]
                .par_chunks_mut(stride)
                .zip(chunk.par_chunks(RECORD))
                .for_each(|(out, record)| {
                    store(&upright(record).fit(self.shape.h, self.shape.w), out);
                });
            done += n;
        }
        self.ranges.push((part, first..first + count));
        Ok(())
    }

    /// Puts the pictures in the order of `parts` and gives their labels.
    fn in_order(&mut self, place: &Place, parts: &[Part]) -> Result<Vec<Option<usize>>, Error> {
        let stride = self.shape.values();
        let mut all = Vec::new();
        for part in parts {
            let found = self.ranges.iter().position(|(of, _)| of == part);
            let found = found.ok_or_else(|| missing(place.path(), part.pictures()))?;
            let (_, range) = self.ranges.remove(found);
            let first = all.len();
            self.bytes[first * stride..range.end * stride].rotate_right(range.len() * stride);
            for (_, other) in &mut self.ranges {
                if other.start < range.start {
                    *other = other.start + range.len()..other.end + range.len();
                }
            }
            match part.labels() {
                None => all.extend(range.map(|_| None)),
                Some(name) => {
                    let labels = self.labels[usize::from(*part == Part::Test)].take();
                    let labels = labels.ok_or_else(|| missing(place.path(), name))?;
                    let fits =
                        labels.len() == range.len() || self.limit == range.len() && labels.len() > self.limit;
                    if !fits {
                        let reason =
                            format!("{name} holds {} labels for {} pictures", labels.len(), range.len());
                        return Err(Error::format(place.path(), reason));
                    }
                    all.extend(labels.into_iter().take(range.len()).map(Some));
                }
            }
        }
        Ok(all)
    }
}

fn missing(path: &Path, what: &str) -> Error {
    let reason =
        format!("holds no {what} of STL-10, nor stl10_binary.tar.gz; `ganas data fetch stl10` downloads it");
    Error::format(path, reason)
}

/// A picture from planes that are stored column by column.
fn upright(record: &[u8]) -> Picture {
    let mut bytes = Vec::with_capacity(RECORD);
    for y in 0..SIDE {
        for x in 0..SIDE {
            bytes.extend([0, 1, 2].map(|channel| record[channel * PLANE + x * SIDE + y]));
        }
    }
    Picture { h: SIDE, w: SIDE, c: 3, bytes }
}

/// Labels from 0; those of the file count from 1.
fn labels(path: &Path, bytes: &[u8]) -> Result<Vec<usize>, Error> {
    let label = |(i, v): (usize, &u8)| match *v {
        v @ 1..=10 => Ok(usize::from(v) - 1),
        v => Err(Error::format_at(
            path,
            i as u64,
            format!("label {v} is not in 1..=10; not a file of STL-10"),
        )),
    };
    bytes.iter().enumerate().map(label).collect()
}

fn class_names(path: &Path, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::format(path, "is no text"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let names: Vec<String> = lines.map(String::from).collect();
    if names.len() != NAMES.len() {
        return Err(Error::format(
            path,
            format!("holds {} class names, expected 10, one a line", names.len()),
        ));
    }
    Ok(names)
}
