//! Tables as comma-separated text: cells by line and column, with both in every error.

use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord};

use super::header::Source;
use crate::Error;
use crate::formats::limits::brief;
use crate::formats::sha256;

/// A file with a line of names, read line by line.
pub(super) struct Lines<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    reader: Reader<&'a [u8]>,
    names: StringRecord,
    line: StringRecord,
}

impl<'a> Lines<'a> {
    /// Reads the line of names.
    ///
    /// # Errors
    /// If there is none, or one of `wanted` is not in it.
    pub fn new(path: &'a Path, bytes: &'a [u8], wanted: &[&str]) -> Result<Lines<'a>, Error> {
        let mut reader = ReaderBuilder::new().from_reader(bytes);
        let names = reader.headers().map_err(|e| unreadable(path, &e))?.clone();
        if let Some(absent) = wanted.iter().find(|name| !names.iter().any(|n| n == **name)) {
            let found = brief(&names.iter().collect::<Vec<_>>().join(","));
            let reason = format!("line 1: there is no column `{absent}`; the columns are {found}");
            return Err(Error::format(path, reason));
        }
        let line = StringRecord::new();
        Ok(Lines { path, bytes, reader, names, line })
    }

    /// Goes to the next line; false behind the last.
    ///
    /// # Errors
    /// If it has another number of cells than the first, or is not UTF-8.
    pub fn next(&mut self) -> Result<bool, Error> {
        self.reader.read_record(&mut self.line).map_err(|e| unreadable(self.path, &e))
    }

    /// The text of a column.
    ///
    /// # Panics
    /// If the column was not asked for.
    pub fn text(&self, column: &str) -> &str {
        let at = self.names.iter().position(|name| name == column);
        &self.line[at.expect("the names were checked when the file was opened")]
    }

    /// The finite number in a column, of `low` to `high`.
    ///
    /// # Errors
    /// If there is none.
    pub fn number(&self, column: &str, low: f64, high: f64) -> Result<f64, Error> {
        let number = self.text(column).trim().parse::<f64>().ok();
        number
            .filter(|v| (low..=high).contains(v))
            .ok_or_else(|| self.wrong(column, &format!("is no number of {low} to {high}")))
    }

    /// The whole number in a column, of `low` to `high`.
    ///
    /// # Errors
    /// If there is none.
    pub fn whole(&self, column: &str, low: f64, high: f64) -> Result<f64, Error> {
        match self.number(column, low, high)? {
            whole if whole.fract() == 0.0 => Ok(whole),
            _ => Err(self.wrong(column, "is no whole number")),
        }
    }

    /// The digits in a column, `count` of them below `radix`.
    ///
    /// # Errors
    /// If they are others.
    pub fn digits(&self, column: &str, count: usize, radix: u8) -> Result<Vec<u8>, Error> {
        let digit = |b: u8| b.checked_sub(b'0').filter(|digit| *digit < radix);
        let digits: Option<Vec<u8>> = self.text(column).bytes().map(digit).collect();
        digits
            .filter(|digits| digits.len() == count)
            .ok_or_else(|| self.wrong(column, &format!("is not {count} digits of 0 to {}", radix - 1)))
    }

    /// An error about the cell in a column of this line.
    pub fn wrong(&self, column: &str, reason: &str) -> Error {
        let line = self.line.position().map_or(0, csv::Position::line);
        let text = brief(self.text(column));
        Error::format(self.path, format!("line {line}, column `{column}`: `{text}` {reason}"))
    }

    /// Name and hash of the file.
    pub fn source(&self) -> Source {
        Source {
            file: file_name(self.path),
            sha256: sha256::of_bytes(self.bytes),
        }
    }
}

/// The name of a file or folder without those that it lies in.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unreadable(path: &Path, error: &csv::Error) -> Error {
    let line = error.position().map_or_else(String::new, |at| format!("line {}: ", at.line()));
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells, the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        other => format!("cannot be read: {other:?}"),
    };
    Error::format(path, format!("{line}{reason}"))
}
