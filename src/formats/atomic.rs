//! Files that are replaced whole: a reader, or a program killed half-way, never sees a partial one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Ending of the name of a file that is still being written.
pub const UNFINISHED: &str = ".part";

/// Replaces the file at `path` by `bytes`.
///
/// # Errors
/// If the system refuses; the old content then remains.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, |out| out.write_all(bytes))
}

/// Replaces the file at `path` by what `fill` writes: written aside, synced, renamed, folder synced.
///
/// # Errors
/// If the system refuses or `fill` fails; the old content then remains.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let fail = |e: io::Error| Error::io(path, "write", &e);
    // A link keeps pointing where it did: its target is what gets replaced.
    let target = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(e) if e.kind() == io::ErrorKind::NotFound => path.to_path_buf(),
        Err(e) => return Err(fail(e)),
    };
    if target.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    if target.exists() && !target.is_file() {
        // A terminal, a pipe or /dev/null cannot be replaced, only written to.
        let mut file = File::options().write(true).open(&target).map_err(fail)?;
        return fill(&mut file).map_err(fail);
    }
    let aside = beside(&target);
    let written = fill_and_sync(&aside, fill).and_then(|()| fs::rename(&aside, &target));
    if let Err(e) = written {
        // The first failure is the one to report; a leftover is harmless and its name says what it is.
        let _leftover = fs::remove_file(&aside);
        return Err(fail(e));
    }
    sync_folder(folder_of(&target))
}

/// Makes renames and new files in `folder` survive a power cut.
///
/// # Errors
/// If the system refuses.
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Other systems cannot open a folder as a file and order such changes themselves.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(|e| Error::io(folder, "sync", &e))?;
    }
    Ok(())
}

fn fill_and_sync(aside: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, File::create(aside)?);
    fill(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// The name under which `target` is written first: hidden, in the same folder, apart for each process.
fn beside(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}{UNFINISHED}", std::process::id()));
    target.with_file_name(name)
}

/// The folder that holds `file`.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write(&path, b"old").unwrap();
        let failed = write_with(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        let text = failed.unwrap_err().to_string();
        assert!(text.contains("a.json") && text.contains("disk full"), "{text}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_and_missing_folders_are_errors_with_the_path() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(dir.path(), b"x").is_err());
        let text = write(&dir.path().join("none/x"), b"x").unwrap_err().to_string();
        assert!(text.contains("none/x") && text.contains("write"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn links_keep_pointing_and_devices_are_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        write(Path::new("/dev/null"), b"gone").unwrap();
        assert!(write(Path::new("/dev/full"), b"x").is_err());
    }
}
