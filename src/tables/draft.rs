//! A table of numbered rows in the making.

use std::path::Path;

use super::column::Column;
use super::header::{Header, Keying, Source};
use super::table::Table;
use crate::Error;

/// Columns whose rows are numbered by genes and filled in any order.
pub(super) struct Draft {
    keys: Keying,
    rows: usize,
    columns: Vec<Column>,
    values: Vec<f64>,
    filled: Vec<bool>,
}

impl Draft {
    /// No row is filled. The number of rows must fit into memory, as that of the published spaces does.
    pub fn new(radices: Vec<u8>, columns: Vec<Column>) -> Draft {
        let rows = radices.iter().map(|r| usize::from(*r)).product();
        Draft {
            keys: Keying::Dense { radices },
            rows,
            values: vec![f64::NAN; rows * columns.len()],
            columns,
            filled: vec![false; rows],
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Fills the row of `genes`; false if there is none or it was filled before.
    pub fn fill(&mut self, genes: &[u8], row: &[f64]) -> bool {
        let Some(at) = self.keys.row(genes).filter(|at| !self.filled[*at]) else {
            return false;
        };
        self.filled[at] = true;
        for (column, value) in row.iter().enumerate() {
            self.values[column * self.rows + at] = *value;
        }
        true
    }

    /// Number of rows that are filled.
    pub fn filled(&self) -> usize {
        self.filled.iter().filter(|filled| **filled).count()
    }

    /// The table. All rows must be filled.
    ///
    /// # Errors
    /// If they are not.
    pub fn whole(self, path: &Path, space: &str, source: Source, notes: Vec<String>) -> Result<Table, Error> {
        let (filled, rows) = (self.filled(), self.rows);
        if filled != rows {
            let reason = format!("holds {filled} architectures, the space has {rows}; fetch it again");
            return Err(Error::format(path, reason));
        }
        self.table(space, source, notes)
    }

    /// The table, with rows that are not filled. Columns without a value are left out.
    ///
    /// # Errors
    /// If nothing is left.
    pub fn table(self, space: &str, source: Source, notes: Vec<String>) -> Result<Table, Error> {
        let measured = |values: &&[f64]| values.iter().any(|v| !v.is_nan());
        let all = self.columns.into_iter().zip(self.values.chunks_exact(self.rows));
        let (columns, values): (Vec<Column>, Vec<&[f64]>) = all.filter(|(_, v)| measured(v)).unzip();
        let header = Header {
            space: space.to_owned(),
            rows: self.rows as u64,
            keys: self.keys,
            columns,
            source,
            notes,
        };
        Table::new(header, Vec::new(), values.concat())
    }
}
