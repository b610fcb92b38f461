//! The same search with several seeds: what tables of methods are made of.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{QuerySearch, same_numbers};
use crate::Error;
use crate::device::cpu::threads;
use crate::runs::{Artifact, Candidate, Report, Snapshot, Work};
use crate::space::Genotype;

/// Says what an architecture that was found is worth, by a yardstick that may be another one than the search saw.
pub trait Judgement: Send + Sync {
    /// The reported value of `g` and its rank among all architectures: 1 is best, ties share the best rank.
    ///
    /// # Errors
    /// If nothing is known of it.
    fn judge(&self, g: &Genotype) -> Result<(f64, u64), Error>;
}

/// What a search with one seed found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// Reported value of the architecture whose searched score is best.
    pub best: f64,
    /// Its rank among all architectures by that value.
    pub rank: u64,
    /// Queries made.
    pub queries: u64,
    /// Queries after which it was known.
    pub queries_to_best: u64,
    /// Its score as the search saw it.
    pub searched: f64,
    /// The architecture, as files hold it.
    pub genotype: Value,
}

impl SeedResult {
    /// What a finished search found.
    ///
    /// # Errors
    /// If nothing is known of its best architecture.
    pub fn of(seed: u64, search: &QuerySearch, judgement: &dyn Judgement) -> Result<SeedResult, Error> {
        let nothing = || Error::config("budget", "nothing was evaluated");
        let (best, after) = search.history().best().ok_or_else(nothing)?;
        let (value, rank) = judgement.judge(&best.genotype)?;
        Ok(SeedResult {
            seed,
            best: value,
            rank,
            queries: search.history().len() as u64,
            queries_to_best: after as u64,
            searched: best.measured.score,
            genotype: search.front().swap_remove(0).genotype,
        })
    }
}

/// Several seeds in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Mean of the best values.
    pub mean: f64,
    /// Their standard deviation, with `n - 1`; 0 for one seed.
    pub std: f64,
    /// Mean rank.
    pub mean_rank: f64,
    /// Mean number of queries.
    pub mean_queries: f64,
    /// Mean number of queries to the best.
    pub mean_queries_to_best: f64,
    /// Each seed.
    pub seeds: Vec<SeedResult>,
}

impl Summary {
    /// The figures of `seeds`.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn of(seeds: Vec<SeedResult>) -> Summary {
        assert!(!seeds.is_empty(), "Summary: no seeds");
        let n = seeds.len() as f64;
        let mean = |of: fn(&SeedResult) -> f64| seeds.iter().map(of).sum::<f64>() / n;
        let best = mean(|s| s.best);
        let squares: f64 = seeds.iter().map(|s| (s.best - best).powi(2)).sum();
        Summary {
            mean: best,
            std: (squares / (n - 1.0).max(1.0)).sqrt(),
            mean_rank: mean(|s| s.rank as f64),
            mean_queries: mean(|s| s.queries as f64),
            mean_queries_to_best: mean(|s| s.queries_to_best as f64),
            seeds,
        }
    }
}

/// Makes a search from a seed.
pub type Make = Box<dyn Fn(u64) -> Result<QuerySearch, Error> + Send + Sync>;

/// The same search with one seed after another; as many run at once as there are threads, which changes nothing but the
/// time. A step is one seed.
pub struct Seeds {
    make: Make,
    judgement: Box<dyn Judgement>,
    protocol: Value,
    first: u64,
    count: u64,
    threads: usize,
    done: Vec<SeedResult>,
    /// Finished beside the last reported one. Not in snapshots: a resumed run makes them again.
    ahead: VecDeque<Finished>,
    /// Results that the journal held beyond the snapshot, by seed.
    recalled: BTreeMap<u64, SeedResult>,
}

/// A finished search, with its queries as lines of JSON unless only the result is known.
struct Finished {
    result: SeedResult,
    trace: Option<Vec<u8>>,
}

const KEY: &str = "seeds";

impl Seeds {
    /// Seeds `first .. first + count`, at most `threads` at once. `protocol` says what the numbers rest on.
    ///
    /// # Errors
    /// If there are no seeds.
    pub fn new(
        make: Make,
        judgement: Box<dyn Judgement>,
        protocol: Value,
        first: u64,
        count: u64,
        threads: usize,
    ) -> Result<Seeds, Error> {
        if count == 0 {
            return Err(Error::config("seeds", "a search takes at least one seed"));
        }
        Ok(Seeds {
            make,
            judgement,
            protocol,
            first,
            count,
            threads: threads.max(1),
            done: Vec::new(),
            ahead: VecDeque::new(),
            recalled: BTreeMap::new(),
        })
    }

    /// The figures of the seeds that are done.
    pub fn summary(&self) -> Option<Summary> {
        (!self.done.is_empty()).then(|| Summary::of(self.done.clone()))
    }

    fn one(&self, seed: u64) -> Result<Finished, Error> {
        if let Some(known) = self.recalled.get(&seed) {
            return Ok(Finished { result: known.clone(), trace: None });
        }
        let mut search = (self.make)(seed)?;
        let mut trace = Vec::new();
        while !search.done() {
            for line in search.step()?.journal {
                trace.extend_from_slice(line.to_string().as_bytes());
                trace.push(b'\n');
            }
        }
        let result = SeedResult::of(seed, &search, self.judgement.as_ref())?;
        Ok(Finished { result, trace: Some(trace) })
    }

    /// Runs the next seeds side by side.
    fn run_ahead(&mut self) -> Result<(), Error> {
        let begin = self.first + self.done.len() as u64;
        let end = (self.first + self.count).min(begin + self.threads as u64);
        let this = &*self;
        let found = threads::apart(begin..end, |seed| this.one(seed));
        self.ahead = found.into_iter().collect::<Result<_, _>>()?;
        Ok(())
    }
}

impl Work for Seeds {
    fn step(&mut self) -> Result<Report, Error> {
        if self.ahead.is_empty() {
            self.run_ahead()?;
        }
        let Finished { result: found, trace } =
            self.ahead.pop_front().expect("the loop stops when all seeds are done");
        let artifacts = trace.map(|bytes| Artifact {
            name: format!("traces/seed-{}.jsonl", found.seed),
            bytes,
        });
        let message = format!("seed {}: {:.4}, rank {}", found.seed, found.best, found.rank);
        let metrics =
            json!({"best": found.best, "rank": found.rank, "queries_to_best": found.queries_to_best});
        let line = serde_json::to_value(&found).expect("numbers and JSON have a JSON form");
        // Once, at the beginning.
        let protocol = self.done.is_empty().then(|| json!({"protocol": self.protocol}));
        self.done.push(found);
        Ok(Report {
            journal: protocol.into_iter().chain([line]).collect(),
            metrics: vec![metrics],
            artifacts: artifacts.into_iter().collect(),
            message: Some(message),
            ..Report::default()
        })
    }

    fn steps_done(&self) -> u64 {
        self.done.len() as u64
    }

    fn total_steps(&self) -> Option<u64> {
        Some(self.count)
    }

    fn done(&self) -> bool {
        self.steps_done() >= self.count
    }

    /// The best one of all seeds.
    fn front(&self) -> Vec<Candidate> {
        let mut best: Option<&SeedResult> = None;
        for seed in &self.done {
            if best.is_none_or(|known| seed.searched > known.searched) {
                best = Some(seed);
            }
        }
        let candidate = |seed: &SeedResult| Candidate {
            genotype: seed.genotype.clone(),
            objectives: [("rank".to_owned(), seed.rank as f64), ("error".to_owned(), 100.0 - seed.best)]
                .into(),
        };
        best.map(candidate).into_iter().collect()
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        to.put_state(KEY, &(&self.protocol, &self.done))
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        let (protocol, done): (Value, Vec<SeedResult>) = from.state(KEY)?;
        same_numbers(&protocol, &self.protocol)?;
        self.done = done;
        self.ahead.clear();
        Ok(())
    }

    fn recall(&mut self, beyond: &[Value]) {
        let known = beyond.iter().filter_map(|line| SeedResult::deserialize(line).ok());
        self.recalled = known.map(|result| (result.seed, result)).collect();
    }
}
