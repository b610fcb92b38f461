//! A table of measured architectures, in memory or in a mapped file.

use std::ops::Range;
use std::path::Path;

use super::column::{Column, Wanted};
use super::header::{Header, KEY, Keying, Source};
use super::map::Mapped;
use super::search;
use crate::Error;
use crate::formats::atomic;

/// Columns of an absent combination that an error lists.
const MOST_LISTED: usize = 48;

/// Values of all architectures of a space: a row each, a column for everything that was measured.
#[derive(Debug)]
pub struct Table {
    header: Header,
    store: Store,
}

#[derive(Debug)]
enum Store {
    Owned { keys: Vec<[u8; KEY]>, values: Vec<f64> },
    Mapped { file: Mapped, keys: Range<usize>, values: Range<usize> },
}

/// A column of the table that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnId(usize);

impl Table {
    /// Opens a converted table. Its pages are read only when they are needed, and nothing is copied.
    ///
    /// # Errors
    /// If it cannot be read, is none, has another version, or its size is not what its header says.
    pub fn open(path: &Path) -> Result<Table, Error> {
        if cfg!(target_endian = "big") {
            let reason =
                "is a little-endian table, which this machine cannot map; open the source it was made from";
            return Err(Error::format(path, reason));
        }
        let size = std::fs::metadata(path).map_err(|e| Error::io(path, "open", &e))?;
        if !size.is_file() || size.len() == 0 {
            return Err(Error::format(path, "is an empty file or none, no converted table"));
        }
        let file = Mapped::open(path)?;
        let (header, keys, values) = Header::parse(path, &file)?;
        // A map begins at a page and the head is padded, so this cannot happen; a wrong cast would be a panic
        // later.
        if bytemuck::try_cast_slice::<u8, f64>(&file[values.clone()]).is_err() {
            return Err(Error::format(path, "cannot be mapped: its columns are not aligned"));
        }
        Ok(Table {
            header,
            store: Store::Mapped { file, keys, values },
        })
    }

    /// A table in memory: `keys`, ascending, if the rows are found by hashes, and `values`, column after
    /// column.
    ///
    /// # Errors
    /// If numbers of keys or values are not what `header` says, keys are not ascending, or the header is not
    /// valid.
    pub fn new(header: Header, keys: Vec<[u8; KEY]>, values: Vec<f64>) -> Result<Table, Error> {
        let wrong = |reason: String| Error::config("table", reason);
        header.check().map_err(wrong)?;
        let rows = header.rows as usize;
        let wanted = if header.keys == Keying::Hashed { rows } else { 0 };
        if keys.len() != wanted || values.len() != rows * header.columns.len() {
            let columns = header.columns.len();
            let found = format!("{} keys and {} values", keys.len(), values.len());
            return Err(wrong(format!("{found}; {rows} rows need {wanted} keys and {columns} columns")));
        }
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(wrong("its keys are not in ascending order, each once".to_owned()));
        }
        Ok(Table { header, store: Store::Owned { keys, values } })
    }

    /// Replaces the file at `path` by this table.
    ///
    /// # Errors
    /// If the system refuses; the old content then remains.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        atomic::write_with(path, |out| {
            out.write_all(&self.header.to_bytes())?;
            out.write_all(self.keys().as_flattened())?;
            if cfg!(target_endian = "little") {
                return out.write_all(bytemuck::cast_slice(self.values()));
            }
            self.values().iter().try_for_each(|v| out.write_all(&v.to_le_bytes()))
        })
    }

    /// Name of the space.
    pub fn space(&self) -> &str {
        &self.header.space
    }

    /// Number of architectures.
    pub fn rows(&self) -> usize {
        self.header.rows as usize
    }

    /// How architectures are found.
    pub fn keying(&self) -> &Keying {
        &self.header.keys
    }

    /// What was measured.
    pub fn columns(&self) -> &[Column] {
        &self.header.columns
    }

    /// The file that the table was made from.
    pub fn source(&self) -> &Source {
        &self.header.source
    }

    /// What a reader of reports should know.
    pub fn notes(&self) -> &[String] {
        &self.header.notes
    }

    /// The column that is wanted.
    ///
    /// # Errors
    /// If there is none, or several of different releases; the error lists what there is.
    pub fn find(&self, wanted: &Wanted) -> Result<ColumnId, Error> {
        let all = self.columns();
        let found: Vec<usize> = (0..all.len()).filter(|i| wanted.is(&all[*i])).collect();
        let list = |columns: Vec<&Column>| {
            let mut lines: Vec<String> = columns.iter().take(MOST_LISTED).map(|c| c.to_string()).collect();
            if columns.len() > MOST_LISTED {
                lines.push(format!("and {} more", columns.len() - MOST_LISTED));
            }
            lines.join("; ")
        };
        let reason = match found.as_slice() {
            [one] => return Ok(ColumnId(*one)),
            [] => {
                let same: Vec<&Column> = all.iter().filter(|c| c.quantity == wanted.quantity).collect();
                let near = if same.is_empty() { all.iter().collect() } else { same };
                format!("the table of {} has no `{wanted}`; it has: {}", self.space(), list(near))
            }
            several => {
                let near = several.iter().map(|i| &all[*i]).collect();
                format!("several releases have `{wanted}`, name one: {}", list(near))
            }
        };
        Err(Error::config("column", reason))
    }

    /// The id of every column, in the order of [`Table::columns`].
    pub fn ids(&self) -> impl Iterator<Item = ColumnId> + use<> {
        (0..self.header.columns.len()).map(ColumnId)
    }

    /// What a column holds.
    ///
    /// # Panics
    /// If `id` is of a table with more columns.
    pub fn column(&self, id: ColumnId) -> &Column {
        &self.header.columns[id.0]
    }

    /// The row of an architecture by its genes, if the table is numbered by them and has it.
    pub fn row_of_genes(&self, genes: &[u8]) -> Option<usize> {
        self.header.keys.row(genes)
    }

    /// The row of an architecture by its hash, if the table goes by hashes and has it.
    pub fn row_of_key(&self, key: &[u8; KEY]) -> Option<usize> {
        search::place(self.keys(), key)
    }

    /// The value of a row; none if it was not measured or there is no such row.
    pub fn value(&self, column: ColumnId, row: usize) -> Option<f64> {
        let value = self.column_values(column).get(row)?;
        (!value.is_nan()).then_some(*value)
    }

    /// The values of a column, one a row; not a number where nothing was measured.
    ///
    /// # Panics
    /// If `id` is of a table with more columns.
    pub fn column_values(&self, id: ColumnId) -> &[f64] {
        &self.values()[id.0 * self.rows()..][..self.rows()]
    }

    /// Hashes of the rows, ascending; none if the rows are numbered by genes.
    pub fn keys(&self) -> &[[u8; KEY]] {
        match &self.store {
            Store::Owned { keys, .. } => keys,
            Store::Mapped { file, keys, .. } => bytemuck::cast_slice(&file[keys.clone()]),
        }
    }

    /// The rank of every row by a column: 1 has the largest value, equal values share the best of their
    /// ranks, and rows without a value come behind all others.
    pub fn rank_by(&self, column: ColumnId) -> Vec<u32> {
        let values = self.column_values(column);
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        let value = |row: u32| match values[row as usize] {
            v if v.is_nan() => f64::NEG_INFINITY,
            // The two zeros are one value.
            v => v + 0.0,
        };
        order.sort_unstable_by(|a, b| value(*b).total_cmp(&value(*a)));
        let mut ranks = vec![0; values.len()];
        let mut rank = 0;
        for (i, &row) in order.iter().enumerate() {
            if i == 0 || value(row) < value(order[i - 1]) {
                rank = i as u32 + 1;
            }
            ranks[row as usize] = rank;
        }
        ranks
    }

    fn values(&self) -> &[f64] {
        match &self.store {
            Store::Owned { values, .. } => values,
            Store::Mapped { file, values, .. } => bytemuck::cast_slice(&file[values.clone()]),
        }
    }
}
