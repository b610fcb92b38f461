//! A search that only counts and draws numbers, for tests of everything around a search.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Artifact, Candidate, Report, Search};
use crate::runs::Snapshot;
use crate::{Error, Rng};

/// Draws a number a step and keeps the largest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dummy {
    pub step: u64,
    pub total: u64,
    pub rng: Rng,
    pub best: f32,
    pub weights: Vec<f32>,
}

impl Dummy {
    pub fn new(total: u64, seed: u64) -> Dummy {
        Dummy {
            step: 0,
            total,
            rng: Rng::seed(seed),
            best: 0.0,
            weights: vec![0.0; 3],
        }
    }
}

impl Search for Dummy {
    fn step(&mut self) -> Result<Report, Error> {
        self.step += 1;
        let drawn = self.rng.uniform();
        self.best = self.best.max(drawn);
        self.weights[self.step as usize % 3] += drawn;
        let mut report = Report {
            metrics: vec![json!({"drawn": drawn})],
            message: Some(format!("best {}", self.best)),
            ..Report::default()
        };
        if self.step.is_multiple_of(2) {
            report.journal = vec![json!({"step": self.step, "drawn": drawn, "best": self.best})];
        }
        if self.step.is_multiple_of(5) {
            report.artifacts = vec![Artifact {
                name: format!("samples/{:06}.txt", self.step),
                bytes: drawn.to_le_bytes().to_vec(),
            }];
        }
        Ok(report)
    }

    fn steps_done(&self) -> u64 {
        self.step
    }

    fn total_steps(&self) -> Option<u64> {
        Some(self.total)
    }

    fn done(&self) -> bool {
        self.step >= self.total
    }

    fn front(&self) -> Vec<Candidate> {
        vec![Candidate {
            genotype: json!({"best": self.best}),
            objectives: BTreeMap::from([("missing".to_owned(), f64::from(1.0 - self.best))]),
        }]
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        to.put("weights", &[3], self.weights.clone());
        to.put("best", &[], vec![self.best]);
        to.put_state("step", &self.step)?;
        to.put_state("rng", &self.rng)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        self.weights = from.get("weights", &[3])?.to_vec();
        self.best = from.get("best", &[])?[0];
        self.step = from.state("step")?;
        self.rng = from.state("rng")?;
        Ok(())
    }
}
