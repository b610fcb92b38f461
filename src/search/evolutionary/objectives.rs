//! What candidates are judged by, and the limits they must keep.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Something a candidate is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Fréchet distance between generated and real pictures; FID under its own protocol.
    Distance,
    /// Score of the generated pictures, to be maximised: its inverse is minimised. The Inception Score under its own
    /// protocol.
    Score,
    /// Trained numbers of the searched network.
    Params,
    /// Multiply-adds of the searched network for one image.
    Macs,
    /// Measured time of the searched network for a picture, in seconds: the least of three runs on a hundred pictures. A
    /// search that asks for it cannot be repeated to the bit.
    Latency,
    /// Estimated memory in bytes that a training step takes for the searched network alone: four numbers for each parameter
    /// (value, gradient, two moments) and two for each number that an operation puts out. Its opponent and what a supernet
    /// holds beside it are not in it.
    Memory,
}

impl Objective {
    /// Every objective.
    pub const ALL: [Objective; 6] = [
        Objective::Distance,
        Objective::Score,
        Objective::Params,
        Objective::Macs,
        Objective::Latency,
        Objective::Memory,
    ];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Objective::Distance => "distance",
            Objective::Score => "score",
            Objective::Params => "params",
            Objective::Macs => "macs",
            Objective::Latency => "latency",
            Objective::Memory => "memory",
        }
    }

    /// Whether `text` is its name, or what the distance or the score is called under some protocol.
    pub fn is_called(self, text: &str) -> bool {
        match self {
            Objective::Distance => ["distance", "frechet", "fid"].contains(&text),
            Objective::Score => ["score", "is"].contains(&text),
            other => other.name() == text,
        }
    }

    /// What is minimised of a measured value.
    pub fn minimised(self, value: f64) -> f64 {
        match self {
            Objective::Score => 1.0 / (value + 1e-10),
            _ => value,
        }
    }
}

impl FromStr for Objective {
    type Err = Error;

    /// Its name, or what the distance and the score are called under their own protocol.
    fn from_str(text: &str) -> Result<Objective, Error> {
        Objective::ALL.into_iter().find(|o| o.is_called(text)).ok_or_else(|| {
            let reason = format!(
                "`{text}` is no objective; valid are distance (fid), score (is), params, macs, latency and memory"
            );
            Error::config("objectives", reason)
        })
    }
}

/// Measured values of a candidate, as they are and not as they are minimised.
pub type Values = BTreeMap<Objective, f64>;

/// What came of an evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What is known.
    pub values: Values,
    /// Why the candidate could not be evaluated, if so.
    pub failed: Option<String>,
}

/// Upper limits of what is minimised, and a lower one of the score.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Largest allowed value by objective; none of the score.
    pub largest: BTreeMap<Objective, f64>,
    /// Smallest allowed score; 0 for none.
    pub smallest_score: f64,
}

impl Limits {
    /// How far `values` are beyond the limits, as the sum of relative excesses; 0 if all are kept. Unknown values count as
    /// kept.
    pub fn excess(&self, values: &Values) -> f64 {
        let excess = |(objective, most): (&Objective, &f64)| {
            let value = *values.get(objective)?;
            (value > *most).then(|| (value - most) / most.abs().max(f64::MIN_POSITIVE))
        };
        let score = values.get(&Objective::Score).filter(|score| **score < self.smallest_score);
        let lacking = score.map_or(0.0, |score| (self.smallest_score - score) / self.smallest_score);
        self.largest.iter().filter_map(excess).sum::<f64>() + lacking
    }

    /// The first limit that `values` break, in words.
    pub fn broken(&self, values: &Values) -> Option<String> {
        let above = self.largest.iter().find_map(|(objective, most)| {
            let value = values.get(objective).filter(|value| *value > most)?;
            Some(format!("{} {value} is above its limit {most}", objective.name()))
        });
        above.or_else(|| {
            let score = values.get(&Objective::Score).filter(|score| **score < self.smallest_score)?;
            Some(format!("score {score} is below its limit {}", self.smallest_score))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_a_wrong_one_lists_the_right_ones() {
        for objective in Objective::ALL {
            assert_eq!(objective.name().parse::<Objective>().unwrap(), objective);
            assert_eq!(serde_json::to_value(objective).unwrap(), objective.name());
        }
        assert_eq!("fid".parse::<Objective>().unwrap(), Objective::Distance);
        assert!("speed".parse::<Objective>().unwrap_err().to_string().contains("latency"));
    }

    #[test]
    fn limits_bound_what_is_minimised() {
        let limits = Limits {
            largest: BTreeMap::from([(Objective::Params, 100.0)]),
            smallest_score: 4.0,
        };
        let values = |params, score| Values::from([(Objective::Params, params), (Objective::Score, score)]);
        assert_eq!(limits.excess(&values(100.0, 5.0)), 0.0);
        assert_eq!(limits.broken(&values(100.0, 5.0)), None);
        assert!((limits.excess(&values(150.0, 2.0)) - 1.0).abs() < 1e-9);
        assert_eq!(limits.broken(&values(150.0, 5.0)).unwrap(), "params 150 is above its limit 100");
        assert_eq!(limits.broken(&values(10.0, 2.0)).unwrap(), "score 2 is below its limit 4");
        assert_eq!(limits.excess(&Values::new()), 0.0);
    }
}
