//! Ageing evolution (Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI
//! 2019): the child of a tournament's winner joins the population, whose oldest member leaves.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::runs::Snapshot;
use crate::search::queries::{Asked, Batch, Field, History, Searcher};
use crate::space::Genotype;
use crate::{Error, Rng};

const KEY: &str = "ageing";

/// Settings of [`AgeingEvolution`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgeingConfig {
    /// Members of the population; as many random architectures are evaluated first.
    pub population: usize,
    /// Different members, uniformly drawn, that a parent is the best of.
    pub tournament: usize,
    /// Children in a row that are known or not feasible, after which a random architecture is taken.
    pub max_tries: usize,
}

impl Default for AgeingConfig {
    fn default() -> AgeingConfig {
        AgeingConfig { population: 20, tournament: 5, max_tries: 1000 }
    }
}

impl AgeingConfig {
    /// An error unless these settings can work.
    ///
    /// # Errors
    /// If one cannot; it is named.
    pub fn check(&self) -> Result<(), Error> {
        if self.population == 0 {
            return Err(Error::config("population", "is 0, at least 1 is wanted"));
        }
        if !(1..=self.population).contains(&self.tournament) {
            let reason = format!("is {}, 1 to {} (population) is wanted", self.tournament, self.population);
            return Err(Error::config("tournament", reason));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Member {
    genotype: Genotype,
    score: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    rng: Rng,
    /// The oldest member first.
    population: VecDeque<Member>,
    /// Queries of the history that have joined the population.
    joined: usize,
}

/// Ageing evolution. After the first population it names one architecture at a time.
///
/// A child that is known joins the population with its known score: the population goes on ageing, at no
/// cost. One that is not feasible is dropped. On the real tables this is better than to drop known children
/// too, and a tournament of different members a little better than one that may hold a member twice.
#[derive(Debug, Clone)]
pub struct AgeingEvolution {
    config: AgeingConfig,
    state: State,
}

impl AgeingEvolution {
    /// A search at its beginning.
    ///
    /// # Errors
    /// If the settings cannot work.
    pub fn new(config: AgeingConfig, seed: u64) -> Result<AgeingEvolution, Error> {
        config.check()?;
        let state = State {
            rng: Rng::stream(seed, KEY),
            population: VecDeque::new(),
            joined: 0,
        };
        Ok(AgeingEvolution { config, state })
    }

    fn join(&mut self, genotype: Genotype, score: f64) {
        self.state.population.push_back(Member { genotype, score });
        if self.state.population.len() > self.config.population {
            self.state.population.pop_front();
        }
    }

    /// The best of a tournament; of equal ones the one drawn first.
    fn parent(&mut self) -> Genotype {
        let State { rng, population, .. } = &mut self.state;
        let drawn = rng.permutation(population.len()).into_iter().take(self.config.tournament);
        let better = |best, other| {
            if population[other].score > population[best].score {
                other
            } else {
                best
            }
        };
        let best = drawn
            .reduce(better)
            .expect("evaluated architectures have joined the population");
        population[best].genotype.clone()
    }
}

impl Searcher for AgeingEvolution {
    fn ask(&mut self, field: &Field, seen: &History, most: usize) -> Result<Asked, Error> {
        for query in seen.queries().iter().skip(self.state.joined) {
            self.join(query.genotype.clone(), query.measured.score);
        }
        self.state.joined = seen.len();
        let missing = self.config.population.saturating_sub(seen.len());
        if missing > 0 {
            return Ok(Batch::random(field, seen, missing.min(most), &mut self.state.rng)?.into());
        }
        let mut batch = Batch::default();
        for _ in 0..self.config.max_tries {
            let parent = self.parent();
            let child = field.space().mutate(&parent, &mut self.state.rng);
            if batch.offer(field, seen, &child)? {
                return Ok(batch.into());
            }
            if field.feasible(&child)?
                && let Some(known) = seen.get(&field.space().canonical(&child))
            {
                self.join(child, known.measured.score);
            }
        }
        batch.add_random(field, seen, &mut self.state.rng)?;
        Ok(batch.into())
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        to.put_state(KEY, &self.state)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        self.state = from.state(KEY)?;
        Ok(())
    }
}
