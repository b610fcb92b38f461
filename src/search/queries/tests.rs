//! Counting, resuming, every searcher on every space.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::runs::Work;
use crate::search::baselines::{
    AgeingConfig, AgeingEvolution, CemConfig, CrossEntropy, LocalConfig, LocalSearch, RandomSearch,
    Reinforce, ReinforceConfig,
};
use crate::search::generative::{GaNas, GenerativeConfig};
use crate::space::{
    Darts, EfficientNet, Family, GanCells, NasBench101, NasBench201, NasBenchMacro, Nb201Dataset,
    ProxylessNas, Space,
};
use crate::tables::Synthetic;
use crate::{Device, Error};

/// Scores by how many genes are 3.
#[derive(Default)]
pub(crate) struct Count;

pub(crate) fn count_table() -> Count {
    Count
}

impl Evaluator for Count {
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error> {
        let score = g.0.iter().filter(|gene| **gene == 3).count() as f64;
        Ok(Measured {
            score,
            objectives: BTreeMap::from([("missing".to_owned(), 6.0 - score)]),
        })
    }

    fn protocol(&self) -> Value {
        json!({"objective": "number of threes"})
    }
}

pub(crate) fn synthetic(space: Arc<dyn Space>) -> Box<dyn Evaluator> {
    let synthetic = Synthetic::new(space.as_ref(), 1);
    Box::new(SyntheticQueries::new(synthetic, space))
}

/// The journal of a search that is saved and loaded into itself after each of `breaks` queries.
pub(crate) fn trace(mut search: QuerySearch, breaks: &[u64]) -> Vec<Value> {
    let mut lines = Vec::new();
    while !search.done() {
        if breaks.contains(&search.steps_done()) {
            let mut snapshot = Snapshot::new(search.steps_done());
            search.save(&mut snapshot).unwrap();
            // What comes after the break must come from the snapshot alone.
            for _ in 0..3 {
                search.step().unwrap();
            }
            search.load(&snapshot).unwrap();
        }
        let journal = search.step().unwrap().journal.into_iter();
        lines.extend(journal.filter(|line| line["query"].is_u64()));
    }
    lines
}

const METHODS: [&str; 6] = ["generative", "random", "aging", "local", "cem", "reinforce"];

fn searcher(method: &str, space: &dyn Space, seed: u64) -> Box<dyn Searcher> {
    let device = Device::cpu();
    let tiny = GenerativeConfig {
        initial: 6,
        batch: 3,
        truth: 4,
        rounds: 1,
        g_updates: 1,
        episodes: 6,
        d_epochs: 1,
        embed: 4,
        hidden: 8,
        layers: 2,
        ppo_epochs: 1,
        ..GenerativeConfig::default()
    };
    match method {
        "generative" => Box::new(GaNas::new(&device, space, tiny, Vec::new(), seed).unwrap()),
        "random" => Box::new(RandomSearch::new(seed)),
        "aging" => {
            let config = AgeingConfig {
                population: 5,
                tournament: 2,
                ..AgeingConfig::default()
            };
            Box::new(AgeingEvolution::new(config, seed).unwrap())
        }
        "local" => Box::new(LocalSearch::new(LocalConfig::default(), seed)),
        "cem" => {
            let config = CemConfig {
                initial: 6,
                batch: 3,
                elite: 3,
                ..CemConfig::default()
            };
            Box::new(CrossEntropy::new(config, seed).unwrap())
        }
        "reinforce" => {
            let config = ReinforceConfig { batch: 4, hidden: 8, ..ReinforceConfig::default() };
            Box::new(Reinforce::new(&device, space, config, seed).unwrap())
        }
        other => panic!("no method {other}"),
    }
}

fn spaces() -> Vec<Arc<dyn Space>> {
    vec![
        Arc::new(NasBench101::new()),
        Arc::new(NasBench201::new(Nb201Dataset::Cifar100)),
        Arc::new(NasBenchMacro::new()),
        Arc::new(Darts::default()),
        Arc::new(EfficientNet::new()),
        Arc::new(ProxylessNas::new()),
        Arc::new(GanCells::generators()),
        Arc::new(GanCells::discriminators(Family::Eagan)),
        Arc::new(GanCells::pairs(Family::Eagan)),
    ]
}

#[test]
fn every_searcher_runs_on_every_space_with_an_exact_budget_and_resumes() {
    for space in spaces() {
        for method in METHODS {
            let make = || {
                let budget = Budget { queries: 14, constraints: Constraints::default() };
                let searcher = searcher(method, space.as_ref(), 3);
                QuerySearch::new(space.clone(), synthetic(space.clone()), searcher, budget).unwrap()
            };
            let whole = trace(make(), &[]);
            assert_eq!(whole.len(), 14, "{method} on {}", space.name());
            assert_eq!(trace(make(), &[7]), whole, "{method} on {}", space.name());
        }
    }
}

#[test]
fn a_synthetic_objective_is_called_so_everywhere() {
    let space: Arc<dyn Space> = Arc::new(Darts::default());
    let mut evaluator = synthetic(space.clone());
    assert!(evaluator.protocol().to_string().contains("synthetic"));
    let g = space.random(&mut crate::Rng::seed(0));
    let names: Vec<String> = evaluator.evaluate(&g).unwrap().objectives.into_keys().collect();
    assert!(names.iter().all(|name| name.contains("synthetic")), "{names:?}");
}

/// Equal genotypes everywhere count once: what the table of seeds is made of.
struct ByCount;

impl Judgement for ByCount {
    fn judge(&self, g: &Genotype) -> Result<(f64, u64), Error> {
        let threes = g.0.iter().filter(|gene| **gene == 3).count();
        Ok((threes as f64, 7 - threes as u64))
    }
}

fn seeds(threads: usize) -> Seeds {
    let make = |seed| {
        let space: Arc<dyn Space> = Arc::new(NasBench201::new(Nb201Dataset::Cifar10));
        let budget = Budget { queries: 20, constraints: Constraints::default() };
        let searcher = searcher("generative", space.as_ref(), seed);
        QuerySearch::new(space, Box::new(Count), searcher, budget)
    };
    Seeds::new(Box::new(make), Box::new(ByCount), json!("by count"), 5, 5, threads).unwrap()
}

#[test]
fn seeds_give_the_same_for_any_number_of_threads_and_after_a_break() {
    let journal = |mut seeds: Seeds| {
        let mut lines = Vec::new();
        while !seeds.done() {
            let journal = seeds.step().unwrap().journal.into_iter();
            lines.extend(journal.filter(|line| line["seed"].is_u64()));
        }
        (lines, seeds.summary().unwrap())
    };
    let (one, summary) = journal(seeds(1));
    assert_eq!(journal(seeds(4)), (one.clone(), summary.clone()));
    let mut broken = seeds(2);
    (0..3).for_each(|_| drop(broken.step().unwrap()));
    let mut snapshot = Snapshot::new(3);
    broken.save(&mut snapshot).unwrap();
    let mut resumed = seeds(3);
    resumed.load(&snapshot).unwrap();
    assert_eq!(journal(resumed).0, one[3..]);
    assert_eq!(summary.seeds.iter().map(|s| s.seed).collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
    assert_eq!(summary.mean_queries, 20.0);
    let best: Vec<f64> = summary.seeds.iter().map(|s| s.best).collect();
    let mean = best.iter().sum::<f64>() / 5.0;
    let std = (best.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / 4.0).sqrt();
    approx::assert_relative_eq!(summary.mean, mean);
    approx::assert_relative_eq!(summary.std, std);
}

#[test]
fn constraints_that_name_nothing_are_refused() {
    let space: Arc<dyn Space> = Arc::new(NasBench201::new(Nb201Dataset::Cifar10));
    let with = |constraints| {
        let budget = Budget { queries: 3, constraints };
        let made =
            QuerySearch::new(space.clone(), Box::new(Count), searcher("random", space.as_ref(), 0), budget);
        made.err().map(|e| e.to_string())
    };
    let most = |name: &str| Constraints {
        most: [(name.to_owned(), 1e6)].into(),
        ..Constraints::default()
    };
    assert!(
        with(most("latency"))
            .unwrap()
            .contains("known without an evaluation are macs, params")
    );
    let without = Constraints {
        without: vec!["pool".to_owned()],
        ..Constraints::default()
    };
    assert!(with(without).unwrap().contains("avg_pool_3x3"));
    assert_eq!(with(most("params")), None);
    // Nothing is this small: the error says what to do.
    let tight = Constraints {
        most: [("params".to_owned(), 10.0)].into(),
        ..Constraints::default()
    };
    let budget = Budget { queries: 3, constraints: tight };
    let mut search =
        QuerySearch::new(space.clone(), Box::new(Count), searcher("random", space.as_ref(), 0), budget)
            .unwrap();
    assert!(search.step().unwrap_err().to_string().contains("loosen the constraints"));
}

#[test]
fn evaluations_beyond_a_snapshot_are_not_made_again() {
    let space: Arc<dyn Space> = Arc::new(NasBench201::new(Nb201Dataset::Cifar10));
    let make = || {
        let budget = Budget { queries: 6, constraints: Constraints::default() };
        QuerySearch::new(space.clone(), Box::new(Count), searcher("aging", space.as_ref(), 1), budget)
            .unwrap()
    };
    let lines = trace(make(), &[]);
    let mut search = make();
    let mut changed = lines[..3].to_vec();
    changed[1]["score"] = json!(17.5);
    search.recall(&changed);
    let steps = (0..3).flat_map(|_| search.step().unwrap().journal);
    let again: Vec<Value> = steps.filter(|line| line["query"].is_u64()).collect();
    assert_eq!([&again[0], &again[2]["genotype"]], [&lines[0], &lines[2]["genotype"]]);
    assert_eq!(again[1]["score"], json!(17.5));
}
