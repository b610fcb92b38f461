//! Where the values of tensors lie.

use std::borrow::Cow;
use std::path::Path;

use super::super::archive::Archive;
use super::super::limits::{Budget, brief};
use super::super::numbers::{Order, Stored};
use super::super::pickle::{Pickle, Ref, Value};
use crate::Error;

/// One storage.
#[derive(Clone, Copy)]
pub(super) struct Storage<'a> {
    key: &'a str,
    pub stored: Stored,
    /// Number of values.
    pub len: usize,
    pub bytes: &'a [u8],
}

/// All storages that a pickle names, by their keys.
pub(super) struct Storages<'a> {
    all: Vec<Storage<'a>>,
    pub order: Order,
}

impl<'a> Storages<'a> {
    /// The storages of `pickle` in members of `archive`. Each is found and its checksum verified once, however many
    /// tensors share it.
    pub fn in_archive(
        pickle: &Pickle<'a>,
        archive: &Archive<'a>,
        prefix: &str,
        order: Order,
        budget: &mut Budget,
    ) -> Result<Storages<'a>, Error> {
        let path = archive.path();
        let mut all = named(pickle, budget).map_err(|reason| Error::format(path, reason))?;
        for storage in &mut all {
            let name = storage.key.len();
            budget.take(name).map_err(|reason| Error::format(path, reason))?;
            let bad =
                |reason: &str| Error::format(path, format!("storage data/{} {reason}", brief(storage.key)));
            storage.bytes = match archive.member(&format!("{prefix}data/{}", storage.key))? {
                Some(Cow::Borrowed(bytes)) => bytes,
                Some(Cow::Owned(_)) => return Err(bad("is compressed; PyTorch stores it as it is")),
                None => return Err(bad("is missing; fetch the file again")),
            };
            let want = storage.len.checked_mul(storage.stored.size());
            if want.is_none_or(|want| want > storage.bytes.len()) {
                return Err(bad("holds fewer values than the pickle says; fetch the file again"));
            }
            budget.give(name);
        }
        Ok(Storages { all, order })
    }

    /// The storages of `pickle` in the bytes of a file of the older form, from a place on, in the order of `keys`: each
    /// a number of values, then these, always with the lowest byte first.
    pub fn behind(
        path: &Path,
        pickle: &Pickle<'a>,
        keys: &Pickle<'a>,
        (bytes, mut at): (&'a [u8], usize),
        budget: &mut Budget,
    ) -> Result<Storages<'a>, Error> {
        let mut all = named(pickle, budget).map_err(|reason| Error::format(path, reason))?;
        let listed = keys.parts(keys.root()).ok_or_else(|| {
            Error::format_at(path, at as u64, "the keys of the storages are no list; fetch the file again")
        })?;
        for key in listed {
            let bad = |reason: &str| Error::format_at(path, at as u64, reason.to_owned());
            let key = keys.text(key).ok_or_else(|| bad("the key of a storage is no text"))?;
            let place = all.binary_search_by(|storage| storage.key.cmp(key));
            let storage = &mut all[place.map_err(|_| bad("a storage is listed that no tensor has"))?];
            let rest = &bytes[at..];
            let values = rest.split_first_chunk::<8>().and_then(|(count, values)| {
                let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
                values.get(..count.checked_mul(storage.stored.size())?)
            });
            storage.bytes =
                values.ok_or_else(|| bad("a storage ends beyond the file; fetch the file again"))?;
            at += 8 + storage.bytes.len();
        }
        for storage in &all {
            let want = storage.len.checked_mul(storage.stored.size());
            if want.is_none_or(|want| want > storage.bytes.len()) {
                let reason =
                    format!("storage {} holds fewer values than the pickle says", brief(storage.key));
                return Err(Error::format(path, reason));
            }
        }
        Ok(Storages { all, order: Order::Little })
    }

    /// The storage that the value at `id` of `pickle` names.
    pub fn find(&self, pickle: &Pickle<'a>, id: Ref) -> Option<Storage<'a>> {
        let Value::Persistent(id) = pickle.get(id) else {
            return None;
        };
        let named = storage(pickle, id)?;
        let place = self.all.binary_search_by(|storage| storage.key.cmp(named.key));
        // A pickle may name another part of a storage each time.
        place.ok().map(|place| Storage { len: named.len, ..self.all[place] })
    }
}

/// Every storage that the pickle names, sorted by key, with the greatest length it is named with.
fn named<'a>(pickle: &Pickle<'a>, budget: &mut Budget) -> Result<Vec<Storage<'a>>, String> {
    let mut all: Vec<Storage> = Vec::new();
    for value in pickle.values() {
        if let Value::Persistent(id) = value
            && let Some(storage) = storage(pickle, id)
        {
            budget.push(&mut all, storage)?;
        }
    }
    all.sort_unstable_by_key(|storage| (storage.key, std::cmp::Reverse(storage.len)));
    if let Some([one, _]) = all.array_windows().find(|[a, b]| a.key == b.key && a.stored != b.stored) {
        return Err(format!("storage {} is named with two types of numbers", brief(one.key)));
    }
    all.dedup_by_key(|storage| storage.key);
    Ok(all)
}

/// The storage with this identity, without its bytes.
fn storage<'a>(pickle: &Pickle<'a>, id: Ref) -> Option<Storage<'a>> {
    let [kind, class, key, _device, len] = pickle.first(id)?;
    // The older form may name a view of a storage by a sixth part, which nobody has written for years.
    if let Some(view) = pickle.parts(id)?.nth(5)
        && pickle.get(view) != Value::None
    {
        return None;
    }
    let (Some("storage"), Some(("torch", class))) = (pickle.text(kind), pickle.global(class)) else {
        return None;
    };
    Some(Storage {
        key: pickle.text(key)?,
        stored: storage_type(class)?,
        len: pickle.size(len)?,
        bytes: &[],
    })
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
