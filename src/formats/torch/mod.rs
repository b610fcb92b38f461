//! PyTorch's files: a pickle that names storages, and the storages, in a zip archive (since 1.6) or one after the other.
//!
//! Only tensors are built, by the reader of [`super::pickle`]; nothing in a file is executed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::archive::Archive;
use super::numbers::Stored;
use super::pickle::{Pickle, Ref, Refused, Value};
use super::{Array, NamedArrays};
use crate::Error;

/// How often all of a file's bytes may be named by tensors: programs name one tensor twice, and rarely more often.
const MOST_NAMED: usize = 4;
/// Deepest nesting of dictionaries and lists.
const DEEPEST: usize = 16;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TorchFile {
    /// Every tensor under its key; of nested dictionaries and lists the keys are joined by dots.
    pub tensors: NamedArrays,
}

/// Reads the file at `path`.
///
/// # Errors
/// As [`parse`], or if it cannot be read.
pub fn read(path: &Path) -> Result<TorchFile, Error> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
    parse(path, &bytes)
}

/// Reads the content of a file of either form; `path` serves error texts.
///
/// # Errors
/// [`Error::Format`] if it is neither form, is cut off, names anything but tensors and plain values, or a tensor reaches
/// beyond its storage.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<TorchFile, Error> {
    let (pickle, storages) = match bytes.starts_with(b"PK") {
        true => open_zip(path, bytes)?,
        false => open_legacy(path, bytes)?,
    };
    let mut reader = Reader {
        path,
        pickle: &pickle,
        storages,
        left: bytes.len().saturating_mul(MOST_NAMED),
        tensors: NamedArrays::new(),
    };
    reader.walk()?;
    Ok(TorchFile { tensors: reader.tensors })
}

/// The classes and functions that a file of tensors names.
fn allowed(module: &str, name: &str) -> bool {
    match module {
        "collections" => name == "OrderedDict",
        "torch._utils" => matches!(name, "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_parameter"),
        "torch" => name == "Size" || storage_type(name).is_some(),
        _ => false,
    }
}

fn storage_type(class: &str) -> Option<Stored> {
    Some(match class {
        "FloatStorage" => Stored::F32,
        "DoubleStorage" => Stored::F64,
        "HalfStorage" => Stored::F16,
        "BFloat16Storage" => Stored::Bf16,
        "LongStorage" => Stored::I64,
        "IntStorage" => Stored::I32,
        "ShortStorage" => Stored::I16,
        "CharStorage" => Stored::I8,
        "ByteStorage" | "BoolStorage" => Stored::U8,
        _ => return None,
    })
}

/// Where the bytes of storages are.
enum Storages<'a> {
    Zip { archive: Archive<'a>, prefix: String },
    Legacy { bytes: &'a [u8], places: HashMap<String, (usize, usize)> },
}

fn open_zip<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Pickle<'a>, Storages<'a>), Error> {
    let mut archive = Archive::parse(path, bytes)?;
    let names = archive.names();
    let Some(prefix) = names.iter().find_map(|name| name.strip_suffix("data.pkl")) else {
        return Err(Error::format(path, "is a zip archive without data.pkl, so no PyTorch file"));
    };
    let prefix = prefix.to_owned();
    if let Some(order) = archive.member(&format!("{prefix}byteorder"))?
        && *order != *b"little"
    {
        return Err(Error::format(path, "was written on a big-endian machine, which is not read"));
    }
    let member = archive.member(&format!("{prefix}data.pkl"))?;
    let Some(Cow::Borrowed(data)) = member else {
        return Err(Error::format(path, "has a compressed data.pkl; PyTorch stores it as it is"));
    };
    let (pickle, _) =
        Pickle::read(data, bytes.len(), allowed).map_err(|e| refused(path, "data.pkl", 0, e))?;
    Ok((pickle, Storages::Zip { archive, prefix }))
}

/// The little-endian number that begins a file of the older form.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

fn open_legacy<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Pickle<'a>, Storages<'a>), Error> {
    let mut at = 0;
    let mut next = || -> Result<Pickle<'a>, Error> {
        let (pickle, len) =
            Pickle::read(&bytes[at..], bytes.len(), allowed).map_err(|e| refused(path, "the file", at, e))?;
        at += len;
        Ok(pickle)
    };
    let magic = next()?;
    if *magic.get(magic.root()) != Value::Bytes(&MAGIC) {
        return Err(Error::format(path, "is a pickle, but not one of PyTorch"));
    }
    let (_protocol, _system) = (next()?, next()?);
    let (pickle, keys) = (next()?, next()?);
    let types = storage_types(&pickle);
    let mut places = HashMap::new();
    for key in keys.parts(keys.root()).unwrap_or_default() {
        let key = keys
            .text(*key)
            .ok_or_else(|| Error::format_at(path, at as u64, "a storage's key is no text"))?;
        let size = types.get(key).map_or(1, |stored| stored.size());
        let header = bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        let len = header.and_then(|n| usize::try_from(n).ok()).and_then(|n| n.checked_mul(size));
        let end = len.and_then(|len| (at + 8).checked_add(len)).filter(|end| *end <= bytes.len());
        let Some(end) = end else {
            let reason = format!("storage `{key}` ends beyond the file; fetch it again");
            return Err(Error::format_at(path, at as u64, reason));
        };
        places.insert(key.to_owned(), (at + 8, end));
        at = end;
    }
    Ok((pickle, Storages::Legacy { bytes, places }))
}

/// The type of each storage that the pickle names.
fn storage_types(pickle: &Pickle) -> HashMap<String, Stored> {
    let named = pickle.values().filter_map(|value| match value {
        Value::Persistent(id) => {
            let (key, stored, _) = storage(pickle, *id)?;
            Some((key.to_owned(), stored))
        }
        _ => None,
    });
    named.collect()
}

/// Key, type and number of elements of the storage with this identity.
fn storage<'a>(pickle: &Pickle<'a>, id: Ref) -> Option<(&'a str, Stored, usize)> {
    let [kind, class, key, _location, len, ..] = pickle.parts(id)? else {
        return None;
    };
    match (pickle.text(*kind)?, pickle.get(*class)) {
        ("storage", Value::Global("torch", class)) => {
            Some((pickle.text(*key)?, storage_type(class)?, pickle.size(*len)?))
        }
        _ => None,
    }
}

fn refused(path: &Path, part: &str, start: usize, refused: Refused) -> Error {
    Error::format_at(path, (start + refused.at) as u64, format!("(in {part}) {}", refused.reason))
}

/// Walks through the values of a pickle and reads the tensors.
struct Reader<'p, 'a> {
    path: &'p Path,
    pickle: &'p Pickle<'a>,
    storages: Storages<'a>,
    /// Bytes of storages that tensors may still name.
    left: usize,
    tensors: NamedArrays,
}

impl Reader<'_, '_> {
    fn walk(&mut self) -> Result<(), Error> {
        // A value that names itself would be walked through for ever.
        let mut visits = self.pickle.values().len().saturating_mul(4);
        let mut waiting = vec![(String::new(), self.pickle.root(), 0)];
        while let Some((name, at, depth)) = waiting.pop() {
            visits = visits.checked_sub(1).filter(|_| depth <= DEEPEST).ok_or_else(|| {
                Error::format(self.path, format!("`{name}` is nested too deep, or within itself"))
            })?;
            let joined = |key: &dyn std::fmt::Display| match name.as_str() {
                "" => key.to_string(),
                _ => format!("{name}.{key}"),
            };
            match self.pickle.get(at) {
                Value::Dict(entries) => {
                    for (key, value) in entries {
                        let key = match self.pickle.get(*key) {
                            Value::Text(key) => joined(key),
                            Value::Int(key) => joined(key),
                            _ => continue,
                        };
                        waiting.push((key, *value, depth + 1));
                    }
                }
                Value::List(parts) | Value::Tuple(parts) => {
                    waiting.extend(parts.iter().enumerate().map(|(i, part)| (joined(&i), *part, depth + 1)));
                }
                Value::Made { of, with } => self.made(name, *of, *with, depth, &mut waiting)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn made(
        &mut self,
        name: String,
        of: Ref,
        with: Ref,
        depth: usize,
        waiting: &mut Vec<(String, Ref, usize)>,
    ) -> Result<(), Error> {
        let parts = self.pickle.parts(with).unwrap_or_default();
        match (self.pickle.get(of), parts) {
            (Value::Global("torch._utils", "_rebuild_parameter"), [data, ..]) => {
                waiting.push((name, *data, depth + 1));
            }
            (Value::Global("torch._utils", _), [storage, offset, size, stride, ..]) => {
                let name = if name.is_empty() { "tensor".to_owned() } else { name };
                let array = self
                    .tensor(*storage, *offset, *size, *stride)
                    .map_err(|reason| Error::format(self.path, format!("tensor `{name}` {reason}")))?;
                self.tensors.insert(name, &array.shape, array.values);
            }
            // A size is a tuple of numbers.
            (Value::Global("torch", "Size"), _) => {}
            _ => return Err(Error::format(self.path, format!("`{name}` is no tensor"))),
        }
        Ok(())
    }

    fn tensor(&mut self, id: Ref, offset: Ref, size: Ref, stride: Ref) -> Result<Array, String> {
        let known = match self.pickle.get(id) {
            Value::Persistent(id) => storage(self.pickle, *id),
            _ => None,
        };
        let (key, stored, len) = known.ok_or("has no storage of numbers")?;
        let sizes = |at: Ref| -> Option<Vec<usize>> {
            self.pickle.parts(at)?.iter().map(|part| self.pickle.size(*part)).collect()
        };
        let offset = self.pickle.size(offset).ok_or("has no offset")?;
        let (shape, strides) = (sizes(size).ok_or("has no sizes")?, sizes(stride).ok_or("has no strides")?);
        let n = shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
        let beyond = || format!("of shape {shape:?} reaches beyond its storage of {len} values");
        // Strides of 0 would let a small storage fill the memory.
        let n = n.filter(|n| *n <= len && shape.len() == strides.len()).ok_or_else(beyond)?;
        if n == 0 {
            return Ok(Array { shape, values: Vec::new() });
        }
        let reach = shape
            .iter()
            .zip(&strides)
            .try_fold(offset, |at, (size, stride)| at.checked_add((size - 1).checked_mul(*stride)?));
        if reach.is_none_or(|last| last >= len) {
            return Err(beyond());
        }
        self.left = self
            .left
            .checked_sub(n * stored.size())
            .ok_or("and others name the same values too often")?;
        let bytes = self.storages.get(self.path, key, len * stored.size())?;
        let values = match contiguous(&shape, &strides) {
            true => stored.read_f32(&bytes[offset * stored.size()..][..n * stored.size()]),
            false => gather(&bytes, stored, offset, &shape, &strides),
        };
        Ok(Array { shape, values })
    }
}

impl Storages<'_> {
    /// The `len` bytes of a storage.
    fn get(&mut self, path: &Path, key: &str, len: usize) -> Result<Cow<'_, [u8]>, String> {
        let bytes = match self {
            Storages::Zip { archive, prefix } => {
                let found = archive.member(&format!("{prefix}data/{key}")).map_err(|e| match e {
                    Error::Format { reason, .. } => reason,
                    other => other.to_string(),
                })?;
                found.ok_or_else(|| format!("has no storage data/{key} in {}", path.display()))?
            }
            Storages::Legacy { bytes, places } => {
                let (start, end) = places.get(key).ok_or_else(|| format!("has no storage {key}"))?;
                Cow::Borrowed(&bytes[*start..*end])
            }
        };
        if bytes.len() < len {
            return Err(format!("has a storage of {} bytes where {len} are named", bytes.len()));
        }
        Ok(bytes)
    }
}

/// Whether values lie one after the other in row-major order; an axis of size 1 may have any stride.
fn contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut want = 1;
    shape.iter().zip(strides).rev().all(|(size, stride)| {
        let fits = *size == 1 || *stride == want;
        want *= size;
        fits
    })
}

fn gather(bytes: &[u8], stored: Stored, offset: usize, shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let n: usize = shape.iter().product();
    let size = stored.size();
    let place = |mut rest: usize| {
        let mut at = offset;
        for (size, stride) in shape.iter().zip(strides).rev() {
            at += rest % size * stride;
            rest /= size;
        }
        at
    };
    (0..n).map(|i| stored.read_f32(&bytes[place(i) * size..][..size])[0]).collect()
}

#[cfg(test)]
mod tests;
