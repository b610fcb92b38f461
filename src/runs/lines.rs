//! An append-only file with one JSON object a line.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Error;

/// The file, its length and the checksum of its content.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: File,
    len: u64,
    crc: crc32fast::Hasher,
}

impl Lines {
    /// Opens the file cut back to its first `keep` bytes; it is created if it is missing.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(path: PathBuf, keep: u64) -> Result<Lines, Error> {
        let fail = |action| {
            let path = path.clone();
            move |e: std::io::Error| Error::io(&path, action, &e)
        };
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail("open"))?;
        let len = file.metadata().map_err(fail("read"))?.len().min(keep);
        file.set_len(len).map_err(fail("cut back"))?;
        file.seek(SeekFrom::End(0)).map_err(fail("read"))?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&fs::read(&path).map_err(fail("read"))?);
        Ok(Lines { path, file, len, crc })
    }

    /// Appends one line for each value.
    ///
    /// # Errors
    /// If the system refuses; a resumed run cuts off what was half written.
    pub fn append(&mut self, values: &[Value]) -> Result<(), Error> {
        let text: String = values.iter().map(|v| format!("{v}\n")).collect();
        self.file
            .write_all(text.as_bytes())
            .map_err(|e| Error::io(&self.path, "write", &e))?;
        self.len += text.len() as u64;
        self.crc.update(text.as_bytes());
        Ok(())
    }

    /// Waits until all lines are on the disk.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|e| Error::io(&self.path, "sync", &e))
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// CRC-32 of the content.
    pub fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }

    /// The whole lines of a file behind its first `keep` bytes; one that was half written ends them.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn beyond(path: &Path, keep: u64) -> Result<Vec<Value>, Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io(path, "read", &e)),
        };
        let tail = bytes.get(keep as usize..).unwrap_or_default();
        let whole = tail.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n"));
        Ok(whole.map_while(|line| serde_json::from_slice(line).ok()).collect())
    }

    /// All lines of a file.
    ///
    /// # Errors
    /// If it cannot be read or a line is not JSON.
    pub fn all(path: &Path) -> Result<Vec<Value>, Error> {
        let text = fs::read_to_string(path).map_err(|e| Error::io(path, "read", &e))?;
        let parse = |(i, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|e| Error::format(path, format!("line {}: {e}", i + 1)))
        };
        text.lines().enumerate().map(parse).collect()
    }
}
