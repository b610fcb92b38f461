//! Folders and tar archives of PNG and JPEG files; sub-folders are classes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::decode::decode;
use super::listing::{self, Found};
use super::memory::{Memory, expand, store};
use super::resize::Picture;
use super::source::{Source, Split};
use super::{ImageShape, Images, OpenOptions, first_error};
use crate::Error;
use rayon::prelude::*;

/// Opens the folder or archive: every picture is decoded once, and kept if all of them fit into `options.memory`.
pub(super) fn open(source: &Source, options: &OpenOptions) -> Result<Box<dyn Images>, Error> {
    let found = listing::list(&source.path)?;
    let files = Files::sort_out(source, found, options.skip_bad)?;
    let (h, w) = match source.size {
        Some(size) => (size, size),
        None => files.first_size()?,
    };
    let shape = ImageShape { h, w, c: if source.gray { 1 } else { 3 } };
    if files.found.len().saturating_mul(shape.values()) <= options.memory {
        Ok(Box::new(keep(source, files, shape)?))
    } else {
        Ok(Box::new(OnDisk::check(source, files, shape)?))
    }
}

/// The files of the wanted split with their classes.
struct Files {
    root: PathBuf,
    found: Vec<Found>,
    labels: Vec<Option<usize>>,
    classes: Option<Vec<String>>,
    skip_bad: bool,
}

impl Files {
    fn sort_out(source: &Source, found: Vec<Found>, skip_bad: bool) -> Result<Files, Error> {
        let chosen = choose_split(source, found)?;
        let names: BTreeSet<&String> = chosen.iter().filter_map(|(class, _)| class.as_ref()).collect();
        let index: BTreeMap<&String, usize> = names.iter().enumerate().map(|(i, name)| (*name, i)).collect();
        let limit = source.limit.unwrap_or(chosen.len()).min(chosen.len());
        let mut files = Files {
            root: source.path.clone(),
            found: Vec::with_capacity(limit),
            labels: Vec::with_capacity(limit),
            classes: None,
            skip_bad,
        };
        for i in 0..limit {
            // The files are sorted by class, so the first ones alone would be of one class.
            let at = if names.is_empty() { i } else { i * chosen.len() / limit };
            let (class, found) = &chosen[at];
            files.found.push(found.clone());
            files.labels.push(class.as_ref().map(|class| index[class]));
        }
        if !names.is_empty() {
            files.classes = Some(names.into_iter().cloned().collect());
        }
        Ok(files)
    }

    /// Picture `i`, or `None` if it is bad and may be skipped.
    fn decode(&self, i: usize) -> Result<Option<Picture>, Error> {
        let found = &self.found[i];
        let bytes = listing::bytes(&self.root, found)?;
        match decode(&bytes) {
            Ok(picture) => Ok(Some(picture)),
            Err(_) if self.skip_bad => Ok(None),
            Err(reason) => Err(bad_picture(&self.root, found, &reason)),
        }
    }

    fn first_size(&self) -> Result<(usize, usize), Error> {
        for i in 0..self.found.len() {
            if let Some(picture) = self.decode(i)? {
                return Ok((picture.h, picture.w));
            }
        }
        Err(self.none_left())
    }

    fn none_left(&self) -> Error {
        Error::format(&self.root, format!("none of its {} picture files can be decoded", self.found.len()))
    }

    /// Keeps the files whose flag is set and says how many went.
    fn retain(&mut self, good: &[bool]) -> Result<usize, Error> {
        if !good.contains(&true) {
            return Err(self.none_left());
        }
        let mut flags = good.iter();
        self.found.retain(|_| flags.next() == Some(&true));
        let mut flags = good.iter();
        self.labels.retain(|_| flags.next() == Some(&true));
        Ok(good.len() - self.found.len())
    }
}

fn bad_picture(root: &Path, found: &Found, reason: &str) -> Error {
    let remedy = "replace it, or leave bad pictures out with --skip-bad";
    match found.packed {
        Some((offset, _)) => Error::format_at(
            root,
            offset,
            format!("`{}` cannot be decoded: {reason}; {remedy}", found.path.display()),
        ),
        None => Error::format(root.join(&found.path), format!("cannot be decoded: {reason}; {remedy}")),
    }
}

type Classed = (Option<String>, Found);

/// The files of the wanted split, each with the name of the first folder below the root or the split's folder.
fn choose_split(source: &Source, found: Vec<Found>) -> Result<Vec<Classed>, Error> {
    let top = |found: &Found| folders(&found.path).first().cloned();
    let has = |name: &str| found.iter().any(|f| top(f).as_deref() == Some(name));
    let (train, test) = (has("train"), has("test"));
    let missing = |name: &str, other: bool, remedy: &str| {
        let hint = if other { format!("; {remedy}") } else { String::new() };
        Error::config(
            &source.text,
            format!("{} has no folder `{name}` with pictures{hint}", source.path.display()),
        )
    };
    let split = match source.split {
        None if train || test => Some(Split::Train),
        split => split,
    };
    let wanted: &[&str] = match split {
        Some(Split::Train) if !train => {
            return Err(missing("train", test, "its folder `test` is chosen with ?split=test"));
        }
        Some(Split::Test) if !test => {
            return Err(missing("test", train, "its folder `train` is chosen with ?split=train"));
        }
        Some(Split::Train) => &["train"],
        Some(Split::Test) => &["test"],
        Some(Split::All) if train || test => &["train", "test"],
        Some(Split::All) | None => &[],
    };
    let mut chosen = Vec::with_capacity(found.len());
    for found in found {
        let mut folders = folders(&found.path);
        if !wanted.is_empty() {
            match folders.first() {
                Some(first) if wanted.contains(&first.as_str()) => folders.remove(0),
                Some(_) | None => continue,
            };
        }
        chosen.push((folders.into_iter().next(), found));
    }
    Ok(chosen)
}

/// Names of the folders on the way to the file.
fn folders(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = path
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    names.pop();
    names
}

/// Decodes all files into memory.
fn keep(source: &Source, mut files: Files, shape: ImageShape) -> Result<Memory, Error> {
    let stride = shape.values();
    let mut bytes = vec![0; files.found.len() * stride];
    let results: Vec<_> = bytes
        .par_chunks_mut(stride)
        .enumerate()
        .map(|(i, out)| {
            let picture = files.decode(i)?;
            if let Some(picture) = &picture {
                store(&picture.clone().fit(shape.h, shape.w), out);
            }
            Ok(picture.is_some())
        })
        .collect();
    let good = first_error(results)?;
    let mut kept = 0;
    for i in (0..good.len()).filter(|i| good[*i]) {
        bytes.copy_within(i * stride..(i + 1) * stride, kept * stride);
        kept += 1;
    }
    bytes.truncate(kept * stride);
    let skipped = files.retain(&good)?;
    Ok(Memory {
        name: source.text.clone(),
        shape,
        stored_c: shape.c,
        bytes,
        labels: files.labels,
        classes: files.classes,
        skipped,
        flip: source.flip,
    })
}

/// Pictures that are decoded anew at every read, because together they are too large for the memory.
struct OnDisk {
    name: String,
    files: Files,
    shape: ImageShape,
    skipped: usize,
    flip: bool,
}

impl OnDisk {
    fn check(source: &Source, mut files: Files, shape: ImageShape) -> Result<OnDisk, Error> {
        let results: Vec<_> = (0..files.found.len())
            .into_par_iter()
            .map(|i| Ok(files.decode(i)?.is_some()))
            .collect();
        let good = first_error(results)?;
        let skipped = files.retain(&good)?;
        files.skip_bad = false;
        Ok(OnDisk {
            name: source.text.clone(),
            files,
            shape,
            skipped,
            flip: source.flip,
        })
    }
}

impl Images for OnDisk {
    fn len(&self) -> usize {
        self.files.found.len()
    }

    fn shape(&self) -> ImageShape {
        self.shape
    }

    fn read(&self, i: usize, out: &mut [f32]) -> Result<(), Error> {
        assert_eq!(out.len(), self.shape.values(), "Images::read: size of out");
        let found = &self.files.found[i];
        let file = listing::bytes(&self.files.root, found)?;
        let picture = decode(&file).map_err(|reason| bad_picture(&self.files.root, found, &reason))?;
        let mut bytes = vec![0; out.len()];
        store(&picture.fit(self.shape.h, self.shape.w), &mut bytes);
        expand(&bytes, 1, out);
        Ok(())
    }

    fn classes(&self) -> Option<&[String]> {
        self.files.classes.as_deref()
    }

    fn label(&self, i: usize) -> Option<usize> {
        self.files.labels[i]
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn skipped(&self) -> usize {
        self.skipped
    }

    fn flip(&self) -> bool {
        self.flip
    }
}
