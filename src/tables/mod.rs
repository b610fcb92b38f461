//! Tables of measured architectures: the published benchmarks, each read from the forms it comes in, or from
//! one converted file that is mapped into memory; a surrogate that predicts instead of looking up; and a synthetic
//! objective that is called so. In tables an architecture is its genes or its hash.

mod column;
mod draft;
mod header;
mod lines;
mod map;
pub mod nasbench101;
pub mod nasbench201;
pub mod nasbench301;
pub mod nasbench_macro;
pub mod nats;
mod search;
pub mod synthetic;
mod table;
#[cfg(test)]
mod tests;

pub use column::{Column, Point, Quantity, Split, Statistic, Unit, Wanted};
pub use header::{Header, Keying, MAGIC, Source};
pub use synthetic::Synthetic;
pub use table::{ColumnId, Table};

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Error;

/// Which benchmark a table is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// NAS-Bench-101: cells by their hashes.
    NasBench101,
    /// NAS-Bench-201 and the topology space of NATS-Bench: six edges with five options.
    NasBench201,
    /// NAS-Bench-Macro: eight layers with three options.
    Macro,
}

impl Kind {
    /// Name of the space.
    pub fn space(self) -> &'static str {
        match self {
            Kind::NasBench101 => nasbench101::SPACE,
            Kind::NasBench201 => nasbench201::SPACE,
            Kind::Macro => nasbench_macro::SPACE,
        }
    }

    /// How its tables find architectures.
    fn keying(self) -> Keying {
        match self {
            Kind::NasBench101 => Keying::Hashed,
            Kind::NasBench201 => Keying::Dense { radices: nasbench201::radices() },
            Kind::Macro => Keying::Dense { radices: nasbench_macro::radices() },
        }
    }

    /// What [`open`] takes, for messages.
    fn forms(self) -> &'static str {
        match self {
            Kind::NasBench101 => "a converted table or the official file `*.tfrecord`",
            Kind::NasBench201 => {
                "a converted table, `nasbench201.csv`, or the official folder `NATS-tss-v1_0-3ffb9-simple`"
            }
            Kind::Macro => "a converted table or `nas_bench_macro.csv`",
        }
    }
}

/// Opens a benchmark in any of its forms. A converted table is mapped; every other form is read into memory,
/// from which [`Table::write`] makes a converted one.
///
/// # Errors
/// If it is in none of the forms of `kind`, of another space, damaged or incomplete.
pub fn open(path: &Path, kind: Kind) -> Result<Table, Error> {
    if path.is_dir() {
        return match kind {
            Kind::NasBench201 => nats::Folder::open(path)?.table(&nats::STATISTICS, nats::Missing::Refuse),
            _ => Err(unknown(path, kind, "is a folder")),
        };
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
        .map_err(|e| Error::io(path, "open", &e))?;
    if start == MAGIC {
        let table = Table::open(path)?;
        let (found, wanted) = (table.space(), kind.space());
        if found != wanted || *table.keying() != kind.keying() {
            return Err(Error::format(path, format!("is a table of `{found}`, wanted is one of `{wanted}`")));
        }
        return Ok(table);
    }
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match (ending.as_deref(), kind) {
        (Some("csv"), Kind::NasBench201) => nasbench201::read(path, &read(path)?),
        (Some("csv"), Kind::Macro) => nasbench_macro::read(path, &read(path)?),
        (Some("tfrecord"), Kind::NasBench101) => nasbench101::read(path),
        (Some("pbz2"), Kind::NasBench201) => {
            let reason = "is of one architecture, or of all in a pickle of 5 GB, which is not read";
            Err(unknown(path, kind, reason))
        }
        _ => Err(unknown(path, kind, "is in no known form")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|e| Error::io(path, "read", &e))
}

fn unknown(path: &Path, kind: Kind, found: &str) -> Error {
    Error::format(path, format!("{found}; for {} give {}", kind.space(), kind.forms()))
}
