//! The one loop that drives searches and trainings, and what watches them.

mod checkpoints;
mod console;
pub mod curves;
mod driver;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Snapshot;
use crate::Error;
use crate::formats::NamedArrays;
pub use checkpoints::Checkpoints;
pub use console::Console;
pub use driver::{End, Observer, Outcome, Stop, run};

/// Work that advances step by step: a search or a training. A step is one of a discriminator, an update of a
/// controller, a generation.
///
/// Steps must depend on nothing but the configuration and the state that [`Work::save`] keeps: work that was
/// loaded from a snapshot continues as the one that was saved.
pub trait Work {
    /// Does one step.
    ///
    /// # Errors
    /// If the device or a file failed; the search may then be in any state.
    fn step(&mut self) -> Result<Report, Error>;

    /// Steps done since the beginning of the search, those before a resume included.
    fn steps_done(&self) -> u64;

    /// Steps until the search is done by itself, if that is known.
    fn total_steps(&self) -> Option<u64>;

    /// Whether there is nothing left to do.
    fn done(&self) -> bool;

    /// Best candidates so far, the very best first; one element if there is a single objective.
    fn front(&self) -> Vec<Candidate>;

    /// Puts the whole state into `to`.
    ///
    /// # Errors
    /// If the device failed.
    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error>;

    /// Is told, after [`Work::load`], which lines the journal held beyond that snapshot: what they record need not be
    /// computed again, but its lines are.
    fn recall(&mut self, beyond: &[Value]) {
        let _ = beyond;
    }

    /// Takes the whole state from `from`.
    ///
    /// # Errors
    /// If something is missing or does not fit this search.
    fn load(&mut self, from: &Snapshot) -> Result<(), Error>;
}

impl<W: Work + ?Sized> Work for Box<W> {
    fn step(&mut self) -> Result<Report, Error> {
        (**self).step()
    }

    fn steps_done(&self) -> u64 {
        (**self).steps_done()
    }

    fn total_steps(&self) -> Option<u64> {
        (**self).total_steps()
    }

    fn done(&self) -> bool {
        (**self).done()
    }

    fn front(&self) -> Vec<Candidate> {
        (**self).front()
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        (**self).save(to)
    }

    fn recall(&mut self, beyond: &[Value]) {
        (**self).recall(beyond);
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        (**self).load(from)
    }
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Report {
    /// Lines for the journal: what was done, its seed and result; no clock times.
    pub journal: Vec<Value>,
    /// Lines for the metrics (JSON objects); times and throughput are added by [`Checkpoints`].
    pub metrics: Vec<Value>,
    /// Files for the run folder.
    pub artifacts: Vec<Artifact>,
    /// What a person would like to read beside the progress bar.
    pub message: Option<String>,
    /// What a person should know even where there is no progress bar: warnings.
    pub notes: Vec<String>,
    /// Ends the loop with this error once the lines above are written; the state is not worth a snapshot.
    pub failure: Option<Error>,
}

/// A file that a step made.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Name inside the run folder: `samples/000100.png`.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl Artifact {
    /// A file of named arrays.
    ///
    /// # Errors
    /// If they have no such form.
    pub fn of_arrays(name: &str, arrays: &NamedArrays) -> Result<Artifact, Error> {
        let mut bytes = Vec::new();
        arrays.write_to(&mut bytes).map_err(|e| Error::io(name, "write", &e))?;
        Ok(Artifact { name: name.to_owned(), bytes })
    }
}

/// An architecture that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The architecture in its file form.
    pub genotype: Value,
    /// What is known of it, by name, all minimised.
    pub objectives: BTreeMap<String, f64>,
}
