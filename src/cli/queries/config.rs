//! Settings of searches by queries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::judge;
use super::super::run::{Settings, halved, named};
use crate::runs::Footprint;
use crate::search::GenerativeConfig;
use crate::search::baselines::{AgeingConfig, CemConfig, LocalConfig, ReinforceConfig};
use crate::search::evolutionary::Preset;
use crate::search::gan::GanConfig;
use crate::search::queries::Constraints;
use crate::tables::Statistic;
use crate::{Device, Error};

/// Which accuracy of a table a search sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The test accuracy that is also reported: what published tables of searchers rest on.
    OracleTest,
    /// The validation accuracy; the test accuracy is only reported.
    Validation,
}

/// A searcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// GA-NAS.
    Generative,
    /// Random search.
    Random,
    /// Ageing evolution.
    Aging,
    /// Local search with restarts.
    Local,
    /// Factorised cross-entropy.
    Cem,
    /// REINFORCE with an LSTM controller.
    Reinforce,
}

impl Method {
    /// All of them by name.
    pub const ALL: [(&str, Method); 6] = [
        ("generative", Method::Generative),
        ("random", Method::Random),
        ("aging", Method::Aging),
        ("local", Method::Local),
        ("cem", Method::Cem),
        ("reinforce", Method::Reinforce),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let known = Method::ALL.iter().find(|(_, method)| *method == self);
        known.expect("every method is in the list").0
    }
}

/// Settings of `search generative` and of the searches that it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryConfig {
    /// The searcher.
    pub method: Method,
    /// Space, and where evaluations come from: `nasbench201:F.csv`, `gan`, ...
    pub on: String,
    /// Data set of a table.
    pub dataset: String,
    /// Which accuracy of a table is searched for.
    pub protocol: Protocol,
    /// Length of the trainings whose accuracy is searched for; 0 is the longest of the table.
    pub epochs: u32,
    /// Which statistic of several trainings: `mean`, `seed:777`, `repeat:1`.
    pub statistic: String,
    /// Which release of a table; empty is the first that it has.
    pub release: String,
    /// Queries.
    pub budget: usize,
    /// Seeds, from the run's seed on.
    pub seeds: u64,
    /// Largest allowed costs.
    pub most: BTreeMap<String, f64>,
    /// Options that must not be used.
    pub without: Vec<String>,
    /// Architectures that GA-NAS evaluates first.
    pub start: Vec<String>,
    /// Settings of GA-NAS.
    pub generative: GenerativeConfig,
    /// Settings of ageing evolution.
    pub aging: AgeingConfig,
    /// Settings of local search.
    pub local: LocalConfig,
    /// Settings of cross-entropy.
    pub cem: CemConfig,
    /// Settings of REINFORCE.
    pub reinforce: ReinforceConfig,
    /// How GAN architectures are evaluated, with the settings of the evolutionary search.
    pub gan: GanConfig,
    /// Queries (on a table, seeds) after which the search stops, to be resumed; 0 is none.
    pub max_steps: u64,
    /// Queries (on a table, seeds) between snapshots.
    pub snapshot_every: u64,
}

impl Default for QueryConfig {
    fn default() -> QueryConfig {
        QueryConfig {
            method: Method::Generative,
            on: String::new(),
            dataset: "cifar10".to_owned(),
            protocol: Protocol::OracleTest,
            epochs: 0,
            statistic: "mean".to_owned(),
            release: String::new(),
            budget: 200,
            seeds: 1,
            most: BTreeMap::new(),
            without: Vec::new(),
            start: Vec::new(),
            generative: GenerativeConfig::default(),
            aging: AgeingConfig::default(),
            local: LocalConfig::default(),
            cem: CemConfig::default(),
            reinforce: ReinforceConfig::default(),
            gan: GanConfig::default(),
            max_steps: 0,
            snapshot_every: 10,
        }
    }
}

impl QueryConfig {
    /// The defaults, with GAN architectures evaluated at one of the sizes of the evolutionary search.
    ///
    /// # Errors
    /// If there is no preset of this name.
    pub fn preset(name: &str) -> Result<QueryConfig, Error> {
        let mut config = QueryConfig::default();
        config.gan.settings = named(&Preset::ALL, "preset", name)?.config();
        (config.gan.warmup, config.gan.steps) = match name {
            "paper" => (20_000, 5_000),
            "laptop" => (2_000, 300),
            _ => (200, 60),
        };
        Ok(config)
    }

    /// What architectures must keep.
    pub fn constraints(&self) -> Constraints {
        Constraints {
            most: self.most.clone(),
            without: self.without.clone(),
        }
    }

    /// The statistic.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn statistic(&self) -> Result<Statistic, Error> {
        let wrong = |e: Error| Error::config("statistic", e.to_string());
        self.statistic.parse().map_err(wrong)
    }
}

impl Settings for QueryConfig {
    const COMMAND: &'static str = "search generative|random|aging|local|cem|reinforce";

    fn check(&self) -> Result<(), Error> {
        if self.on.is_empty() {
            let reason = "say what to search on, as in `--on nasbench201:nasbench201.csv` or `--on gan`";
            return Err(Error::config("on", reason));
        }
        if self.budget == 0 {
            return Err(Error::config("budget", "a search takes at least one query"));
        }
        self.statistic()?;
        // Several of them have settings of the same name.
        let within = |table: &'static str, checked: Result<(), Error>| match checked {
            Err(Error::Config { key, reason }) => Err(Error::config(format!("{table}.{key}"), reason)),
            other => other,
        };
        within("generative", self.generative.check())?;
        within("aging", self.aging.check())?;
        within("cem", self.cem.check())?;
        within("reinforce", self.reinforce.check())
    }

    fn max_steps(&self) -> u64 {
        self.max_steps
    }

    fn snapshot_every(&self) -> u64 {
        self.snapshot_every
    }

    fn resumed_with(self, typed: &QueryConfig) -> QueryConfig {
        QueryConfig { max_steps: typed.max_steps, ..self }
    }

    /// Networks of a searcher, and a table in a file that is mapped, are small.
    fn footprint(&self, device: &Device) -> Result<Option<Footprint>, Error> {
        if self.on != "gan" {
            return Ok(None);
        }
        self.gan.check()?;
        let settings = &self.gan.settings;
        let network = judge::footprint(&settings.features, settings.image_size(), device)?;
        Ok(Some(self.gan.footprint(device)? + network))
    }

    fn lighter(&self) -> Option<(QueryConfig, String)> {
        let settings = &self.gan.settings;
        let ([batch, gen_batch], _) = halved([settings.batch, settings.gen_batch], 1)?;
        let mut lighter = self.clone();
        (lighter.gan.settings.batch, lighter.gan.settings.gen_batch) = (batch, gen_batch);
        let key = "--set gan.settings";
        Some((lighter, format!("{key}.batch={batch} {key}.gen_batch={gen_batch}")))
    }
}
