//! Which picture files a folder or tar archive holds, in the order of their paths, and how to read their bytes.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::decode::LARGEST_FILE;
use crate::Error;

/// A picture file below the root of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Path relative to the folder, or inside the archive.
    pub path: PathBuf,
    /// Offset and size in the archive; `None` for a file of its own.
    pub packed: Option<(u64, u64)>,
}

/// Every PNG and JPEG (by name) below the folder, or in the tar archive, `root`; hidden files are left out.
pub(super) fn list(root: &Path) -> Result<Vec<Found>, Error> {
    let kind = std::fs::metadata(root).map_err(|e| Error::io(root, "open", &e))?;
    let found = if kind.is_dir() {
        let mut found = Vec::new();
        walk(root, Path::new(""), &mut HashSet::new(), &mut found)?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    } else {
        list_tar(root)?
    };
    if found.is_empty() {
        return Err(Error::format(root, "holds no PNG or JPEG picture (*.png, *.jpg, *.jpeg)"));
    }
    Ok(found)
}

/// Bytes of one listed file.
pub(super) fn bytes(root: &Path, found: &Found) -> Result<Vec<u8>, Error> {
    let Some((offset, size)) = found.packed else {
        let path = root.join(&found.path);
        return std::fs::read(&path).map_err(|e| Error::io(&path, "read", &e));
    };
    let read = || {
        let mut file = File::open(root)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; size as usize];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|e| Error::io(root, "read", &e))
}

fn is_picture(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let picture = path.extension().is_some_and(|extension| {
        ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    });
    picture && !hidden
}

fn too_large(size: u64) -> String {
    format!("has {size} bytes, more than the {LARGEST_FILE} that a picture file may have")
}

/// Adds the pictures below `root/below`. Each real folder is entered once, so a loop of links ends.
fn walk(
    root: &Path,
    below: &Path,
    entered: &mut HashSet<PathBuf>,
    found: &mut Vec<Found>,
) -> Result<(), Error> {
    let folder = root.join(below);
    let real = folder.canonicalize().map_err(|e| Error::io(&folder, "open", &e))?;
    if !entered.insert(real) {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|e| Error::io(&folder, "open", &e))? {
        names.push(entry.map_err(|e| Error::io(&folder, "read", &e))?.file_name());
    }
    names.sort();
    for name in names {
        let relative = below.join(&name);
        let path = root.join(&relative);
        let hidden = name.to_string_lossy().starts_with('.');
        let kind = match std::fs::metadata(&path) {
            Ok(kind) => kind,
            // A dangling link, or a link to itself, matters only if it claims to be a picture.
            Err(_) if hidden || !is_picture(&path) => continue,
            Err(e) => return Err(Error::io(&path, "open", &e)),
        };
        if kind.is_dir() && !hidden {
            walk(root, &relative, entered, found)?;
        } else if kind.is_file() && is_picture(&path) {
            if kind.len() > LARGEST_FILE {
                return Err(Error::format(&path, too_large(kind.len())));
            }
            found.push(Found { path: relative, packed: None });
        }
    }
    Ok(())
}

fn list_tar(path: &Path) -> Result<Vec<Found>, Error> {
    let packed = path
        .extension()
        .is_some_and(|e| ["gz", "tgz", "bz2", "xz", "zst", "zip"].iter().any(|p| e == *p));
    if packed {
        return Err(Error::format(
            path,
            "compressed archives are not read in place; unpack it to a folder or a plain .tar",
        ));
    }
    let file = File::open(path).map_err(|e| Error::io(path, "open", &e))?;
    let length = file.metadata().map_err(|e| Error::io(path, "open", &e))?.len();
    let mut archive = tar::Archive::new(file);
    let mut end = 0u64;
    // A later entry of the same path replaces the earlier one, as unpacking would.
    let mut found = BTreeMap::new();
    let entries = archive.entries_with_seek().map_err(|e| Error::io(path, "read", &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| broken_header(path, end, &e))?;
        let (offset, size) = (entry.raw_file_position(), entry.size());
        let name = entry.path().map_err(|e| {
            Error::format_at(path, entry.raw_header_position(), format!("unreadable name: {e}"))
        })?;
        let name: PathBuf = name.components().filter(is_named).collect();
        end = offset
            .checked_add(size)
            .filter(|end| *end <= length)
            .ok_or_else(|| {
                Error::format_at(
                    path,
                    offset,
                    format!(
                        "truncated: `{}` has {size} bytes, the archive ends at {length}; fetch it again",
                        name.display()
                    ),
                )
            })?
            .next_multiple_of(512);
        if !entry.header().entry_type().is_file() || !is_picture(&name) {
            continue;
        }
        if size > LARGEST_FILE {
            let reason = format!("`{}` {}", name.display(), too_large(size));
            return Err(Error::format_at(path, offset, reason));
        }
        found.insert(name, (offset, size));
    }
    // An archive cut between two entries looks whole but for the missing block of zeros at its end.
    if end + 512 > length {
        return Err(Error::format_at(
            path,
            length,
            "truncated: the end mark of the tar archive is missing; fetch it again",
        ));
    }
    Ok(found
        .into_iter()
        .map(|(path, packed)| Found { path, packed: Some(packed) })
        .collect())
}

/// Why there is no header at byte `at`. What the reader says of a wrong one quotes its bytes, so it is left out.
fn broken_header(path: &Path, at: u64, error: &io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        Other | InvalidData | InvalidInput | UnexpectedEof => {
            let reason =
                "no tar header where one must be: this is no tar archive, or a damaged one; fetch it again";
            Error::format_at(path, at, reason)
        }
        _ => Error::io(path, "read", error),
    }
}

/// Not the `.` or `/` that some archivers put before every name.
fn is_named(component: &std::path::Component<'_>) -> bool {
    matches!(component, std::path::Component::Normal(_))
}
