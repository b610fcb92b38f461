//! Queries that are answered by a prediction: a surrogate of NAS-Bench-301, or a made-up function that is called so.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Evaluator, Measured};
use crate::Error;
use crate::space::{Darts, Genotype, Space};
use crate::tables::Synthetic;
use crate::tables::nasbench301::Ensemble;

/// A surrogate ensemble on the DARTS space: the score is its mean prediction, in percent.
pub struct SurrogateQueries {
    ensemble: Ensemble,
    space: Darts,
    file: String,
}

impl SurrogateQueries {
    /// Queries of `ensemble`, which was read from `file`.
    pub fn new(ensemble: Ensemble, space: Darts, file: &str) -> SurrogateQueries {
        SurrogateQueries { ensemble, space, file: file.to_owned() }
    }
}

impl Evaluator for SurrogateQueries {
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error> {
        let score = self.ensemble.predict(&self.space, g)?.mean;
        Ok(Measured {
            score,
            objectives: BTreeMap::from([("error".to_owned(), 100.0 - score)]),
        })
    }

    fn protocol(&self) -> Value {
        json!({"surrogate": self.file, "members": self.ensemble.members(), "statistic": "mean over members"})
    }
}

/// A synthetic objective: it measures nothing, and every report says so.
pub struct SyntheticQueries {
    synthetic: Synthetic,
    space: Arc<dyn Space>,
}

impl SyntheticQueries {
    /// Queries of `synthetic`, which was made for `space`.
    pub fn new(synthetic: Synthetic, space: Arc<dyn Space>) -> SyntheticQueries {
        SyntheticQueries { synthetic, space }
    }
}

impl Evaluator for SyntheticQueries {
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error> {
        let score = self.synthetic.score(self.space.as_ref(), g)?;
        Ok(Measured {
            score,
            objectives: BTreeMap::from([("synthetic shortfall".to_owned(), 100.0 - score)]),
        })
    }

    fn protocol(&self) -> Value {
        json!({"objective": self.synthetic.name(), "unit": Synthetic::UNIT})
    }
}
