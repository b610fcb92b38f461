//! Zip archives as NumPy and PyTorch write them: members that are stored or deflated.
//!
//! No memory is taken on the word of a size in the file: a stored member is a slice of the archive, and a deflated one is
//! expanded into nothing first, to see its true size and its checksum.

mod directory;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use directory::{Directory, Record};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::atomic;
use super::limits::brief;
use crate::Error;

/// Deflation cannot make more than so many bytes out of one.
const MOST_EXPANDED: u64 = 1032;

/// An archive in memory.
pub struct Archive<'a> {
    path: PathBuf,
    directory: Directory<'a>,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive; `path` serves error texts.
    ///
    /// # Errors
    /// If it is no whole zip archive.
    pub fn parse(path: &Path, bytes: &'a [u8]) -> Result<Archive<'a>, Error> {
        let directory = Directory::parse(bytes)
            .map_err(|(at, reason)| Error::format_at(path, at as u64, format!("(zip archive) {reason}")))?;
        Ok(Archive { path: path.to_path_buf(), directory })
    }

    /// The file, for error texts.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of memory that the archive takes beside its file.
    pub fn memory(&self) -> usize {
        self.directory.memory()
    }

    /// Names of the members, in the order of the directory.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.directory.names()
    }

    /// Whether there is a member `name`.
    pub fn has(&self, name: &str) -> bool {
        self.directory.find(name).is_some()
    }

    /// Bytes that the content of the member `name` is said to have, if there is one.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.directory.find(name).map(|record| record.size)
    }

    /// The content of the member `name`, if there is one, its checksum verified.
    ///
    /// # Errors
    /// If it is damaged, encrypted, or compressed by another method than deflation.
    pub fn member(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>, Error> {
        let Some(record) = self.directory.find(name) else {
            return Ok(None);
        };
        let at = record.header;
        let packed = self.directory.packed(&record).map_err(|(at, reason)| (at as u64, reason));
        packed
            .and_then(|packed| content(&record, packed).map_err(|reason| (at, reason)))
            .map(Some)
            .map_err(|(at, reason)| {
                Error::format_at(&self.path, at, format!("member `{}` {reason}", brief(name)))
            })
    }
}

fn content<'a>(record: &Record, packed: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
    if record.flags & 1 != 0 {
        return Err("is encrypted, which is not read".to_owned());
    }
    match record.method {
        0 if record.packed != record.size => {
            Err("has two sizes though it is stored as it is; the file is damaged".to_owned())
        }
        0 => {
            let mut crc = Crc::new();
            crc.update(packed);
            check(&crc, record).map(|()| Cow::Borrowed(packed))
        }
        8 => inflate(record, packed).map(Cow::Owned),
        other => Err(format!("is compressed by method {other}; only deflation is read, save it again")),
    }
}

fn check(crc: &Crc, record: &Record) -> Result<(), String> {
    match crc.sum() == record.crc {
        true => Ok(()),
        false => Err("does not have its checksum; the file is damaged, fetch it again".to_owned()),
    }
}

fn inflate(record: &Record, packed: &[u8]) -> Result<Vec<u8>, String> {
    let size = record.size;
    if size > record.packed.saturating_mul(MOST_EXPANDED) {
        let reason = "is said to expand to {size} bytes, which deflation cannot do; the file is damaged";
        return Err(reason.replace("{size}", &size.to_string()));
    }
    let mut state = Decompress::new(false);
    let mut crc = Crc::new();
    let mut piece = [0; 4096];
    loop {
        let (read, written) = (state.total_in() as usize, state.total_out());
        let status = state
            .decompress(&packed[read..], &mut piece, FlushDecompress::None)
            .map_err(|e| format!("is damaged: {e}; fetch the file again"))?;
        let made = (state.total_out() - written) as usize;
        crc.update(&piece[..made]);
        if state.total_out() > size {
            return Err(format!(
                "expands to more than the {size} bytes it is said to have; fetch the file again"
            ));
        }
        if status == Status::StreamEnd {
            break;
        }
        if made == 0 && state.total_in() as usize == read {
            return Err("is cut off; fetch the file again".to_owned());
        }
    }
    if state.total_out() != size || state.total_in() != record.packed {
        let (found, used) = (state.total_out(), state.total_in());
        return Err(format!(
            "expands from {used} to {found} bytes where {} and {size} are declared; fetch the file again",
            record.packed
        ));
    }
    check(&crc, record)?;
    state.reset(false);
    let mut data = vec![0; size as usize];
    let mut made = 0;
    // The first pass has shown that these bytes fit.
    while made < data.len() {
        let read = state.total_in() as usize;
        state
            .decompress(&packed[read..], &mut data[made..], FlushDecompress::None)
            .map_err(|e| format!("is damaged: {e}; fetch the file again"))?;
        let now = state.total_out() as usize;
        if now == made && state.total_in() as usize == read {
            return Err("is cut off; fetch the file again".to_owned());
        }
        made = now;
    }
    Ok(data)
}

/// Replaces the file at `path` by an archive of `members`, deflated or stored. The same members give the same bytes.
///
/// # Errors
/// If the system refuses; the old content then remains.
pub fn write(path: &Path, members: &[(String, Vec<u8>)], deflated: bool) -> Result<(), Error> {
    let method = if deflated {
        CompressionMethod::Deflated
    } else {
        CompressionMethod::Stored
    };
    atomic::write_with(path, |out| {
        let mut zip = ZipWriter::new_stream(out);
        for (name, bytes) in members {
            let options = SimpleFileOptions::default()
                .compression_method(method)
                .large_file(bytes.len() >= 1 << 31);
            zip.start_file(name.as_str(), options).map_err(io::Error::other)?;
            zip.write_all(bytes)?;
        }
        zip.finish().map_err(io::Error::other)?;
        Ok(())
    })
}
