//! GA-NAS as part of your own program: your own evaluator on a published space, a constraint, and the baselines beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ganas::search::baselines::{AgeingConfig, AgeingEvolution, CemConfig, CrossEntropy, RandomSearch};
use ganas::search::queries::{Budget, Constraints, Evaluator, Measured, Searcher};
use ganas::search::{self, GaNas, GenerativeConfig, QuerySearch, Stop};
use ganas::space::{Genotype, NasBench201, Nb201Dataset, Space};
use ganas::{Device, Error};
use serde_json::{Value, json};

/// A made-up measurement: convolutions on the longest path are worth most. In your program it is a training or a look into a
/// table.
struct LongPath;

impl Evaluator for LongPath {
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error> {
        let worth = |edge: usize, weight: f64| match g.0[edge] {
            3 => weight,
            2 => 0.7 * weight,
            1 => 0.3 * weight,
            _ => 0.0,
        };
        // Edges 0->1, 1->2 and 2->3.
        let score = worth(0, 3.0) + worth(2, 3.0) + worth(5, 3.0) + worth(3, 0.5) - worth(4, 0.5);
        Ok(Measured {
            score,
            objectives: BTreeMap::from([("made up".to_owned(), -score)]),
        })
    }

    fn protocol(&self) -> Value {
        json!({"objective": "made up for an example"})
    }
}

fn main() -> Result<(), Error> {
    let device = Device::cpu();
    let space = NasBench201::new(Nb201Dataset::Cifar10);
    let config = GenerativeConfig { initial: 20, ..GenerativeConfig::default() };
    let searchers: [(&str, Box<dyn Searcher>); 4] = [
        ("GA-NAS", Box::new(GaNas::new(&device, &space, config, Vec::new(), 1)?)),
        (
            "cross-entropy",
            Box::new(CrossEntropy::new(CemConfig { initial: 20, ..CemConfig::default() }, 1)?),
        ),
        ("ageing evolution", Box::new(AgeingEvolution::new(AgeingConfig::default(), 1)?)),
        ("random", Box::new(RandomSearch::new(1))),
    ];
    for (name, searcher) in searchers {
        // Checked before anything is evaluated; what is too large costs no query.
        let budget = Budget {
            queries: 70,
            constraints: Constraints {
                most: [("params".to_owned(), 700_000.0)].into(),
                ..Constraints::default()
            },
        };
        let mut found = QuerySearch::new(Arc::new(space.clone()), Box::new(LongPath), searcher, budget)?;
        search::run(&mut found, Stop::when_done(), &mut [])?;
        let (best, after) = found.history().best().expect("something was evaluated");
        println!(
            "{name:>16}: {:.2} after {after} queries  {}",
            best.measured.score,
            space.text(&best.genotype)
        );
    }
    Ok(())
}
