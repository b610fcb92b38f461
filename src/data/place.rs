//! Where the named files of a set are: in a folder, or packed in a `.tar.gz`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::Error;
use flate2::bufread::MultiGzDecoder;

/// A folder or an archive of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Folder(PathBuf),
    /// A gzipped tar archive; its files may lie in folders of it.
    Archive(PathBuf),
}

/// A file of a place, read from its start.
pub(super) struct Member<'a> {
    /// Name without folders.
    pub name: &'a str,
    /// Its path for messages; inside an archive, that of the archive and of the file in it.
    pub path: PathBuf,
    /// Bytes that it must have, which is no reason to take memory.
    pub size: u64,
    at: u64,
    from: &'a mut dyn Read,
}

impl Place {
    /// The place that `path` means: an archive, or a folder with files that `wanted` accepts, which may lie in one of
    /// `folders` below, or in one of `archives`, whichever comes first.
    pub fn find(
        path: &Path,
        wanted: impl Fn(&str) -> bool,
        folders: &[&str],
        archives: &[&str],
    ) -> Result<Option<Place>, Error> {
        if path.is_file() {
            return Ok(Some(Place::Archive(path.to_path_buf())));
        }
        let below = folders.iter().map(|name| path.join(name)).filter(|folder| folder.is_dir());
        for folder in std::iter::once(path.to_path_buf()).chain(below) {
            if names(&folder)?.iter().any(|name| wanted(name)) {
                return Ok(Some(Place::Folder(folder)));
            }
        }
        let archive = archives.iter().map(|name| path.join(name)).find(|path| path.is_file());
        Ok(archive.map(Place::Archive))
    }

    /// Gives every file whose name `wanted` accepts to `visit`: those of a folder by name, those of an archive as they
    /// come. An archive is read to its end, where its checksum is.
    pub fn each(
        &self,
        wanted: impl Fn(&str) -> bool,
        mut visit: impl FnMut(Member) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Place::Folder(folder) => {
                for name in names(folder)?.iter().filter(|name| wanted(name)) {
                    let path = folder.join(name);
                    let mut file = File::open(&path).map_err(|e| Error::io(&path, "open", &e))?;
                    let size = file.metadata().map_err(|e| Error::io(&path, "open", &e))?.len();
                    visit(Member { name, path, size, at: 0, from: &mut file })?;
                }
                Ok(())
            }
            Place::Archive(path) => each_packed(path, wanted, visit),
        }
    }

    /// The path of the folder or the archive.
    pub fn path(&self) -> &Path {
        match self {
            Place::Folder(path) | Place::Archive(path) => path,
        }
    }
}

impl Member<'_> {
    /// Fills `buffer` as far as the file goes; gives the number of bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or ends before its size.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.from.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(broken(&self.path, self.at + filled as u64, &e)),
            }
        }
        self.at += filled as u64;
        if filled < buffer.len() && self.at < self.size {
            let reason = format!("truncated: the file must have {} bytes; fetch it again", self.size);
            return Err(Error::format_at(&self.path, self.at, reason));
        }
        Ok(filled)
    }

    /// The whole content, of at most `limit` bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or is larger.
    pub fn all(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        if self.size > limit {
            let reason = format!("has {} bytes, more than the {limit} that such a file may have", self.size);
            return Err(Error::format(&self.path, reason));
        }
        let mut bytes = Vec::new();
        loop {
            let old = bytes.len();
            // Memory grows with what was really there.
            bytes.resize(old + (1 << 18).max(old / 2), 0);
            let filled = self.fill(&mut bytes[old..])?;
            if old + filled < bytes.len() {
                bytes.truncate(old + filled);
                return Ok(bytes);
            }
        }
    }
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "open", &e))? {
        let entry = entry.map_err(|e| Error::io(folder, "read", &e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn each_packed(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
    mut visit: impl FnMut(Member) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = File::open(path).map_err(|e| Error::io(path, "open", &e))?;
    let mut content = MultiGzDecoder::new(BufReader::with_capacity(1 << 18, file));
    if content.header().is_none() {
        return Err(Error::format_at(path, 0, "is no folder, and no .tar.gz archive of the set either"));
    }
    let mut archive = tar::Archive::new(&mut content);
    // Raw: names of more than 100 characters are spread over entries that this reader would gather in memory, and no
    // file of a set has one.
    let entries = archive.entries().map_err(|e| Error::io(path, "read", &e))?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|e| broken(path, 0, &e))?;
        let inside = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = inside.rsplit('/').next().unwrap_or_default();
        if !entry.header().entry_type().is_file() || !wanted(name) {
            continue;
        }
        let path = path.join(inside.trim_start_matches('/'));
        visit(Member {
            name,
            path,
            size: entry.size(),
            at: 0,
            from: &mut entry,
        })?;
    }
    io::copy(&mut content, &mut io::sink()).map_err(|e| broken(path, 0, &e))?;
    Ok(())
}

/// What a failing read means. A decoder's reasons have these kinds; the system's own errors have others.
fn broken(path: &Path, at: u64, error: &io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        Other | InvalidData | InvalidInput | UnexpectedEof => Error::format_at(
            path,
            at,
            "unpacking fails there: the archive is damaged or cut off; fetch it again",
        ),
        _ => Error::io(path, "read", error),
    }
}
