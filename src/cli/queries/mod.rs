//! `ganas search generative`, and `search random|aging|local|cem|reinforce` with the same spaces, evaluations and counting.

mod config;
mod open;
mod show;

use std::path::Path;

use clap::Args;
use toml::{Table, Value};

use super::args::Global;
use super::interrupt;
use super::run::{self, RunArgs, Typed};
use crate::Error;
use crate::runs;
pub use config::{Method, Protocol, QueryConfig};

/// Flags of every search by queries.
#[derive(Debug, Clone, Default, Args)]
pub struct QueryArgs {
    /// What to search on, and how.
    #[command(flatten)]
    pub on: OnArgs,
    /// Sizes of a search on `gan` [default: smoke]
    #[arg(long, value_parser = ["smoke", "laptop", "paper"])]
    pub preset: Option<String>,
    /// On `gan`: images: shapes, cifar10:DIR, folder:DIR, ...
    #[arg(long, value_name = "SRC")]
    pub data: Option<String>,
    /// On `gan`: features of evaluations: classifier:F, inception:F, or own for a small classifier trained first
    #[arg(long, value_name = "NETWORK:F")]
    pub features: Option<String>,
    /// On `gan`: the generator of a search of discriminators
    #[arg(long, value_name = "GENOTYPE")]
    pub generator: Option<String>,
    /// Stop after this many queries (on a table, seeds), counted from the beginning of the run; 0 means no limit
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,
    /// Where the run lies and what else it is told.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to search on, and how.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct OnArgs {
    /// Space and evaluations: nasbench201:F, macro:F, nasbench101:F, nasbench301:DIR, synthetic:SPACE, gan
    #[arg(long, value_name = "SPACE[:F]")]
    pub on: Option<String>,
    /// Data set of a table: cifar10, cifar100, imagenet16
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Search for the test accuracy that is reported, or for the validation accuracy [default: oracle-test]
    #[arg(long, value_parser = ["oracle-test", "validation"])]
    pub protocol: Option<String>,
    /// Length of the trainings whose accuracy is searched for [default: the longest]
    #[arg(long, value_name = "N")]
    pub train_epochs: Option<u32>,
    /// Statistic of several trainings: mean, seed:N, repeat:N [default: mean]
    #[arg(long, value_name = "NAME")]
    pub statistic: Option<String>,
    /// Release of a table that has several: v1.1, nats-v1.0
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// Queries: different architectures that are evaluated [default: 200]
    #[arg(long, value_name = "N")]
    pub budget: Option<u32>,
    /// On a table: repeat with this many seeds, from --seed on [default: 1]
    #[arg(long, value_name = "N")]
    pub seeds: Option<u32>,
    /// A limit that costs no query, as in params=1.5e6; may be given several times
    #[arg(long, value_name = "COST=N", value_parser = limit)]
    pub most: Vec<(String, f64)>,
    /// An option that must not be used, as in avg_pool_3x3; may be given several times
    #[arg(long, value_name = "OPTION")]
    pub without: Vec<String>,
    /// An architecture that GA-NAS evaluates first; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub start: Vec<String>,
    /// On `gan`: what is searched
    #[arg(long, value_parser = ["generator", "discriminator", "both"])]
    pub part: Option<String>,
    /// On `gan`: judge with shared weights, or after a brief training of each
    #[arg(long, value_parser = ["shared", "brief"])]
    pub evaluator: Option<String>,
}

fn limit(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("a cost and its limit, as in params=1.5e6")?;
    let value = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    Ok((name.to_owned(), value))
}

impl QueryArgs {
    /// The settings that have a flag of their own and were given.
    fn flags(&self, method: Method) -> Table {
        let on = &self.on;
        let texts = [
            ("on", &on.on),
            ("dataset", &on.dataset),
            ("protocol", &on.protocol),
            ("statistic", &on.statistic),
            ("release", &on.release),
            ("gan.part", &on.part),
            ("gan.evaluator", &on.evaluator),
            ("gan.settings.data", &self.data),
            ("gan.settings.features", &self.features),
            ("gan.settings.generator", &self.generator),
        ];
        let texts = texts.map(|(key, text)| (key, text.as_deref().map(Value::from)));
        let numbers = [
            ("epochs", on.train_epochs),
            ("budget", on.budget),
            ("seeds", on.seeds),
            ("max_steps", self.steps),
        ];
        let numbers = numbers.map(|(key, n)| (key, n.map(Value::from)));
        let list = |all: &[String]| {
            let values = all.iter().map(|text| Value::from(text.as_str())).collect();
            (!all.is_empty()).then_some(Value::Array(values))
        };
        let most: Table = on.most.iter().map(|(name, n)| (name.clone(), (*n).into())).collect();
        let others = [
            ("method", Some(Value::from(method.name()))),
            ("most", (!most.is_empty()).then_some(Value::Table(most))),
            ("without", list(&on.without)),
            ("start", list(&on.start)),
        ];
        let all = texts.into_iter().chain(numbers).chain(others);
        all.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

/// Whether the run in this folder is a search by queries.
pub(super) fn is_one(run: &Path) -> bool {
    let stored = runs::read_config::<run::StoredRun<Table>>(run);
    stored.is_ok_and(|stored| stored.command == <QueryConfig as run::Settings>::COMMAND)
}

/// Runs the search.
///
/// # Errors
/// If a setting or a file is bad, the run folder cannot be used, or the search fails; [`Error::Interrupted`] if it was
/// stopped by the user.
pub fn run(args: &QueryArgs, method: Method, global: &Global) -> Result<(), Error> {
    // Networks of a searcher are small: a processor is faster than the way to a card and back, and several seeds share it.
    let on_images = args.on.on.as_deref() == Some("gan") || args.run.resume.is_some();
    let global = match (&global.device, on_images) {
        (None, false) => Global { device: Some("cpu".to_owned()), ..global.clone() },
        _ => global.clone(),
    };
    let typed = Typed {
        preset: args.preset.as_deref(),
        args: &args.run,
        flags: args.flags(method),
        global: &global,
    };
    let build =
        |device: &crate::Device, config: &QueryConfig, seed: u64| open::build(device, config, seed, &global);
    let (run, outcome) = run::drive(&typed, method.name(), QueryConfig::preset, build, interrupt::flag()?)?;
    show::show(&run, &outcome, global.json)
}
