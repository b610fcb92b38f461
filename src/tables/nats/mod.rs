//! NATS-Bench's topology space: the official folder of pickles, and the table that is made of it.

mod convert;
mod records;
#[cfg(test)]
mod tests;

pub use convert::{Missing, STATISTICS};
pub use records::{Architecture, Curve, Run, read_architecture, read_meta};

use std::path::{Path, PathBuf};

use super::column::Statistic;
use super::nasbench201::ROWS;
use super::table::Table;
use crate::Error;

/// The file of all names in an official folder.
const META: &str = "meta.pickle.pbz2";

/// The official folder `NATS-tss-v1_0-3ffb9-simple`: a file for each architecture and one of their names.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    names: Vec<String>,
}

impl Folder {
    /// Reads the names.
    ///
    /// # Errors
    /// If there is no file of names or it is of another space.
    pub fn open(path: &Path) -> Result<Folder, Error> {
        let meta = path.join(META);
        let names = read_meta(&meta)?;
        if names.len() != ROWS {
            let reason = format!("holds {} names, the topology space has {ROWS}", names.len());
            return Err(Error::format(&meta, reason));
        }
        Ok(Folder { path: path.to_path_buf(), names })
    }

    /// Names of the architectures, in official order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All trainings of an architecture.
    ///
    /// # Errors
    /// If its file is absent, damaged, or of another architecture.
    pub fn architecture(&self, index: usize) -> Result<Architecture, Error> {
        let path = self.file(index);
        let found = read_architecture(&path)?;
        match self.names.get(index) {
            Some(name) if found.index == index && found.text == *name => Ok(found),
            _ => {
                let reason = format!("is of architecture {} `{}`, not of {index}", found.index, found.text);
                Err(Error::format(&path, reason))
            }
        }
    }

    /// Whether the file of an architecture is there.
    pub fn has(&self, index: usize) -> bool {
        self.file(index).is_file()
    }

    /// The table of the final values, with these statistics of every accuracy, time and latency. Files are
    /// read side by side.
    ///
    /// # Errors
    /// If a file is damaged, or absent where that is to be refused.
    pub fn table(&self, statistics: &[Statistic], missing: Missing) -> Result<Table, Error> {
        convert::convert(self, statistics, missing)
    }

    fn file(&self, index: usize) -> PathBuf {
        self.path.join(format!("{index:06}.pickle.pbz2"))
    }
}
