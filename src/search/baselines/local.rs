//! Local search with random restarts (White et al., "Exploring the Loss Landscape in Neural Architecture
//! Search", UAI 2021).

use serde::{Deserialize, Serialize};

use crate::runs::Snapshot;
use crate::search::queries::{Asked, Batch, Field, History, Searcher};
use crate::space::Genotype;
use crate::{Error, Rng};

const KEY: &str = "local";

/// Settings of [`LocalSearch`]; all of their values can work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalConfig {
    /// Whether the search moves as soon as a neighbour is better, instead of to the best of all neighbours.
    /// On NAS-Bench-201 this reaches the same mean rank with about half of the queries.
    pub first_improvement: bool,
}

impl Default for LocalConfig {
    fn default() -> LocalConfig {
        LocalConfig { first_improvement: true }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    rng: Rng,
    /// Where the search stands; none where it is about to start anew.
    at: Option<Genotype>,
}

/// Local search: it moves to a better one of the feasible neighbours while there is one, and starts anew at a
/// random architecture otherwise. Neighbours that are known cost nothing, and it moves to the best of them.
#[derive(Debug, Clone)]
pub struct LocalSearch {
    config: LocalConfig,
    state: State,
}

impl LocalSearch {
    /// A search at its beginning.
    pub fn new(config: LocalConfig, seed: u64) -> LocalSearch {
        let state = State { rng: Rng::stream(seed, KEY), at: None };
        LocalSearch { config, state }
    }

    /// The next query or queries among `neighbours`, in random order.
    fn unknown(
        &mut self,
        field: &Field,
        seen: &History,
        neighbours: &[Genotype],
        most: usize,
    ) -> Result<Batch, Error> {
        let most = if self.config.first_improvement { 1 } else { most };
        let mut batch = Batch::default();
        for i in self.state.rng.permutation(neighbours.len()) {
            if batch.len() == most {
                break;
            }
            batch.offer(field, seen, &neighbours[i])?;
        }
        Ok(batch)
    }
}

impl Searcher for LocalSearch {
    fn ask(&mut self, field: &Field, seen: &History, most: usize) -> Result<Asked, Error> {
        let space = field.space();
        let score = |g: &Genotype| seen.get(&space.canonical(g)).map(|query| query.measured.score);
        while let Some((at, mut highest)) = self.state.at.as_ref().and_then(|at| Some((at, score(at)?))) {
            let mut neighbours = Vec::new();
            let mut next = None;
            for g in space.neighbours(at) {
                if !field.feasible(&g)? {
                    continue;
                }
                if let Some(known) = score(&g).filter(|&known| known > highest) {
                    highest = known;
                    next = Some(g.clone());
                }
                neighbours.push(g);
            }
            if next.is_none() || !self.config.first_improvement {
                let batch = self.unknown(field, seen, &neighbours, most)?;
                if batch.len() > 0 {
                    return Ok(batch.into());
                }
            }
            self.state.at = next;
        }
        let batch = Batch::random(field, seen, 1, &mut self.state.rng)?;
        self.state.at = batch.genotypes().first().cloned();
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
