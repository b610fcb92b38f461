//! Settings of the evolutionary search. The defaults are those of EAGAN's paper; where it is silent or its batch sizes look
//! exchanged, the released program's. Two are ours: batch norm is recalibrated, and Adam's moments are private to a copy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::objectives::{Limits, Objective};
use super::schedule::Stage;
use super::selection::Selection;
use super::variation::Operators;
use crate::Error;
use crate::nn::SpectralInit;
use crate::runs::bounds;
use crate::space::build::GeneratorSize;
use crate::space::cost::{self, Form};
use crate::space::{Discriminator, GanGenotype};

/// What is searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stages {
    /// The generator alone.
    #[serde(rename = "1")]
    First,
    /// The discriminator of a given generator.
    #[serde(rename = "2")]
    Second,
    /// The generator, then the discriminator of the best one.
    #[default]
    #[serde(rename = "both")]
    Both,
}

/// What is evaluated in a round of the first stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The population that was trained; half of it survives and is filled up by children. The paper's.
    #[default]
    Population,
    /// The population that was trained and as many children of it, which were not; half of all survive. The released
    /// program's.
    WithChildren,
}

/// Settings of an evolutionary search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvolutionConfig {
    /// Image source, as on the command line; no default.
    pub data: String,
    /// Features of evaluations: classifier:F, inception:F, or `own` for a small classifier trained on the labels of the
    /// data before the search; no default.
    pub features: String,
    /// The real side of evaluations: an image source or statistics; empty for the training pictures.
    pub reference: String,
    /// What is searched: 1, 2 or both. both.
    pub stage: Stages,
    /// Generator of a search of stage 2 alone, by name or as JSON; empty otherwise.
    pub generator: String,
    /// Weights that this generator begins with: a run, snapshot or weights file; empty for fresh ones.
    pub init: String,
    /// Discriminator of stage 1: autogan-d, simple-d, or any genotype. autogan-d.
    pub discriminator: String,
    /// Genotypes that the first population begins with; the rest is random. None.
    pub seeds: Vec<String>,
    /// Side of the smallest image in the generator, even; pictures are 8 times as wide. 4.
    pub bottom_width: usize,
    /// Channels of the generator. 256.
    pub channels: usize,
    /// Channels of the discriminator. 128.
    pub disc_channels: usize,
    /// Length of the latent vector. 120.
    pub latent: usize,
    /// Parts of the latent vector, each fed to one cell: 2 or 3. 3.
    pub latent_split: usize,
    /// Candidates of a population. 32.
    pub population: usize,
    /// Passes over the data that train random genotypes before the first round of a stage. 50.
    pub warmup: u64,
    /// Rounds of stage 1. 18.
    pub rounds1: u64,
    /// Rounds of stage 2. 18.
    pub rounds2: u64,
    /// Passes over the data in a round. 10.
    pub epochs: u64,
    /// Most mini-batches a pass, 0 for all of the data. 0.
    pub iterations: u64,
    /// What is evaluated in a round of stage 1. population.
    pub pool: Pool,
    /// Real pictures of a discriminator step, and as many generated ones. 40.
    pub batch: usize,
    /// Pictures of a generator step. 80.
    pub gen_batch: usize,
    /// Discriminator steps for each generator step in stage 1; until a round ends they train the same candidate. 1.
    pub n_critic1: u64,
    /// The same in stage 2. 5.
    pub n_critic2: u64,
    /// Learning rate of the generator. 0.0002.
    pub gen_lr: f64,
    /// Learning rate of the discriminator in stage 1. 0.0002.
    pub disc_lr1: f64,
    /// Learning rate of the discriminator in stage 2. 0.0002.
    pub disc_lr2: f64,
    /// First Adam coefficient. 0.
    pub beta1: f64,
    /// Second Adam coefficient. 0.9.
    pub beta2: f64,
    /// How survivors are chosen: nsga2 or cars. nsga2.
    pub selection: Selection,
    /// How children are made: paper, code or random. paper.
    pub operators: Operators,
    /// Probability of a crossover under the paper's operators. 0.3.
    pub crossover: f64,
    /// Probability of a mutation under the paper's operators. 0.5.
    pub mutation: f64,
    /// Whether all private generators of stage 2 take the best one's weights after each round. true.
    pub reset_weights: bool,
    /// What is minimised, the most important one first: distance, score, params, macs, latency, memory. distance, score.
    pub objectives: Vec<Objective>,
    /// Largest allowed values by objective in stage 1. None.
    pub max1: BTreeMap<Objective, f64>,
    /// The same in stage 2. None.
    pub max2: BTreeMap<Objective, f64>,
    /// Smallest allowed score, 0 for none. 0.
    pub min_score: f64,
    /// Generated pictures of an evaluation. 5000.
    pub eval_images: usize,
    /// Whether an evaluation takes the statistics of batch norm anew for its candidate. true.
    pub recalibrate: bool,
    /// Pictures that these statistics are taken from, in hundreds made at once. 500.
    pub recalibration_images: usize,
    /// Whether the skip that a cell hands on includes the skips it received. true.
    pub skip_out_includes_skips: bool,
    /// Initial weights of the spectrally normalised convolutions. effective.
    pub initialisation: SpectralInit,
    /// Stop after this many steps, 0 for no such limit. A mini-batch and an evaluation are a step each. 0.
    pub max_steps: u64,
    /// Steps between lines of the metrics. 50.
    pub metrics_every: u64,
    /// Steps between snapshots, 0 for one at the end only. 500.
    pub snapshot_every: u64,
}

impl Default for EvolutionConfig {
    fn default() -> EvolutionConfig {
        EvolutionConfig {
            data: String::new(),
            features: String::new(),
            reference: String::new(),
            stage: Stages::Both,
            generator: String::new(),
            init: String::new(),
            discriminator: "autogan-d".to_owned(),
            seeds: Vec::new(),
            bottom_width: 4,
            channels: 256,
            disc_channels: 128,
            latent: 120,
            latent_split: 3,
            population: 32,
            warmup: 50,
            rounds1: 18,
            rounds2: 18,
            epochs: 10,
            iterations: 0,
            pool: Pool::Population,
            batch: 40,
            gen_batch: 80,
            n_critic1: 1,
            n_critic2: 5,
            gen_lr: 2e-4,
            disc_lr1: 2e-4,
            disc_lr2: 2e-4,
            beta1: 0.0,
            beta2: 0.9,
            selection: Selection::Nsga2,
            operators: Operators::Paper,
            crossover: 0.3,
            mutation: 0.5,
            reset_weights: true,
            objectives: vec![Objective::Distance, Objective::Score],
            max1: BTreeMap::new(),
            max2: BTreeMap::new(),
            min_score: 0.0,
            eval_images: 5000,
            recalibrate: true,
            recalibration_images: 500,
            skip_out_includes_skips: true,
            initialisation: SpectralInit::Effective,
            max_steps: 0,
            metrics_every: 50,
            snapshot_every: 500,
        }
    }
}

impl EvolutionConfig {
    /// Side of the pictures: three cells double the bottom width.
    pub fn image_size(&self) -> usize {
        8 * self.bottom_width
    }

    /// Sizes of the generators.
    pub fn size(&self) -> GeneratorSize {
        GeneratorSize {
            channels: self.channels,
            bottom: self.bottom_width,
            latent: self.latent,
            parts: self.latent_split,
        }
    }

    /// The same for counting.
    pub fn form(&self) -> Form {
        Form {
            bottom: self.bottom_width,
            latent: self.latent,
            parts: self.latent_split,
        }
    }

    /// The limits of a stage.
    pub fn limits(&self, stage: Stage) -> Limits {
        let largest = match stage {
            Stage::Generators => self.max1.clone(),
            Stage::Discriminators => self.max2.clone(),
        };
        Limits { largest, smallest_score: self.min_score }
    }

    /// The discriminator of stage 1.
    ///
    /// # Errors
    /// If there is none of that name, or it cannot judge pictures of this size.
    pub fn first_discriminator(&self) -> Result<Discriminator, Error> {
        let genotype = GanGenotype::load(&self.discriminator)?;
        let discriminator = genotype.require_discriminator()?;
        cost::discriminator(discriminator, self.disc_channels, self.image_size())?;
        Ok(discriminator.clone())
    }

    /// Looks at every value that could not work.
    ///
    /// # Errors
    /// [`Error::Config`] with the first such key and the valid values, or what is wrong with a genotype.
    pub fn check(&self) -> Result<(), Error> {
        self.check_values()?;
        self.check_genotypes()
    }

    /// The same for everything but the genotypes, which depend on what is searched.
    ///
    /// # Errors
    /// [`Error::Config`] with the first such key and the valid values.
    pub(in crate::search) fn check_values(&self) -> Result<(), Error> {
        if self.data.is_empty() {
            return Err(bounds::no_images());
        }
        if self.features.is_empty() {
            let reason = "an evaluation needs features; give --features classifier:F (made by `ganas train-classifier`), \
                          inception:F, or own for a small classifier trained on the labels of the data first";
            return Err(Error::config("features", reason));
        }
        self.check_counts()?;
        self.check_rates()?;
        self.check_objectives()
    }

    fn check_counts(&self) -> Result<(), Error> {
        bounds::whole(&[
            ("bottom_width", self.bottom_width as u64, 2, 64),
            ("channels", self.channels as u64, 1, 4096),
            ("disc_channels", self.disc_channels as u64, 2, 4096),
            ("latent", self.latent as u64, 2, 65_536),
            ("latent_split", self.latent_split as u64, 2, 3),
            ("population", self.population as u64, 2, 65_536),
            ("warmup", self.warmup, 0, 1_000_000),
            ("epochs", self.epochs, 0, 1_000_000),
            ("rounds1", self.rounds1, 1, 1_000_000),
            ("rounds2", self.rounds2, 1, 1_000_000),
            ("batch", self.batch as u64, 1, 65_536),
            ("gen_batch", self.gen_batch as u64, 1, 65_536),
            ("n_critic1", self.n_critic1, 1, 1_000_000),
            ("n_critic2", self.n_critic2, 1, 1_000_000),
            ("eval_images", self.eval_images as u64, 2, 10_000_000),
            ("recalibration_images", self.recalibration_images as u64, 2, 10_000_000),
            ("metrics_every", self.metrics_every, 1, u64::MAX),
        ])?;
        if !self.bottom_width.is_multiple_of(2) {
            let reason = format!(
                "{} cannot be used; an even number, because a discriminator may halve the pictures four times",
                self.bottom_width
            );
            return Err(Error::config("bottom_width", reason));
        }
        if !self.latent.is_multiple_of(self.latent_split) {
            let reason = format!("{} does not split into {} equal parts", self.latent, self.latent_split);
            return Err(Error::config("latent", reason));
        }
        Ok(())
    }

    fn check_rates(&self) -> Result<(), Error> {
        use bounds::{BELOW_ONE, NOT_NEGATIVE, POSITIVE, below_one, not_negative, positive};
        let share = |p: f64| (0.0..=1.0).contains(&p);
        bounds::fits(&[
            ("gen_lr", self.gen_lr, positive(self.gen_lr), POSITIVE),
            ("disc_lr1", self.disc_lr1, positive(self.disc_lr1), POSITIVE),
            ("disc_lr2", self.disc_lr2, positive(self.disc_lr2), POSITIVE),
            ("beta1", self.beta1, below_one(self.beta1), BELOW_ONE),
            ("beta2", self.beta2, below_one(self.beta2), BELOW_ONE),
            ("crossover", self.crossover, share(self.crossover), "from 0 to 1"),
            ("mutation", self.mutation, share(self.mutation), "from 0 to 1"),
            ("min_score", self.min_score, not_negative(self.min_score), NOT_NEGATIVE),
        ])?;
        if self.operators == Operators::Paper && self.crossover == 0.0 && self.mutation == 0.0 {
            return Err(Error::config("mutation", "0 beside a crossover of 0 gives no new candidates"));
        }
        Ok(())
    }

    fn check_objectives(&self) -> Result<(), Error> {
        let refuse = |reason: &str| Err(Error::config("objectives", reason));
        if self.objectives.is_empty() {
            return refuse("at least one is needed, as in distance,score");
        }
        for (i, objective) in self.objectives.iter().enumerate() {
            if self.objectives[..i].contains(objective) {
                return refuse(&format!("`{}` is there twice", objective.name()));
            }
        }
        for (key, max) in [("max1", &self.max1), ("max2", &self.max2)] {
            for (objective, most) in max {
                if *objective == Objective::Score {
                    return Err(Error::config(key, "the score has a smallest value; set `min_score`"));
                }
                if !bounds::positive(*most) {
                    let reason = format!("{} = {most} cannot be used; above 0", objective.name());
                    return Err(Error::config(key, reason));
                }
            }
        }
        let others = self.objectives.iter().any(|o| *o != Objective::Score);
        if self.selection == Selection::Cars && !(self.objectives.contains(&Objective::Score) && others) {
            let reason = "cars ranks the score against every other objective: name score and one more";
            return Err(Error::config("selection", reason));
        }
        Ok(())
    }

    fn check_genotypes(&self) -> Result<(), Error> {
        self.first_discriminator()?;
        for seed in &self.seeds {
            GanGenotype::load(seed)?;
        }
        match (self.stage, self.generator.is_empty()) {
            (Stages::Second, true) => {
                let reason = "stage 2 alone searches the discriminator of a given generator: give --generator GENOTYPE";
                Err(Error::config("generator", reason))
            }
            (Stages::Second, false) => {
                GanGenotype::load(&self.generator)?.require_cells()?;
                Ok(())
            }
            (Stages::First | Stages::Both, false) => {
                let reason = "stage 1 searches the generator; begin with given ones by --seed-genotypes";
                Err(Error::config("generator", reason))
            }
            _ if !self.init.is_empty() => {
                Err(Error::config("init", "weights are those of a given generator, in stage 2 alone"))
            }
            _ => Ok(()),
        }
    }
}
