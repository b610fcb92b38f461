//! What has been evaluated so far, each canonical architecture once.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::space::{Genotype, Key};

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What is searched for: higher is better.
    pub score: f64,
    /// Everything that is known, by name, all minimised.
    pub objectives: BTreeMap<String, f64>,
}

/// One query: the evaluation of an architecture that had not been evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The architecture.
    pub genotype: Genotype,
    /// Its canonical form.
    pub key: Key,
    /// What was found.
    pub measured: Measured,
}

/// All queries in their order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Query>", into = "Vec<Query>")]
pub struct History {
    queries: Vec<Query>,
    by_key: HashMap<Key, usize>,
}

impl From<Vec<Query>> for History {
    fn from(queries: Vec<Query>) -> History {
        let mut history = History::default();
        queries.into_iter().for_each(|query| history.push(query));
        history
    }
}

impl From<History> for Vec<Query> {
    fn from(history: History) -> Vec<Query> {
        history.queries
    }
}

impl History {
    /// Adds a query.
    ///
    /// # Panics
    /// If the architecture was evaluated before: a query is counted once.
    #[track_caller]
    pub fn push(&mut self, query: Query) {
        let before = self.by_key.insert(query.key.clone(), self.queries.len());
        assert!(before.is_none(), "History: {} was evaluated before", query.key.0);
        self.queries.push(query);
    }

    /// Number of queries.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// Whether nothing was evaluated.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// The queries, the first one first.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The query of an architecture, if it was evaluated.
    pub fn get(&self, key: &Key) -> Option<&Query> {
        self.by_key.get(key).map(|&at| &self.queries[at])
    }

    /// The `k` best, the best first; of equal scores the one evaluated earlier.
    pub fn top(&self, k: usize) -> Vec<&Query> {
        let mut all: Vec<&Query> = self.queries.iter().collect();
        // A stable sort keeps the order of evaluation among equals.
        all.sort_by(|a, b| b.measured.score.total_cmp(&a.measured.score));
        all.truncate(k);
        all
    }

    /// The best one and the number of queries after which it was known.
    pub fn best(&self) -> Option<(&Query, usize)> {
        let mut best: Option<(&Query, usize)> = None;
        for (i, query) in self.queries.iter().enumerate() {
            if best.is_none_or(|(known, _)| query.measured.score > known.measured.score) {
                best = Some((query, i + 1));
            }
        }
        best
    }
}
