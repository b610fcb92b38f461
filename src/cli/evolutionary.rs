//! `ganas search evolutionary`, and `ganas search random` on the same candidates and evaluations.

use std::path::{Path, PathBuf};

use clap::Args;
use toml::{Table, Value};

use super::args::Global;
use super::judge::{self, Judge};
use super::run::{self, RunArgs, Settings, Typed, halved, named};
use super::{interrupt, model, search};
use crate::data::{self, OpenOptions};
use crate::runs::Footprint;
use crate::search::Evolution;
use crate::search::evolutionary::{EvolutionConfig, Objective, Preset, Schedule};
use crate::space::GanGenotype;
use crate::{Device, Error};

/// Flags of `search evolutionary` and `search random`.
#[derive(Debug, Clone, Default, Args)]
pub struct EvolutionArgs {
    /// Sizes for a purpose [default: smoke]
    #[arg(long, value_parser = ["smoke", "laptop", "paper"])]
    pub preset: Option<String>,
    /// How long and in which portions: the paper's, the released program's, or a laptop's
    #[arg(long, value_parser = ["paper", "code", "laptop"], conflicts_with = "resume")]
    pub schedule: Option<String>,
    /// Images: shapes, cifar10:DIR, folder:DIR, ...
    #[arg(long, value_name = "SRC")]
    pub data: Option<String>,
    /// Features of evaluations: classifier:F, inception:F, or own for a small classifier trained first
    #[arg(long, value_name = "NETWORK:F")]
    pub features: Option<String>,
    /// The real side of evaluations: an image source or .npz statistics [default: the training pictures]
    #[arg(long, value_name = "SRC")]
    pub reference: Option<String>,
    /// Search the generator, the discriminator of a given generator, or one after the other
    #[arg(long, value_parser = ["1", "2", "both"])]
    pub stage: Option<String>,
    /// The generator of a search of stage 2 alone
    #[arg(long, value_name = "GENOTYPE")]
    pub generator: Option<String>,
    /// Weights that it begins with: a run, snapshot or weights file
    #[arg(long, value_name = "MODEL")]
    pub init: Option<PathBuf>,
    /// Discriminator of stage 1: autogan, simple, or any genotype
    #[arg(long, value_name = "autogan|simple|GENOTYPE")]
    pub discriminator: Option<String>,
    /// Genotypes that the first population begins with, by name or file; may be given several times
    #[arg(long, value_name = "GENOTYPE")]
    pub seed_genotypes: Vec<String>,
    /// Candidates of a population
    #[arg(long, value_name = "N")]
    pub population: Option<u32>,
    /// Rounds of each stage
    #[arg(long, value_name = "N")]
    pub rounds: Option<u32>,
    /// Channels of the generator
    #[arg(long, value_name = "N")]
    pub channels: Option<u32>,
    /// Channels of the discriminator
    #[arg(long, value_name = "N")]
    pub disc_channels: Option<u32>,
    /// Real pictures of a discriminator step
    #[arg(long, value_name = "N")]
    pub batch: Option<u32>,
    /// Pictures of a generator step
    #[arg(long, value_name = "N")]
    pub gen_batch: Option<u32>,
    /// How survivors are chosen: the paper's ranks or the released program's four rankings
    #[arg(long, value_parser = ["nsga2", "cars"])]
    pub selection: Option<String>,
    /// How children are made: the paper's way or the released program's
    #[arg(long, value_parser = ["paper", "code"])]
    pub operators: Option<String>,
    /// What is minimised, the most important one first: distance (or fid), score (or is), params, macs, latency, memory
    #[arg(long, value_delimiter = ',', value_name = "LIST", value_parser = objective)]
    pub objectives: Vec<Objective>,
    /// A limit on an objective in both stages, as in latency=1e-3; may be given several times
    #[arg(long, value_name = "OBJECTIVE=N", value_parser = limit)]
    pub max: Vec<(Objective, f64)>,
    /// The same in stage 1, of generators, as in params=8e6
    #[arg(long, value_name = "OBJECTIVE=N", value_parser = limit)]
    pub max1: Vec<(Objective, f64)>,
    /// The same in stage 2, of discriminators
    #[arg(long, value_name = "OBJECTIVE=N", value_parser = limit)]
    pub max2: Vec<(Objective, f64)>,
    /// The smallest score that a candidate may have
    #[arg(long, value_name = "N")]
    pub min_score: Option<f64>,
    /// Generated images of an evaluation
    #[arg(long, value_name = "N")]
    pub eval_images: Option<u32>,
    /// Evaluate with the statistics of batch norm that all candidates share, instead of taking them anew for each
    #[arg(long)]
    pub no_recalibration: bool,
    /// Stop after this many steps (mini-batches and evaluations), counted from the beginning of the run; 0 means no limit
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,
    /// Where the run lies and what else it is told.
    #[command(flatten)]
    pub run: RunArgs,
}

fn objective(text: &str) -> Result<Objective, String> {
    text.parse().map_err(|e: Error| e.to_string())
}

fn limit(text: &str) -> Result<(Objective, f64), String> {
    let (name, value) = text.split_once('=').ok_or("an objective and its limit, as in params=8e6")?;
    let value = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    Ok((objective(name)?, value))
}

/// Which of the two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `search evolutionary`.
    Evolutionary,
    /// `search random`.
    Random,
}

impl EvolutionArgs {
    /// The settings that have a flag of their own and were given. Genotypes are stored as such, not by the name of a file
    /// that may be another one when the run is resumed.
    pub(super) fn flags(&self, method: Method) -> Result<Table, Error> {
        let genotype = |typed: &str| Ok::<_, Error>(GanGenotype::load(typed)?.to_json().to_string());
        let rounds = self.rounds;
        let numbers = [
            ("population", self.population),
            ("rounds1", rounds),
            ("rounds2", rounds),
            ("channels", self.channels),
            ("disc_channels", self.disc_channels),
            ("batch", self.batch),
            ("gen_batch", self.gen_batch),
            ("eval_images", self.eval_images),
            ("max_steps", self.steps),
        ];
        let numbers = numbers.map(|(key, n)| (key, n.map(Value::from)));
        let init = self.init.as_ref().map(|path| path.display().to_string());
        let discriminator = self.discriminator.as_deref().map(|typed| match typed {
            "autogan" | "simple" => Ok(format!("{typed}-d")),
            other => genotype(other),
        });
        let discriminator = discriminator.transpose()?;
        let generator = self.generator.as_deref().map(genotype).transpose()?;
        let texts = [
            ("data", &self.data),
            ("features", &self.features),
            ("reference", &self.reference),
            ("stage", &self.stage),
            ("generator", &generator),
            ("init", &init),
            ("discriminator", &discriminator),
            ("selection", &self.selection),
            ("operators", &self.operators),
        ];
        let texts = texts.map(|(key, text)| (key, text.as_deref().map(Value::from)));
        let seeds = self.seed_genotypes.iter().map(|typed| genotype(typed).map(Value::from));
        let seeds = seeds.collect::<Result<Vec<Value>, Error>>()?;
        let objectives: Vec<Value> = self.objectives.iter().map(|o| o.name().into()).collect();
        let limits = |own: &[(Objective, f64)]| {
            let all = self.max.iter().chain(own);
            let table: Table = all.map(|(o, n)| (o.name().to_owned(), (*n).into())).collect();
            (!table.is_empty()).then_some(Value::Table(table))
        };
        let others = [
            ("seeds", (!seeds.is_empty()).then_some(Value::Array(seeds))),
            ("objectives", (!objectives.is_empty()).then_some(Value::Array(objectives))),
            ("max1", limits(&self.max1)),
            ("max2", limits(&self.max2)),
            ("min_score", self.min_score.map(Value::from)),
            ("recalibrate", self.no_recalibration.then_some(Value::Boolean(false))),
        ];
        let all = numbers.into_iter().chain(texts).chain(others);
        let mut table: Table = all.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        if method == Method::Random {
            if self.operators.is_some() {
                let reason = "a random search has none; leave it out, or use `search evolutionary`";
                return Err(Error::config("operators", reason));
            }
            table.insert("operators".to_owned(), "random".into());
        }
        Ok(table)
    }
}

impl Settings for EvolutionConfig {
    const COMMAND: &'static str = "search evolutionary";

    fn check(&self) -> Result<(), Error> {
        EvolutionConfig::check(self)
    }

    fn max_steps(&self) -> u64 {
        self.max_steps
    }

    fn snapshot_every(&self) -> u64 {
        self.snapshot_every
    }

    fn resumed_with(self, typed: &EvolutionConfig) -> EvolutionConfig {
        EvolutionConfig { max_steps: typed.max_steps, ..self }
    }

    fn footprint(&self, device: &Device) -> Result<Option<Footprint>, Error> {
        let search = EvolutionConfig::footprint(self, device)?;
        let network = judge::footprint(&self.features, self.image_size(), device)?;
        Ok(Some(search + network))
    }

    fn lighter(&self) -> Option<(EvolutionConfig, String)> {
        let ([batch, gen_batch], typed) = halved([self.batch, self.gen_batch], 1)?;
        Some((EvolutionConfig { batch, gen_batch, ..self.clone() }, typed))
    }
}

/// Runs the search.
///
/// # Errors
/// If a setting or a file is bad, the run folder cannot be used, or the search fails; [`Error::Interrupted`] if it was
/// stopped by the user.
pub fn run(args: &EvolutionArgs, method: Method, global: &Global) -> Result<(), Error> {
    // Below the settings of a file and of flags, which may change a part of the schedule.
    let preset = |name: &str| {
        let mut config = named(&Preset::ALL, "preset", name)?.config();
        if let Some(schedule) = &args.schedule {
            named(&Schedule::ALL, "schedule", schedule)?.apply(&mut config);
        }
        Ok(config)
    };
    let typed = Typed {
        preset: args.preset.as_deref(),
        args: &args.run,
        flags: args.flags(method)?,
        global,
    };
    let short = match method {
        Method::Evolutionary => "evolutionary",
        Method::Random => "random",
    };
    let build = |device: &Device, config: &EvolutionConfig, seed: u64| build(device, config, seed, global);
    let (run, outcome) = run::drive(&typed, short, preset, build, interrupt::flag()?)?;
    search::show(&run, &outcome, global.json)
}

fn build(device: &Device, config: &EvolutionConfig, seed: u64, global: &Global) -> Result<Evolution, Error> {
    let wanted = OpenOptions {
        seed,
        size: Some(config.image_size()),
        ..OpenOptions::default()
    };
    let images = data::open(&config.data, &wanted)?;
    let judge = Judge {
        data: &config.data,
        features: &config.features,
        reference: &config.reference,
        side: config.image_size(),
        images: config.eval_images,
    };
    let evaluator = judge.evaluator(images.as_ref(), device, seed, global)?;
    let mut init = match config.init.is_empty() {
        true => None,
        false => {
            let genotype = GanGenotype::load(&config.generator)?;
            Some(model::load_as(Path::new(&config.init), &genotype, device)?)
        }
    };
    let init = init.as_mut().map(|model| &mut model.generator);
    Evolution::new(device, images, evaluator, config.clone(), seed, init)
}
