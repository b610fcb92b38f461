//! Zip archives as NumPy and PyTorch write them: members that are stored or deflated.
//!
//! No memory is taken on the word of a size in the file: a stored member is a slice of the archive, and a deflated one is
//! expanded into nothing first, to see its true size and its checksum.

use std::borrow::Cow;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::atomic;
use crate::Error;

/// Most members of an archive; a larger number is that of a damaged or hostile one.
const MOST_MEMBERS: usize = 1 << 16;

/// An archive in memory.
pub struct Archive<'a> {
    path: PathBuf,
    bytes: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive; `path` serves error texts.
    ///
    /// # Errors
    /// If it is no whole zip archive.
    pub fn parse(path: &Path, bytes: &'a [u8]) -> Result<Archive<'a>, Error> {
        check_directory(bytes).map_err(|reason| Error::format(path, reason))?;
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|e| Error::format(path, format!("not a whole zip archive: {e}")))?;
        Ok(Archive { path: path.to_path_buf(), bytes, zip })
    }

    /// Names of the members, in the order of the directory.
    pub fn names(&self) -> Vec<String> {
        self.zip
            .file_names_raw()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    /// The content of the member `name`, if there is one, its checksum verified.
    ///
    /// # Errors
    /// If it is damaged, encrypted, or compressed by another method than deflation.
    pub fn member(&mut self, name: &str) -> Result<Option<Cow<'a, [u8]>>, Error> {
        let bad = |reason: String| Error::format(&self.path, format!("member `{name}` {reason}"));
        let (method, start, packed, size, crc) = match self.zip.by_name(name) {
            Ok(file) => {
                let start = file.data_start().ok_or_else(|| bad("has no data".to_owned()))?;
                (file.compression(), start, file.compressed_size(), file.size(), file.crc32())
            }
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(bad(format!("cannot be read: {e}"))),
        };
        if method == CompressionMethod::Stored {
            let end = start.checked_add(packed).filter(|_| packed == size);
            let data = end.and_then(|end| self.bytes.get(start as usize..end as usize));
            let data = data.ok_or_else(|| bad("ends beyond the file; fetch it again".to_owned()))?;
            if crc32fast::hash(data) != crc {
                return Err(
                    bad("does not have its checksum; the file is damaged, fetch it again".to_owned()),
                );
            }
            return Ok(Some(Cow::Borrowed(data)));
        }
        let expand = |zip: &mut ZipArchive<Cursor<&[u8]>>, to: &mut dyn Write| -> Result<u64, String> {
            let file = zip.by_name(name).map_err(|e| e.to_string())?;
            // One byte beyond the declared size shows that there is more.
            io::copy(&mut file.take(size.saturating_add(1)), to).map_err(|e| e.to_string())
        };
        let found = expand(&mut self.zip, &mut io::sink())
            .map_err(|e| bad(format!("is damaged: {e}; fetch it again")))?;
        if found != size {
            return Err(bad(format!("expands to {found} bytes where {size} are declared; fetch it again")));
        }
        let mut data = Vec::with_capacity(size as usize);
        expand(&mut self.zip, &mut data).map_err(bad)?;
        Ok(Some(Cow::Owned(data)))
    }
}

/// Refuses an archive whose directory claims more members than its bytes can name, before anybody makes room for them.
fn check_directory(bytes: &[u8]) -> Result<(), String> {
    let records = bytes.windows(4).filter(|w| *w == b"PK\x01\x02").take(MOST_MEMBERS + 1).count();
    let end = bytes
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .ok_or("is no zip archive, or cut off; fetch it again")?;
    let claimed = match bytes.get(end + 10..end + 12) {
        Some(&[a, b]) => usize::from(u16::from_le_bytes([a, b])),
        _ => return Err("is a zip archive without its last record; fetch it again".to_owned()),
    };
    if records > MOST_MEMBERS || (claimed > records && claimed != usize::from(u16::MAX)) {
        return Err(format!("claims {claimed} members and names {records}; it is damaged"));
    }
    Ok(())
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
