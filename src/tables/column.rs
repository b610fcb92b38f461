//! What a column of a table holds, and how one is asked for.

use std::fmt;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What was measured, in full: nothing about a value is left to convention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The pictures: `cifar10`, `cifar10-valid`, `cifar100`, `imagenet16`.
    pub dataset: String,
    /// Length of the training; 0 for what no training changes.
    pub epochs: u32,
    /// The part of the pictures that it was measured on.
    pub split: Split,
    /// What was measured.
    pub quantity: Quantity,
    /// Which training, or what was made of several.
    pub statistic: Statistic,
    /// In which unit.
    pub unit: Unit,
    /// When in the training.
    pub at: Point,
    /// Release of the benchmark, where its releases differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

/// A column that is looked for. Everything is said: there is no default data set, split, length or statistic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// See [`Column::dataset`].
    pub dataset: String,
    /// See [`Column::epochs`].
    pub epochs: u32,
    /// See [`Column::split`].
    pub split: Split,
    /// See [`Column::quantity`].
    pub quantity: Quantity,
    /// See [`Column::statistic`].
    pub statistic: Statistic,
    /// See [`Column::at`].
    pub at: Point,
    /// See [`Column::release`]; none is enough where only one column has all the rest.
    pub release: Option<String>,
}

impl Wanted {
    pub(super) fn is(&self, column: &Column) -> bool {
        self.dataset == column.dataset
            && self.epochs == column.epochs
            && self.split == column.split
            && self.quantity == column.quantity
            && self.statistic == column.statistic
            && self.at == column.at
            && (self.release.is_none() || self.release == column.release)
    }

    pub(super) fn of(column: &Column) -> Wanted {
        Wanted {
            dataset: column.dataset.clone(),
            epochs: column.epochs,
            split: column.split,
            quantity: column.quantity,
            statistic: column.statistic,
            at: column.at,
            release: column.release.clone(),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted {
            dataset,
            epochs,
            split,
            quantity,
            statistic,
            at,
            release,
        } = self;
        write!(f, "{quantity} {dataset} {split} epochs {epochs} {at} {statistic}")?;
        match release {
            Some(release) => write!(f, " release {release}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", Wanted::of(self), self.unit)
    }
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the network was trained on.
    Train,
    /// What a search may look at.
    Valid,
    /// What only a report may look at.
    Test,
    /// The whole original test set, where validation and test are its halves.
    #[serde(rename = "ori-test")]
    OriginalTest,
    /// No pictures: a property of the network.
    Network,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantity {
    /// Share of right answers.
    Accuracy,
    /// Time of the whole training up to then (split `train`), or of one pass over the pictures (other
    /// splits).
    Time,
    /// Trainable numbers.
    Params,
    /// Multiply-adds for one picture.
    Macs,
    /// Time of one batch forwards.
    Latency,
    /// The official number of the architecture.
    Index,
    /// Number of the class of isomorphic architectures.
    Class,
}

/// A unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Hundredths.
    Percent,
    /// From 0 to 1.
    Fraction,
    /// Seconds.
    Seconds,
    /// A number of things, or of one.
    Count,
}

/// A point of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Point {
    /// After half of the epochs.
    Half,
    /// After the last epoch.
    Final,
    /// The epoch with the largest value.
    Best,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for Split {
    type Err = Error;

    fn from_str(text: &str) -> Result<Split, Error> {
        option("split", text)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for Quantity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Quantity, Error> {
        option("quantity", text)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for Unit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Unit, Error> {
        option("unit", text)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for Point {
    type Err = Error;

    fn from_str(text: &str) -> Result<Point, Error> {
        option("at", text)
    }
}

/// The option with this name; names are those that files have.
fn option<'a, T: Deserialize<'a>>(key: &str, text: &'a str) -> Result<T, Error> {
    let named: StrDeserializer<'a, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(named).map_err(|e| Error::config(key, e.to_string()))
}

/// Which of several trainings a value is of, or what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Statistic {
    /// Mean over the trainings there are; also the value of what does not depend on the training.
    Mean,
    /// The training with this seed.
    Seed(u32),
    /// The training with this number, from 1, where seeds are not known.
    Repeat(u32),
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statistic::Mean => f.write_str("mean"),
            Statistic::Seed(seed) => write!(f, "seed:{seed}"),
            Statistic::Repeat(repeat) => write!(f, "repeat:{repeat}"),
        }
    }
}

impl FromStr for Statistic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Statistic, Error> {
        let number =
            |digits: &str| digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        let known = match text.split_once(':') {
            None if text == "mean" => Some(Statistic::Mean),
            Some(("seed", digits)) => number(digits).map(Statistic::Seed),
            Some(("repeat", digits)) => number(digits).filter(|n| *n > 0).map(Statistic::Repeat),
            _ => None,
        };
        known.ok_or_else(|| {
            let reason = format!("`{text}` is none; valid are mean, seed:NUMBER and repeat:NUMBER (from 1)");
            Error::config("statistic", reason)
        })
    }
}

impl TryFrom<String> for Statistic {
    type Error = Error;

    fn try_from(text: String) -> Result<Statistic, Error> {
        text.parse()
    }
}

impl From<Statistic> for String {
    fn from(statistic: Statistic) -> String {
        statistic.to_string()
    }
}
