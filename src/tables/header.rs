//! The head of a table's file: what the table says of itself, and where its parts begin.
//!
//! A file is, all little-endian: the magic `GANASTBL`; the version (u32); the length of the header (u64); the
//! header, JSON; zeros up to a multiple of 8; the keys, 16 bytes each in ascending order, unless the rows are
//! numbered by the genes; the columns one after the other, an `f64` a row, not a number where nothing was
//! measured.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::column::{Column, Wanted};
use crate::Error;

/// First bytes of a table's file.
pub const MAGIC: [u8; 8] = *b"GANASTBL";
/// Version of the layout.
const VERSION: u32 = 1;
/// Bytes before the header.
const START: usize = 20;
/// Longest header.
const MOST_HEADER: usize = 4 << 20;
/// Most columns.
const MOST_COLUMNS: usize = 8192;
/// Most rows: a row fits into 32 bits.
const MOST_ROWS: u64 = u32::MAX as u64;
/// Most genes of a table that is numbered by them.
const MOST_GENES: usize = 64;
/// Bytes of a key.
pub(super) const KEY: usize = 16;

/// What a table says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Name of the space.
    pub space: String,
    /// Number of architectures.
    pub rows: u64,
    /// How an architecture is found.
    pub keys: Keying,
    /// What was measured.
    pub columns: Vec<Column>,
    /// What the table was made from.
    pub source: Source,
    /// What a reader of reports should know.
    pub notes: Vec<String>,
}

/// How the row of an architecture is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Keying {
    /// By its genes: the row is the number that they are the digits of, the first gene the most significant
    /// one.
    Dense {
        /// Number of options of each gene.
        radices: Vec<u8>,
    },
    /// By a hash of 128 bits.
    Hashed,
}

/// The file that a table was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name, without folders.
    pub file: String,
    /// SHA-256 of its content; of a folder, that of the list of its files' hashes.
    pub sha256: String,
}

impl Keying {
    /// The row of these genes, if there are as many as digits and each is an option.
    pub(super) fn row(&self, genes: &[u8]) -> Option<usize> {
        let Keying::Dense { radices } = self else {
            return None;
        };
        if genes.len() != radices.len() {
            return None;
        }
        genes.iter().zip(radices).try_fold(0, |row, (gene, radix)| {
            (gene < radix).then(|| row * usize::from(*radix) + usize::from(*gene))
        })
    }
}

impl Keying {
    /// The genes of a row, if it is found by them: the inverse of [`Keying::row`].
    pub fn genes(&self, mut row: usize) -> Option<Vec<u8>> {
        let Keying::Dense { radices } = self else {
            return None;
        };
        let mut genes = vec![0; radices.len()];
        for (gene, radix) in genes.iter_mut().zip(radices).rev() {
            *gene = (row % usize::from(*radix)) as u8;
            row /= usize::from(*radix);
        }
        Some(genes)
    }
}

impl Header {
    /// Checks what the types do not: sizes that belong together, and that no column comes twice.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.rows == 0 || self.rows > MOST_ROWS {
            return Err(format!("{} rows; a table has 1 to {MOST_ROWS}", self.rows));
        }
        if self.columns.is_empty() || self.columns.len() > MOST_COLUMNS {
            return Err(format!("{} columns; a table has 1 to {MOST_COLUMNS}", self.columns.len()));
        }
        if let Keying::Dense { radices } = &self.keys {
            let product = radices.iter().try_fold(1_u64, |n, r| n.checked_mul(u64::from(*r)));
            if radices.len() > MOST_GENES || product != Some(self.rows) {
                return Err(format!("{} rows do not fit genes with {radices:?} options", self.rows));
            }
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.columns.iter().find(|column| !seen.insert(Wanted::of(column))) {
            return Err(format!("the column `{twice}` comes twice"));
        }
        Ok(())
    }

    fn key_bytes(&self) -> u64 {
        match self.keys {
            Keying::Dense { .. } => 0,
            Keying::Hashed => self.rows * KEY as u64,
        }
    }

    /// The bytes before the keys.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a header has only texts and numbers");
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend((json.len() as u64).to_le_bytes());
        out.extend(json);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    }

    /// Reads the head of a whole file; gives the header and where the keys and the columns lie. Only the head
    /// is looked at.
    pub(super) fn parse(path: &Path, file: &[u8]) -> Result<(Header, Range<usize>, Range<usize>), Error> {
        let wrong = |at: usize, reason: String| Error::format_at(path, at as u64, reason);
        let short = || wrong(file.len(), "the table ends within its head; make it again".to_owned());
        if !file.starts_with(&MAGIC) {
            return Err(wrong(0, "is no converted table: it does not begin with `GANASTBL`".to_owned()));
        }
        let [version, len] = [file.get(8..12), file.get(12..START)].map(|part| part.ok_or_else(short));
        let version = u32::from_le_bytes(version?.try_into().expect("four bytes"));
        if version != VERSION {
            return Err(wrong(
                8,
                format!("has version {version}, this program reads {VERSION}; convert it again"),
            ));
        }
        let len = u64::from_le_bytes(len?.try_into().expect("eight bytes"));
        let len = usize::try_from(len).ok().filter(|len| *len <= MOST_HEADER).ok_or_else(|| {
            wrong(12, format!("says that its header has {len} bytes, more than {MOST_HEADER}"))
        })?;
        let json = file.get(START..START + len).ok_or_else(short)?;
        let header: Header = serde_json::from_slice(json)
            .map_err(|e| wrong(START, format!("has a header that cannot be read: {e}")))?;
        header
            .check()
            .map_err(|reason| wrong(START, format!("has a header with {reason}")))?;
        let keys = (START + len).next_multiple_of(8);
        let padding = file.get(START + len..keys).ok_or_else(short)?;
        if padding.iter().any(|b| *b != 0) {
            return Err(wrong(START + len, "has other bytes than zeros behind its header".to_owned()));
        }
        // At most 2^32 rows of 8 bytes in 2^13 columns: no overflow.
        let values = header.rows * 8 * header.columns.len() as u64;
        let want = keys as u64 + header.key_bytes() + values;
        if want != file.len() as u64 {
            let reason =
                format!("has {} bytes, by its header it should have {want}; make it again", file.len());
            return Err(wrong(file.len(), reason));
        }
        let columns = keys + header.key_bytes() as usize;
        Ok((header, keys..columns, columns..file.len()))
    }
}
