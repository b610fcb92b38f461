//! What can be typed.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::arch::ArchCommand;
use super::bench::BenchCommand;
use super::convert::ConvertArgs;
use super::data::DataInfoArgs;
use super::evaluate::EvaluateArgs;
use super::evolutionary::{EvolutionArgs, Method};
use super::fetch::FetchArgs;
use super::output::note;
use super::queries::{self, OnArgs, QueryArgs};
use super::run::RunArgs;
use super::sample::SampleArgs;
use super::stats::StatsArgs;
use super::train::TrainArgs;
use super::train_classifier::TrainClassifierArgs;
use crate::device::GpuOptions;
use crate::{Device, Error, runs};

/// Searches, trains, evaluates and exports generative adversarial networks on any GPU or on the CPU.
#[derive(Debug, Parser)]
#[command(name = "ganas", version, arg_required_else_help = true)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Print exactly one JSON object on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// auto, cpu, gpu, gpu:N, or part of an adapter's name [default: auto]
    #[arg(long, global = true, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Seed of every random draw [default: 0]
    // TOML, in which a run stores its seed, has signed integers only.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// No progress on standard error
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// On a GPU, take kernels by a fixed rule; else the fastest of those that give the same numbers are measured for
    /// at most 2 s and kept in the user's cache folder
    #[arg(long, global = true)]
    pub no_tune: bool,
    /// On a GPU, let convolutions read weights and images as halves (f16): less memory traffic for fewer digits; sums and
    /// gradients are floats as ever
    #[arg(long, global = true)]
    pub half: bool,
}

/// The longest time that a command measures kernels for.
pub(super) const TUNING: Duration = Duration::from_secs(2);

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the CPU and every adapter, and mark what `auto` takes
    Devices,
    /// Look at image sources, and download public ones
    #[command(subcommand)]
    Data(DataCommand),
    /// Search for architectures
    #[command(subcommand)]
    Search(SearchCommand),
    /// Train one architecture in full
    Train(Box<TrainArgs>),
    /// Images from a run, a snapshot or a weights file
    Sample(SampleArgs),
    /// Weights, genotypes and generators from one form of file to another
    Convert(ConvertArgs),
    /// How near generated pictures are to real ones: FID, Inception Score, KID, precision and recall
    Evaluate(Box<EvaluateArgs>),
    /// Statistics of a set of pictures or features for FID, as the Python tools store them
    Stats(StatsArgs),
    /// Train a small classifier, whose features serve where no Inception weights exist
    TrainClassifier(TrainClassifierArgs),
    /// Genotypes as text, as numbers and as pictures
    #[command(subcommand)]
    Arch(ArchCommand),
    /// How fast this machine's devices are, and how near to what they can do at best
    #[command(subcommand)]
    Bench(BenchCommand),
}

/// What to do with image sources.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Count, shape, classes and channel figures of an image source
    Info(DataInfoArgs),
    /// Download a public data set or weights from the official address; calling again resumes
    Fetch(FetchArgs),
}

/// Which search.
#[derive(Debug, Subcommand)]
pub enum SearchCommand {
    /// Search generator and discriminator by gradient, each against the other (AdversarialNAS)
    Adversarial(Box<AdversarialArgs>),
    /// Search the generator, then the discriminator, by two-stage evolution with Pareto selection (EAGAN)
    Evolutionary(Box<EvolutionArgs>),
    /// Search by queries: a generator of architectures against a discriminator of them (GA-NAS)
    Generative(Box<QueryArgs>),
    /// Random search, to compare with: by queries with --on, else as EAGAN with random genotypes for children
    Random(Box<RandomArgs>),
    /// Ageing evolution by queries, to compare with
    Aging(Box<QueryArgs>),
    /// Local search with restarts by queries, to compare with
    Local(Box<QueryArgs>),
    /// Factorised cross-entropy by queries, to compare with
    Cem(Box<QueryArgs>),
    /// REINFORCE with an LSTM controller by queries, to compare with
    Reinforce(Box<QueryArgs>),
}

/// Flags of `search random`: those of a search by queries where it is told what to search on, else those of EAGAN.
#[derive(Debug, Clone, Default, Args)]
pub struct RandomArgs {
    /// What to search on.
    #[command(flatten)]
    pub on: OnArgs,
    /// Flags of EAGAN; those of images and of the run serve both.
    #[command(flatten)]
    pub evolution: EvolutionArgs,
}

impl RandomArgs {
    /// The flags of a search by queries, if it is one; a resumed one is known by what its run has stored.
    ///
    /// # Errors
    /// If a flag was given that the other kind of search has.
    pub fn queries(&self) -> Result<Option<QueryArgs>, Error> {
        let evolution = &self.evolution;
        let resumed = evolution.run.resume.as_ref().is_some_and(|run| queries::is_one(run));
        if self.on.on.is_none() && !resumed {
            return match self.on == OnArgs::default() {
                true => Ok(None),
                false => Err(Error::config("on", "a search by queries wants to be told on what: give --on")),
            };
        }
        let shared = ["data", "features", "generator", "max_steps", "operators"];
        let flags = evolution.flags(Method::Random)?;
        if let Some(other) = flags.keys().find(|key| !shared.contains(&key.as_str())) {
            let reason =
                "means nothing with --on; settings of GAN evaluations are reached by --set gan.settings.";
            return Err(Error::config(other, format!("{reason}{other}=...")));
        }
        Ok(Some(QueryArgs {
            on: self.on.clone(),
            preset: evolution.preset.clone(),
            data: evolution.data.clone(),
            features: evolution.features.clone(),
            generator: evolution.generator.clone(),
            steps: evolution.steps,
            run: evolution.run.clone(),
        }))
    }
}

/// Flags of `search adversarial`.
#[derive(Debug, Clone, Default, Args)]
pub struct AdversarialArgs {
    /// Sizes for a purpose [default: smoke]
    #[arg(long, value_parser = ["smoke", "laptop", "paper"])]
    pub preset: Option<String>,
    /// Images: shapes, cifar10:DIR, folder:DIR, ...
    #[arg(long, value_name = "SRC")]
    pub data: Option<String>,
    /// Channels of the generator
    #[arg(long, value_name = "N")]
    pub channels: Option<u32>,
    /// Channels of the discriminator
    #[arg(long, value_name = "N")]
    pub disc_channels: Option<u32>,
    /// Images a mini-batch; one half trains weights, the other architectures
    #[arg(long, value_name = "N")]
    pub batch: Option<u32>,
    /// Images of a generator step
    #[arg(long, value_name = "N")]
    pub gen_batch: Option<u32>,
    /// Epochs of the generator; the discriminator has n-critic times as many
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Discriminator steps for each generator step
    #[arg(long, value_name = "N")]
    pub n_critic: Option<u32>,
    /// Stop after this many discriminator steps, counted from the beginning of the run; 0 means no limit
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,
    /// Where the run lies and what else it is told.
    #[command(flatten)]
    pub run: RunArgs,
}

impl Global {
    /// The seed, 0 unless given.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }

    /// Opens the device that was asked for, with kernels to be chosen by measurement unless that is not wanted.
    ///
    /// # Errors
    /// If there is no such device, or it cannot be opened.
    pub fn open_device(&self) -> Result<Device, Error> {
        self.open(self.device.as_deref().unwrap_or("auto"), self.half, TUNING)
    }

    /// Opens a device by its name, with halves or without, and with kernels to be chosen by up to `tuning` of
    /// measurements.
    ///
    /// # Errors
    /// If there is no such device, or it cannot be opened.
    pub(super) fn open(&self, wanted: &str, half: bool, tuning: Duration) -> Result<Device, Error> {
        let device = Device::open_with(wanted, GpuOptions { half, ..GpuOptions::default() })?;
        if !self.no_tune
            && let Some(cache) = dirs::cache_dir()
            && let Err(error) = runs::tune(&device, &cache.join("ganas/kernels"), tuning)
            && !self.quiet
        {
            note(&format!("warning: kernels are taken by a fixed rule: {error}"));
        }
        Ok(device)
    }
}

impl AdversarialArgs {
    /// The settings that have a flag of their own and were given.
    pub fn flags(&self) -> toml::Table {
        let numbers = [
            ("channels", self.channels),
            ("disc_channels", self.disc_channels),
            ("batch", self.batch),
            ("gen_batch", self.gen_batch),
            ("epochs", self.epochs),
            ("n_critic", self.n_critic),
            ("max_steps", self.steps),
        ];
        let given = numbers
            .into_iter()
            .filter_map(|(key, n)| Some((key.to_owned(), toml::Value::from(n?))));
        let mut table: toml::Table = given.collect();
        if let Some(data) = &self.data {
            table.insert("data".to_owned(), data.as_str().into());
        }
        table
    }
}
