//! The cross-entropy method with one categorical distribution per choice, fitted by counting to the best
//! architectures.

use serde::{Deserialize, Serialize};

use crate::runs::Snapshot;
use crate::search::queries::{Asked, Batch, Field, History, Searcher};
use crate::space::{Genotype, Space};
use crate::{Error, Rng};

const KEY: &str = "cem";

/// Settings of [`CrossEntropy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CemConfig {
    /// Random architectures that are evaluated first.
    pub initial: usize,
    /// Architectures evaluated in each iteration.
    pub batch: usize,
    /// The best ones of all that were evaluated, to which the distributions are fitted.
    pub elite: usize,
    /// Share of the uniform distribution in each fitted one.
    pub smoothing: f64,
    /// Draws in a row that are known or not feasible, after which a random architecture is taken.
    pub max_tries: usize,
}

impl Default for CemConfig {
    fn default() -> CemConfig {
        CemConfig {
            initial: 50,
            batch: 10,
            elite: 10,
            smoothing: 0.05,
            max_tries: 10_000,
        }
    }
}

impl CemConfig {
    /// An error unless these settings can work.
    ///
    /// # Errors
    /// If one cannot; it is named.
    pub fn check(&self) -> Result<(), Error> {
        let counts = [("initial", self.initial), ("batch", self.batch), ("elite", self.elite)];
        if let Some((key, value)) = counts.into_iter().find(|(_, value)| *value < 1) {
            return Err(Error::config(key, format!("is {value}, at least 1 is wanted")));
        }
        if !(0.0..=1.0).contains(&self.smoothing) {
            let reason = format!("is {}, a share between 0 and 1 is wanted", self.smoothing);
            return Err(Error::config("smoothing", reason));
        }
        Ok(())
    }
}

/// The cross-entropy method: iterations of fitting and drawing. Only what is new and feasible is drawn.
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    config: CemConfig,
    rng: Rng,
}

impl CrossEntropy {
    /// A search at its beginning.
    ///
    /// # Errors
    /// If the settings cannot work.
    pub fn new(config: CemConfig, seed: u64) -> Result<CrossEntropy, Error> {
        config.check()?;
        Ok(CrossEntropy { config, rng: Rng::stream(seed, KEY) })
    }

    /// Each choice independently, every option with the probability
    /// `(1 - smoothing) * (share among elite) + smoothing / options`.
    fn draw(&mut self, space: &dyn Space, elite: &[&Genotype]) -> Genotype {
        let smoothing = self.config.smoothing;
        // The option of a random member is a draw from the shares.
        let option =
            |(i, choice): (usize, &crate::space::Choice)| match f64::from(self.rng.uniform()) < smoothing {
                true => self.rng.below(choice.options.len()) as u8,
                false => elite[self.rng.below(elite.len())].0[i],
            };
        Genotype(space.choices().iter().enumerate().map(option).collect())
    }
}

impl Searcher for CrossEntropy {
    fn ask(&mut self, field: &Field, seen: &History, most: usize) -> Result<Asked, Error> {
        let missing = self.config.initial.saturating_sub(seen.len());
        if missing > 0 {
            return Ok(Batch::random(field, seen, missing.min(most), &mut self.rng)?.into());
        }
        let elite: Vec<&Genotype> = seen.top(self.config.elite).into_iter().map(|q| &q.genotype).collect();
        let wanted = most.min(self.config.batch);
        let mut batch = Batch::default();
        let mut tries = 0;
        while batch.len() < wanted && tries < self.config.max_tries {
            let g = self.draw(field.space(), &elite);
            tries = match batch.offer(field, seen, &g)? {
                true => 0,
                false => tries + 1,
            };
        }
        batch.fill(field, seen, wanted, &mut self.rng)?;
        Ok(batch.into())
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        to.put_state(KEY, &self.rng)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        self.rng = from.state(KEY)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::NasBenchMacro;

    #[test]
    fn draws_follow_the_smoothed_counts_of_the_elite() {
        let (space, n) = (NasBenchMacro::new(), 60_000);
        let elite = ["22212202", "22212220", "12212200", "02010001"].map(|text| space.parse(text).unwrap());
        let elite: Vec<&Genotype> = elite.iter().collect();
        let config = CemConfig { smoothing: 0.3, ..CemConfig::default() };
        let mut search = CrossEntropy::new(config, 1).unwrap();
        let mut counts = [[0; 3]; 8];
        for _ in 0..n {
            let g = search.draw(&space, &elite);
            (0..8).for_each(|i| counts[i][usize::from(g.0[i])] += 1);
        }
        for (choice, share) in [
            (0, [0.7 * 0.25 + 0.1, 0.7 * 0.25 + 0.1, 0.7 * 0.5 + 0.1]),
            (1, [0.1, 0.1, 0.8]),
            (7, [0.7 * 0.5 + 0.1, 0.7 * 0.25 + 0.1, 0.7 * 0.25 + 0.1]),
        ] {
            let seen = counts[choice].map(|count| f64::from(count) / f64::from(n));
            // Five standard deviations of a share.
            let near = seen
                .iter()
                .zip(share)
                .all(|(seen, wanted)| (seen - wanted).abs() < 2.5 / f64::from(n).sqrt());
            assert!(near, "choice {choice}: {seen:?}, wanted {share:?}");
        }
    }
}
