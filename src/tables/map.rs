//! A file as memory: its pages are read when they are looked at.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::Error;

/// The bytes of a file, which are not copied.
#[derive(Debug)]
pub(super) struct Mapped(Mmap);

impl Mapped {
    /// Maps the file at `path`, which must not be empty.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(path: &Path) -> Result<Mapped, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, "open", &e))?;
        // SAFETY: the file is opened and mapped for reading only, so nothing here writes to it. That no other
        // program shortens it while it is mapped cannot be made sure of: touching a page that is gone ends
        // this program (SIGBUS). A change in place gives other numbers, which is harmless: every pattern of
        // bits is a valid `f64` or key. Tables are replaced by renaming a finished file, which leaves a
        // mapped one as it was.
        let map = unsafe { Mmap::map(&file) };
        map.map(Mapped).map_err(|e| Error::io(path, "map", &e))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
