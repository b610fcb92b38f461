//! `ganas train`: one architecture trained in full.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::args::Global;
use super::judge::{self, Judge};
use super::run::{self, RunArgs, Settings, StoredRun, Typed};
use super::{interrupt, model, output};
use crate::data::{self, OpenOptions};
use crate::runs::{self, Footprint, Outcome};
use crate::space::{Discriminator, Family, GanGenotype};
use crate::train::{Preset, TrainConfig, Trainer};
use crate::{Device, Error};

/// Flags of `train`.
#[derive(Debug, Clone, Default, Args)]
pub struct TrainArgs {
    /// The architecture: a built-in name, a JSON or .npy file, a run folder, or generator+discriminator; a genotype
    /// without discriminator is trained against AutoGAN's
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub genotype: Option<String>,
    /// Sizes and schedule for a purpose [default: smoke]
    #[arg(long, value_parser = ["smoke", "laptop", "paper-cifar10", "paper-stl10"])]
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
    /// Real pictures of a discriminator step, and as many generated ones
    #[arg(long, value_name = "N")]
    pub batch: Option<u32>,
    /// Pictures of a generator step
    #[arg(long, value_name = "N")]
    pub gen_batch: Option<u32>,
    /// Parts that both batches are cut into, their gradients added up, where memory is small
    #[arg(long, value_name = "N")]
    pub accumulate: Option<u32>,
    /// Passes of the discriminator over the data
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Discriminator steps for each generator step
    #[arg(long, value_name = "N")]
    pub n_critic: Option<u32>,
    /// Stop after this many discriminator steps, counted from the beginning of the run; 0 means no limit
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,
    /// What is minimised: hinge or mmd (the repulsive loss)
    #[arg(long, value_parser = ["hinge", "mmd"], hide_possible_values = true, value_name = "hinge|mmd")]
    pub loss: Option<String>,
    /// Learning rate of the generator
    #[arg(long, value_name = "RATE")]
    pub gen_lr: Option<f64>,
    /// Learning rate of the discriminator
    #[arg(long, value_name = "RATE")]
    pub disc_lr: Option<f64>,
    /// Let both learning rates fall linearly to 0
    #[arg(long)]
    pub lr_decay: bool,
    /// Largest norm of a network's gradient; 0 means no limit
    #[arg(long, value_name = "NORM")]
    pub clip: Option<f64>,
    /// Decay of the generator's moving average
    #[arg(long, value_name = "DECAY")]
    pub ema: Option<f64>,
    /// Mirror a random half of the pictures
    #[arg(long)]
    pub flip: bool,
    /// Differentiable augmentation: color, translation, cutout, joined by commas
    #[arg(long, value_name = "LIST")]
    pub augment: Option<String>,
    /// Begin with the generator of this run, snapshot or weights file
    #[arg(long, value_name = "MODEL")]
    pub init: Option<PathBuf>,
    /// Evaluate by these features: classifier:F, inception:F, or own for a small classifier trained first
    #[arg(long, value_name = "NETWORK:F")]
    pub features: Option<String>,
    /// The real side of evaluations: an image source or .npz statistics [default: the training pictures]
    #[arg(long, value_name = "SRC")]
    pub reference: Option<String>,
    /// Steps between evaluations
    #[arg(long, value_name = "N")]
    pub eval_every: Option<u32>,
    /// Generated images of an evaluation
    #[arg(long, value_name = "N")]
    pub eval_images: Option<u32>,
    /// What follows when the training goes bad: stop, restore or continue
    #[arg(long, value_parser = ["stop", "restore", "continue"], hide_possible_values = true, value_name = "stop|restore|continue")]
    pub on_divergence: Option<String>,
    /// Where the run lies and what else it is told.
    #[command(flatten)]
    pub run: RunArgs,
}

impl TrainArgs {
    /// The settings that have a flag of their own and were given.
    fn flags(&self) -> toml::Table {
        let numbers = [
            ("channels", self.channels),
            ("disc_channels", self.disc_channels),
            ("batch", self.batch),
            ("gen_batch", self.gen_batch),
            ("accumulate", self.accumulate),
            ("epochs", self.epochs),
            ("n_critic", self.n_critic),
            ("max_steps", self.steps),
            ("eval_every", self.eval_every),
            ("eval_images", self.eval_images),
        ];
        let numbers = numbers.map(|(key, n)| (key, n.map(toml::Value::from)));
        let rates =
            [("gen_lr", self.gen_lr), ("disc_lr", self.disc_lr), ("clip", self.clip), ("ema", self.ema)];
        let rates = rates.map(|(key, n)| (key, n.map(toml::Value::from)));
        let init = self.init.as_ref().map(|path| path.display().to_string());
        let texts = [
            ("data", &self.data),
            ("loss", &self.loss),
            ("augment", &self.augment),
            ("init", &init),
            ("features", &self.features),
            ("reference", &self.reference),
            ("on_divergence", &self.on_divergence),
        ];
        let texts = texts.map(|(key, text)| (key, text.as_deref().map(toml::Value::from)));
        let switches = [("lr_decay", self.lr_decay), ("flip", self.flip)];
        let switches = switches.map(|(key, on)| (key, on.then_some(toml::Value::Boolean(true))));
        let all = numbers.into_iter().chain(rates).chain(texts).chain(switches);
        all.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

impl Settings for TrainConfig {
    const COMMAND: &'static str = "train";

    fn check(&self) -> Result<(), Error> {
        TrainConfig::check(self)
    }

    fn max_steps(&self) -> u64 {
        self.max_steps
    }

    fn snapshot_every(&self) -> u64 {
        self.snapshot_every
    }

    fn resumed_with(self, typed: &TrainConfig) -> TrainConfig {
        TrainConfig {
            max_steps: typed.max_steps,
            on_divergence: typed.on_divergence,
            ..self
        }
    }

    fn footprint(&self, device: &Device) -> Result<Option<Footprint>, Error> {
        let mut needed = TrainConfig::footprint(self, device)?;
        if !self.features.is_empty() {
            needed = needed + judge::footprint(&self.features, self.image_size(), device)?;
        }
        Ok(Some(needed))
    }

    fn lighter(&self) -> Option<(TrainConfig, String)> {
        // The same batches in more parts.
        let accumulate = 2 * self.accumulate;
        (accumulate <= self.batch.min(self.gen_batch))
            .then(|| (TrainConfig { accumulate, ..self.clone() }, format!("--accumulate {accumulate}")))
    }
}

/// Trains what was named, or goes on with a training.
///
/// # Errors
/// If a setting or a file is bad, the run folder cannot be used, or the training fails or goes bad;
/// [`Error::Interrupted`] if it was stopped by the user.
pub fn run(args: &TrainArgs, global: &Global) -> Result<(), Error> {
    let genotype = args.genotype.as_deref().map(architecture).transpose()?;
    let typed = Typed {
        preset: args.preset.as_deref(),
        args: &args.run,
        flags: args.flags(),
        global,
    };
    let preset = |typed: &str| {
        let genotype = genotype
            .as_ref()
            .expect("a new run has a genotype: the command line demands it");
        let config = run::named(&Preset::ALL, "preset", typed)?.config(genotype.lineage());
        Ok(TrainConfig { genotype: genotype.to_json().to_string(), ..config })
    };
    let build = |device: &Device, config: &TrainConfig, seed: u64| build(device, config, seed, global);
    let (run, outcome) = run::drive(&typed, "train", preset, build, interrupt::flag()?)?;
    match global.json {
        true => output::print(&summary(&run, &outcome).to_string()),
        false => output::print(&text(&run, &outcome)?),
    }
}

/// What is to be trained; AutoGAN's discriminator where none is named.
fn architecture(typed: &str) -> Result<GanGenotype, Error> {
    let mut genotype = GanGenotype::load(typed)?;
    genotype.require_generator()?;
    genotype
        .discriminator
        .get_or_insert_with(|| Discriminator { family: Family::Autogan, genes: Vec::new() });
    Ok(genotype)
}

fn build(device: &Device, config: &TrainConfig, seed: u64, global: &Global) -> Result<Trainer, Error> {
    let wanted = OpenOptions {
        seed,
        size: Some(config.image_size()),
        ..OpenOptions::default()
    };
    let images = data::open(&config.data, &wanted)?;
    let evaluator = match config.features.is_empty() {
        true => None,
        false => {
            let judge = Judge {
                data: &config.data,
                features: &config.features,
                reference: &config.reference,
                side: config.image_size(),
                images: config.eval_images,
            };
            Some(judge.evaluator(images.as_ref(), device, seed, global)?)
        }
    };
    let mut trainer = Trainer::new(device, images, evaluator, config.clone(), seed)?;
    if !config.init.is_empty() {
        let genotype = GanGenotype::load(&config.genotype)?;
        let mut from = model::load_as(Path::new(&config.init), &genotype, device)?;
        trainer.begin_with(&mut from.generator)?;
    }
    Ok(trainer)
}

fn summary(run: &Path, outcome: &Outcome) -> serde_json::Value {
    let best = outcome.front.first();
    json!({
        "run": run.to_string_lossy(),
        "genotype": best.map(|best| &best.genotype),
        "objectives": best.map(|best| &best.objectives),
        "steps": outcome.steps,
        "seconds": outcome.seconds,
    })
}

fn text(run: &Path, outcome: &Outcome) -> Result<String, Error> {
    let mut lines = run::ended(run, outcome);
    let best = outcome.front.first();
    if let Some((name, distance)) =
        best.and_then(|best| best.objectives.iter().find(|(name, _)| name.ends_with("_ema")))
    {
        let stored: StoredRun<TrainConfig> = runs::read_config(run)?;
        let config = &stored.settings;
        let what = if name.starts_with("fid") {
            "FID"
        } else {
            "Fréchet distance"
        };
        lines.push(format!(
            "best  {what} {distance:.3} of the averaged weights: features {}, {} generated images, reference {}",
            config.features,
            config.eval_images,
            if config.reference.is_empty() { &config.data } else { &config.reference }
        ));
        lines.push(format!("      {}", run.join("best.safetensors").display()));
    }
    lines.push(format!("look  ganas sample {} --grid samples.png", run.display()));
    Ok(lines.join("\n"))
}
