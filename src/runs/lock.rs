//! One process at a time in a run folder.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::Error;

/// Held while a run folder is in use. The system drops it with the process, however that ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Closing the file would do, were there no process that is being started at this moment: until it runs its own program it
    /// holds a copy of every open file, and the lock with it.
    fn drop(&mut self) {
        // Nothing is lost if the system refuses: the file is closed next.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of the run in `folder`.
    ///
    /// # Errors
    /// If another process holds it, or the system refuses.
    pub fn take(folder: &Path) -> Result<Lock, Error> {
        let path = folder.join("lock");
        let fail = |e: std::io::Error| Error::io(&path, "lock", &e);
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message: a lock whose holder cannot be read is held all the same.
                let by = match file.read_to_string(&mut holder) {
                    Ok(_) if !holder.trim().is_empty() => format!(" (process {})", holder.trim()),
                    _ => String::new(),
                };
                let reason =
                    format!("is in use by another process{by}; wait for it to end, or choose another folder");
                return Err(Error::run(folder, reason));
            }
            Err(TryLockError::Error(e)) => return Err(fail(e)),
        }
        let unwritten = |e: std::io::Error| Error::io(&path, "write", &e);
        file.set_len(0).map_err(unwritten)?;
        write!(file, "{}", std::process::id()).map_err(unwritten)?;
        Ok(Lock { file })
    }
}
