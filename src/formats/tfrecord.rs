//! TFRecord files: byte strings one after the other, each between two checksums.
//!
//! A record is its length (u64), a checksum of the length, the data, and a checksum of the data, all
//! little-endian. The checksums are CRC32C, rotated and shifted so that a checksum of data that hold
//! checksums stays a good one.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::Error;

/// Longest record that [`Reader::open`] accepts.
pub const MOST: u64 = 16 << 20;

/// The checksum as it stands in the file.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The records of a file, in order. The first error ends them.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    path: PathBuf,
    most: u64,
    at: u64,
    done: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a file whose records have at most [`MOST`] bytes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, "open", &e))?;
        Ok(Reader::new(BufReader::with_capacity(1 << 18, file), path, MOST))
    }
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, which errors call `path`; a record of more than `most` bytes is an error.
    pub fn new(input: R, path: &Path, most: u64) -> Reader<R> {
        Reader {
            input,
            path: path.to_path_buf(),
            most,
            at: 0,
            done: false,
        }
    }

    /// Bytes read so far: where the next record begins.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// What the records are read from.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn record(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let began = self.at;
        let mut head = [0; 12];
        match self.fill(&mut head)? {
            0 => return Ok(None),
            12 => {}
            _ => return Err(self.wrong(began, "the file ends in the head of a record; fetch it again")),
        }
        let [len, crc] = [&head[..8], &head[8..]];
        if masked(crc32c(len)) != word(crc) {
            let reason =
                "the checksum of a record's length is wrong: the file is damaged or no TFRecord file";
            return Err(self.wrong(began, reason));
        }
        let len = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
        if len > self.most {
            let reason = format!("a record of {len} bytes; at most {} are accepted", self.most);
            return Err(self.wrong(began, reason));
        }
        // What is asked for grows with what is there, so a false length takes no memory.
        let mut data = Vec::new();
        let read = self.input.by_ref().take(len).read_to_end(&mut data);
        self.at += read.map_err(|e| Error::io(&self.path, "read", &e))? as u64;
        let mut crc = [0; 4];
        if (data.len() as u64) < len || self.fill(&mut crc)? < crc.len() {
            let reason = format!("the file ends within a record of {len} bytes; fetch it again");
            return Err(self.wrong(began, reason));
        }
        if masked(crc32c(&data)) != word(&crc) {
            return Err(self.wrong(began, format!("the checksum of a record of {len} bytes is wrong")));
        }
        Ok(Some(data))
    }

    /// Fills `buffer` unless the input ends before; gives how much was filled.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(&self.path, "read", &e)),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    fn wrong(&self, at: u64, reason: impl Into<String>) -> Error {
        Error::format_at(&self.path, at, reason)
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let record = self.record().transpose();
        self.done = !matches!(record, Some(Ok(_)));
        record
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

/// Writes one record.
///
/// # Errors
/// If `out` fails.
pub fn write(out: &mut (impl Write + ?Sized), record: &[u8]) -> io::Result<()> {
    let len = (record.len() as u64).to_le_bytes();
    out.write_all(&len)?;
    out.write_all(&masked(crc32c(&len)).to_le_bytes())?;
    out.write_all(record)?;
    out.write_all(&masked(crc32c(record)).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(records: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for record in records {
            write(&mut out, record).unwrap();
        }
        out
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let reader = Reader::new(bytes, Path::new("a.tfrecord"), 1000);
        reader.collect::<Result<_, _>>().map_err(|e| e.to_string())
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and counting up.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&std::array::from_fn::<u8, 32, _>(|i| i as u8)), 0x46dd_794e);
        // 0x8a9136aa turned right by 15, plus the constant.
        assert_eq!(masked(0x8a91_36aa), 0x0fd7_fffa);
    }

    #[test]
    fn records_come_back_in_order() {
        let records: [&[u8]; 3] = [b"one", b"", &[7; 1000]];
        let bytes = file(&records);
        assert_eq!(bytes.len(), 3 * 16 + 3 + 1000);
        assert_eq!(read(&bytes).unwrap(), records);
        let mut reader = Reader::new(&bytes[..], Path::new("a"), 1000);
        reader.next();
        assert_eq!(reader.offset(), 19);
        assert_eq!(read(b"").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn every_damaged_byte_is_noticed_with_the_place_of_its_record() {
        let bytes = file(&[b"one", b"second"]);
        for i in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[i] ^= 0x10;
            let text = read(&damaged).unwrap_err();
            let (start, i) = if i < 19 { (0, i) } else { (19, i - 19) };
            assert!(text.contains(&format!("a.tfrecord at byte {start}: ")), "{text}");
            assert_eq!(text.contains("record's length"), i < 12, "{i}: {text}");
        }
        for len in (1..bytes.len()).filter(|len| *len != 19) {
            let text = read(&bytes[..len]).unwrap_err();
            assert!(text.contains("the file ends"), "{len}: {text}");
        }
    }

    #[test]
    fn a_false_length_is_refused_and_takes_no_memory() {
        let head = |len: u64| {
            let len = len.to_le_bytes();
            [&len[..], &masked(crc32c(&len)).to_le_bytes(), b"data"].concat()
        };
        let text = read(&head(u64::MAX)).unwrap_err();
        assert!(text.contains("at byte 0: a record of 18446744073709551615 bytes; at most 1000"), "{text}");
        assert!(read(&head(1000)).unwrap_err().contains("ends within a record of 1000 bytes"));
        let bytes = head(u64::MAX / 2);
        let mut vast = Reader::new(&bytes[..], Path::new("a"), u64::MAX);
        assert!(vast.next().unwrap().is_err() && vast.next().is_none());
    }
}
