//! Searches by queries: a searcher names architectures, each is evaluated once, and everything is in one history.
//!
//! One query is one distinct canonical architecture evaluated. Architectures that are known, invalid or beyond a
//! constraint cost nothing. All searchers are counted by the same loop.

mod batch;
mod field;
mod history;
mod predicted;
mod search;
mod seeds;
mod table;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

pub(super) use batch::Batch;
pub use field::{Constraints, Field};
pub use history::{History, Measured, Query};
pub use predicted::{SurrogateQueries, SyntheticQueries};
pub use search::{Budget, QuerySearch};
pub use seeds::{Judgement, Make, SeedResult, Seeds, Summary};
pub use table::{Reading, TableQueries};

use crate::Error;
use crate::runs::Snapshot;
use crate::space::Genotype;

/// Says how good an architecture is. Asked once for each canonical form.
pub trait Evaluator {
    /// What there is to know about `g`.
    ///
    /// # Errors
    /// If the evaluation failed; the search then ends.
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error>;

    /// What is known of `g` without an evaluation, by name, all minimised.
    ///
    /// # Errors
    /// If it cannot be told.
    fn costs(&self, g: &Genotype) -> Result<BTreeMap<String, f64>, Error> {
        let _ = g;
        Ok(BTreeMap::new())
    }

    /// Whether there is anything to know about `g`: a table may lack a row. What is not known is not asked for.
    fn knows(&self, g: &Genotype) -> bool {
        let _ = g;
        true
    }

    /// What the numbers rest on, for reports.
    fn protocol(&self) -> Value;

    /// Puts what later evaluations depend on into `to`: the weights of a supernet, say.
    ///
    /// # Errors
    /// If the device failed.
    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        let _ = to;
        Ok(())
    }

    /// Takes back what [`Evaluator::save`] kept.
    ///
    /// # Errors
    /// If something is missing or does not fit.
    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        let _ = from;
        Ok(())
    }
}

/// Names the architectures that are evaluated next. Reads what came of them from the history.
pub trait Searcher: Send {
    /// At least one and at most `most` (which is not 0) architectures: feasible, of different canonical forms, none of
    /// them in `seen`.
    ///
    /// # Errors
    /// If the device failed or there are none left.
    fn ask(&mut self, field: &Field, seen: &History, most: usize) -> Result<Asked, Error>;

    /// Puts the whole state into `to`.
    ///
    /// # Errors
    /// If the device failed.
    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error>;

    /// Takes the whole state from `from`.
    ///
    /// # Errors
    /// If something is missing or does not fit.
    fn load(&mut self, from: &Snapshot) -> Result<(), Error>;
}

/// What a searcher asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The architectures in the order in which they are evaluated.
    pub genotypes: Vec<Genotype>,
    /// Lines for the metrics: losses and the like.
    pub metrics: Vec<Value>,
}

impl From<Vec<Genotype>> for Asked {
    fn from(genotypes: Vec<Genotype>) -> Asked {
        Asked { genotypes, metrics: Vec::new() }
    }
}

/// An error unless a search that goes on rests on the same numbers as at its beginning.
fn same_numbers(then: &Value, now: &Value) -> Result<(), Error> {
    if then == now {
        return Ok(());
    }
    let reason = format!("the run began on other numbers than there are now: {then}, now {now}");
    Err(Error::config("on", reason))
}
