//! The loop around a searcher: asks, evaluates one architecture a step, counts.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Constraints, Evaluator, Field, History, Measured, Query, Searcher, same_numbers};
use crate::Error;
use crate::runs::{Candidate, Report, Snapshot, Work};
use crate::search::pareto;
use crate::space::{Genotype, Space};

/// How much may be evaluated, and of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Queries.
    pub queries: usize,
    /// What an architecture must keep.
    pub constraints: Constraints,
}

/// A searcher on a space with an evaluator. A step is one query.
pub struct QuerySearch {
    space: Arc<dyn Space>,
    evaluator: Box<dyn Evaluator>,
    searcher: Box<dyn Searcher>,
    budget: Budget,
    history: History,
    /// Asked for and not yet evaluated.
    waiting: VecDeque<Genotype>,
    /// Evaluations that the journal held beyond the snapshot, by query.
    recalled: BTreeMap<u64, Measured>,
}

const KEY: &str = "queries";

#[derive(Serialize, Deserialize)]
struct State {
    protocol: Value,
    history: History,
    waiting: VecDeque<Genotype>,
}

impl QuerySearch {
    /// A search at its beginning.
    ///
    /// # Errors
    /// If a constraint names what does not exist, or there is no budget.
    pub fn new(
        space: Arc<dyn Space>,
        evaluator: Box<dyn Evaluator>,
        searcher: Box<dyn Searcher>,
        budget: Budget,
    ) -> Result<QuerySearch, Error> {
        if budget.queries == 0 {
            return Err(Error::config("budget", "a search takes at least one query"));
        }
        let search = QuerySearch {
            space,
            evaluator,
            searcher,
            budget,
            history: History::default(),
            waiting: VecDeque::new(),
            recalled: BTreeMap::new(),
        };
        search.field().check()?;
        Ok(search)
    }

    /// What has been evaluated.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What the numbers rest on.
    pub fn protocol(&self) -> Value {
        self.evaluator.protocol()
    }

    fn field(&self) -> Field<'_> {
        Field::new(self.space.as_ref(), self.evaluator.as_ref(), &self.budget.constraints)
    }

    /// Asks the searcher, and refuses what it must not ask for.
    fn ask(&mut self) -> Result<Vec<Value>, Error> {
        let most = self.budget.queries - self.history.len();
        let constraints = &self.budget.constraints;
        let field = Field::new(self.space.as_ref(), self.evaluator.as_ref(), constraints);
        let asked = self.searcher.ask(&field, &self.history, most)?;
        let mut keys = HashSet::new();
        for g in &asked.genotypes {
            let key = self.space.canonical(g);
            assert!(self.history.get(&key).is_none(), "a searcher asked for {} again", key.0);
            assert!(field.feasible(g)?, "a searcher asked for what is not feasible: {}", self.space.text(g));
            assert!(keys.insert(key), "a searcher asked for the same twice");
        }
        assert!(
            (1..=most).contains(&asked.genotypes.len()),
            "a searcher asked for more than there is, or nothing"
        );
        self.waiting.extend(asked.genotypes);
        Ok(asked.metrics)
    }

    fn candidate(&self, query: &Query) -> Candidate {
        Candidate {
            genotype: self.space.to_json(&query.genotype),
            objectives: query.measured.objectives.clone(),
        }
    }
}

impl Work for QuerySearch {
    fn step(&mut self) -> Result<Report, Error> {
        let mut metrics = match self.waiting.is_empty() {
            true => self.ask()?,
            false => Vec::new(),
        };
        let genotype = self.waiting.pop_front().expect("a searcher asks for something");
        let number = self.history.len() as u64 + 1;
        let measured = match self.recalled.remove(&number) {
            Some(known) => known,
            None => self.evaluator.evaluate(&genotype)?,
        };
        // Once, at the beginning.
        let protocol = self.history.is_empty().then(|| json!({"protocol": self.evaluator.protocol()}));
        let key = self.space.canonical(&genotype);
        self.history.push(Query { genotype, key, measured });
        let (best, after) = self.history.best().expect("one was just added");
        let query = self.history.queries().last().expect("one was just added");
        let line = json!({
            "query": number,
            "genotype": self.space.to_json(&query.genotype),
            "score": query.measured.score,
            "objectives": query.measured.objectives,
            "best": best.measured.score,
        });
        metrics.push(json!({"score": query.measured.score, "best": best.measured.score}));
        Ok(Report {
            journal: protocol.into_iter().chain([line]).collect(),
            metrics,
            message: Some(format!("best {:.4} after {after} queries", best.measured.score)),
            ..Report::default()
        })
    }

    fn steps_done(&self) -> u64 {
        self.history.len() as u64
    }

    fn total_steps(&self) -> Option<u64> {
        Some(self.budget.queries as u64)
    }

    fn done(&self) -> bool {
        self.history.len() >= self.budget.queries
    }

    /// The best one; with several objectives, then the others of which the same is known and that none of them
    /// dominates.
    fn front(&self) -> Vec<Candidate> {
        let Some((best, _)) = self.history.best() else {
            return Vec::new();
        };
        let mut found = vec![self.candidate(best)];
        let names = |query: &Query| -> Vec<String> { query.measured.objectives.keys().cloned().collect() };
        let wanted = names(best);
        if wanted.len() > 1 {
            // Where less is known, as of a training that failed, nothing can be compared.
            let queries: Vec<&Query> = self.history.queries().iter().filter(|q| names(q) == wanted).collect();
            let values: Vec<Vec<f64>> = queries
                .iter()
                .map(|q| q.measured.objectives.values().copied().collect())
                .collect();
            let first = pareto::fronts(&values).into_iter().next().unwrap_or_default();
            let others = first.into_iter().map(|i| queries[i]).filter(|query| query.key != best.key);
            found.extend(others.map(|query| self.candidate(query)));
        }
        found
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        let state = State {
            protocol: self.protocol(),
            history: self.history.clone(),
            waiting: self.waiting.clone(),
        };
        to.put_state(KEY, &state)?;
        self.evaluator.save(to)?;
        self.searcher.save(to)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        let state: State = from.state(KEY)?;
        same_numbers(&state.protocol, &self.protocol())?;
        self.history = state.history;
        self.waiting = state.waiting;
        self.evaluator.load(from)?;
        self.searcher.load(from)
    }

    fn recall(&mut self, beyond: &[Value]) {
        for line in beyond {
            if let (Some(number), Ok(measured)) =
                (line["query"].as_u64(), serde_json::from_value::<Measured>(line.clone()))
            {
                self.recalled.insert(number, measured);
            }
        }
    }
}
