//! Random search: every query is a random genotype of what was not evaluated. Where several genotypes share a
//! canonical form, that form is drawn the more often.

use crate::runs::Snapshot;
use crate::search::queries::{Asked, Batch, Field, History, Searcher};
use crate::{Error, Rng};

/// Architectures named at once.
const BATCH: usize = 16;
const KEY: &str = "random";

/// Random search without repetition.
#[derive(Debug, Clone)]
pub struct RandomSearch {
    rng: Rng,
}

impl RandomSearch {
    /// A search at its beginning.
    pub fn new(seed: u64) -> RandomSearch {
        RandomSearch { rng: Rng::stream(seed, KEY) }
    }
}

impl Searcher for RandomSearch {
    fn ask(&mut self, field: &Field, seen: &History, most: usize) -> Result<Asked, Error> {
        Ok(Batch::random(field, seen, most.min(BATCH), &mut self.rng)?.into())
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        to.put_state(KEY, &self.rng)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        self.rng = from.state(KEY)?;
        Ok(())
    }
}
