//! The file that a download is written to before it has its name.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;
use crate::formats::atomic::{UNFINISHED, sync_folder};
use crate::formats::sha256::Hasher;

/// A part of a file, from its start, hashed as far as it goes. It is locked against other processes while it is open, and
/// stays when it is dropped.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    len: u64,
}

impl Part {
    /// The part of `target` that an earlier call left, or an empty one. `None` if `stop` was set meanwhile.
    pub fn open(target: &Path, stop: &AtomicBool) -> Result<Option<Part>, Error> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}{UNFINISHED}"));
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| Error::io(&path, "open", &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let e = io::Error::other("another process is downloading it; wait until it is done");
                return Err(Error::io(&path, "lock", &e));
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(&path, "lock", &e)),
        }
        let mut part = Part { path, file, hasher: Hasher::new(), len: 0 };
        let mut block = vec![0; 1 << 18];
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            match part.file.read(&mut block) {
                Ok(0) => return Ok(Some(part)),
                Ok(n) => {
                    part.hasher.update(&block[..n]);
                    part.len += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(&part.path, "read", &e)),
            }
        }
    }

    /// Bytes that are here.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|e| Error::io(&self.path, "write", &e))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Throws the bytes away.
    pub fn clear(&mut self) -> Result<(), Error> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.map_err(|e| Error::io(&self.path, "cut", &e))?;
        self.hasher = Hasher::new();
        self.len = 0;
        Ok(())
    }

    /// SHA-256 of the bytes.
    pub fn hash(&self) -> String {
        self.hasher.clone().finish()
    }

    /// Gives the file its name, where there is none yet.
    pub fn finish(self, target: &Path) -> Result<(), Error> {
        self.file.sync_all().map_err(|e| Error::io(&self.path, "sync", &e))?;
        fs::rename(&self.path, target).map_err(|e| Error::io(target, "write", &e))?;
        sync_folder(match target.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        })
    }

    /// Removes the file.
    pub fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(|e| Error::io(&self.path, "remove", &e))
    }
}
