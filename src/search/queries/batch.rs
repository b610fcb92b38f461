//! What a searcher gathers in one ask: new feasible architectures of different canonical forms.

use std::collections::HashSet;

use super::{Asked, Field, History};
use crate::space::{Genotype, Key};
use crate::{Error, Rng};

/// Architectures that may be evaluated, none of them known.
#[derive(Debug, Default)]
pub(in crate::search) struct Batch {
    genotypes: Vec<Genotype>,
    keys: HashSet<Key>,
}

impl Batch {
    /// Up to `n` random architectures, at least one.
    ///
    /// # Errors
    /// If none is found.
    pub fn random(field: &Field, seen: &History, n: usize, rng: &mut Rng) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        batch.fill(field, seen, n, rng)?;
        Ok(batch)
    }

    /// Adds random architectures until there are `n`, or no more are found.
    ///
    /// # Errors
    /// If none is found and there are none.
    pub fn fill(&mut self, field: &Field, seen: &History, n: usize, rng: &mut Rng) -> Result<(), Error> {
        while self.len() < n {
            match self.add_random(field, seen, rng) {
                Ok(()) => {}
                // What there is deserves its queries; the next ask meets the error again.
                Err(Error::Config { .. }) if self.len() > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The architectures, in the order in which they are evaluated.
    pub fn genotypes(&self) -> &[Genotype] {
        &self.genotypes
    }

    /// Puts those from `start` on into the given order of their numbers.
    pub fn reorder(&mut self, start: usize, order: &[usize]) {
        let ordered: Vec<Genotype> = order.iter().map(|&i| self.genotypes[i].clone()).collect();
        self.genotypes.splice(start.., ordered);
    }

    /// Leaves the first `n`.
    pub fn truncate(&mut self, n: usize) {
        self.genotypes.truncate(n);
    }

    /// Number of architectures.
    pub fn len(&self) -> usize {
        self.genotypes.len()
    }

    /// Takes `g` if it is feasible and new; whether it was.
    ///
    /// # Errors
    /// If a cost cannot be told.
    pub fn offer(&mut self, field: &Field, seen: &History, g: &Genotype) -> Result<bool, Error> {
        if field.space().check(g).is_err() {
            return Ok(false);
        }
        // Costs may take longer than a look into the history.
        let key = field.space().canonical(g);
        let new = seen.get(&key).is_none() && !self.keys.contains(&key) && field.feasible(g)?;
        if new {
            self.genotypes.push(g.clone());
            self.keys.insert(key);
        }
        Ok(new)
    }

    /// Adds a random architecture.
    ///
    /// # Errors
    /// If none is found.
    pub fn add_random(&mut self, field: &Field, seen: &History, rng: &mut Rng) -> Result<(), Error> {
        let g = field.unseen(seen, &self.keys, rng)?;
        self.keys.insert(field.space().canonical(&g));
        self.genotypes.push(g);
        Ok(())
    }
}

impl From<Batch> for Asked {
    fn from(batch: Batch) -> Asked {
        batch.genotypes.into()
    }
}
