//! PyTorch's files: a pickle that names storages, and the storages, in a zip archive (since 1.6) or one after the other.
//!
//! Only tensors are built, by the reader of [`super::pickle`]; nothing in a file is executed.

mod storages;
#[cfg(test)]
mod tests;
mod walk;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::NamedArrays;
use super::archive::Archive;
use super::limits::Budget;
use super::numbers::Order;
use super::pickle::{Pickle, Policy, Refused};
use crate::Error;
use storages::Storages;
pub use write::{Item, write};

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TorchFile {
    /// Every tensor under its key; of nested dictionaries and lists the keys are joined by dots.
    pub tensors: NamedArrays,
    /// Every plain value of a dictionary, under its key as tensors have them.
    pub notes: BTreeMap<String, Note>,
}

/// A plain value beside the tensors, as an epoch or a learning rate.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
}

/// The classes and functions that a file of tensors names.
const TENSORS: Policy = &[
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch", "Size"),
    ("torch", "FloatStorage"),
    ("torch", "DoubleStorage"),
    ("torch", "HalfStorage"),
    ("torch", "BFloat16Storage"),
    ("torch", "LongStorage"),
    ("torch", "IntStorage"),
    ("torch", "ShortStorage"),
    ("torch", "CharStorage"),
    ("torch", "ByteStorage"),
    ("torch", "BoolStorage"),
];

/// The number of ten bytes that begins a file of the older form.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Reads the file at `path`.
///
/// # Errors
/// As [`parse`], or if it cannot be read.
pub fn read(path: &Path) -> Result<TorchFile, Error> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
    parse(path, &bytes)
}

/// Reads the content of a file of either form; `path` serves error texts. What it takes of memory is at most twice the
/// size of the file and [`super::limits::ALLOWANCE`].
///
/// # Errors
/// [`Error::Format`] if it is neither form, is cut off, names anything but tensors and plain values, a tensor reaches
/// beyond its storage, or the tensors take more memory than that.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<TorchFile, Error> {
    let mut budget = Budget::of_file(bytes.len());
    match bytes.starts_with(b"PK") {
        true => parse_zip(path, bytes, &mut budget),
        false => parse_legacy(path, bytes, &mut budget),
    }
}

fn parse_zip(path: &Path, bytes: &[u8], budget: &mut Budget) -> Result<TorchFile, Error> {
    let bad = |reason: String| Error::format(path, reason);
    let archive = Archive::parse(path, bytes)?;
    budget.take(archive.memory()).map_err(bad)?;
    let Some(prefix) = archive.names().find_map(|name| name.strip_suffix("data.pkl")) else {
        return Err(bad("is a zip archive without data.pkl, so no PyTorch file".to_owned()));
    };
    // Names are put together here, one at a time.
    budget.take(2 * prefix.len()).map_err(bad)?;
    let order = match archive.member(&format!("{prefix}byteorder"))?.as_deref() {
        None | Some(b"little") => Order::Little,
        Some(b"big") => Order::Big,
        Some(_) => return Err(bad("says a byte order that is neither little nor big".to_owned())),
    };
    let Some(Cow::Borrowed(data)) = archive.member(&format!("{prefix}data.pkl"))? else {
        return Err(bad("has a compressed data.pkl; PyTorch stores it as it is".to_owned()));
    };
    let (pickle, _) = Pickle::read(data, TENSORS, budget).map_err(|e| refused(path, "in data.pkl", 0, &e))?;
    let storages = Storages::in_archive(&pickle, &archive, prefix, order, budget)?;
    walk::read(path, &pickle, &storages, budget)
}

fn parse_legacy(path: &Path, bytes: &[u8], budget: &mut Budget) -> Result<TorchFile, Error> {
    let mut at = 0;
    let mut next = || -> Result<Pickle, Error> {
        let (pickle, len) =
            Pickle::read(&bytes[at..], TENSORS, budget).map_err(|e| refused(path, "in a pickle", at, &e))?;
        at += len;
        Ok(pickle)
    };
    let magic = next()?;
    if magic.bytes(magic.root()) != Some(&MAGIC) {
        return Err(Error::format(path, "is a pickle, but not one of PyTorch"));
    }
    let (protocol, _system) = (next()?, next()?);
    if protocol.size(protocol.root()) != Some(1001) {
        return Err(Error::format(
            path,
            "is of another version of PyTorch's older form than 1001; save it again",
        ));
    }
    let (pickle, keys) = (next()?, next()?);
    let storages = Storages::behind(path, &pickle, &keys, (bytes, at), budget)?;
    walk::read(path, &pickle, &storages, budget)
}

fn refused(path: &Path, part: &str, start: usize, refused: &Refused) -> Error {
    Error::format_at(path, (start + refused.at) as u64, format!("({part}) {}", refused.reason))
}
