//! Evolutionary search (EAGAN): first the generator against one discriminator, then the discriminator against the generator
//! that was found. Candidates share the weights of a single-path supernet, are judged by the pictures they lead to, and are
//! selected by several objectives at once.

mod config;
mod discriminators;
pub(super) mod generators;
mod history;
pub(super) mod judge;
mod memory;
pub(super) mod networks;
mod objectives;
pub(super) mod players;
mod presets;
mod rounds;
mod schedule;
mod selection;
mod state;
#[cfg(test)]
mod tests;
pub(super) mod training;
mod variation;

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::{Candidate, Report, Search};
use crate::data::{Batches, Images, require_side};
use crate::evaluation::Evaluator;
use crate::nn;
use crate::runs::Snapshot;
use crate::space::build::Generator;
use crate::space::{Discriminator, GanCells, GanGenotype, Genotype, Space};
use crate::{Device, Error, Rng};
pub use config::{EvolutionConfig, Pool, Stages};
use discriminators::Discriminators;
use generators::Generators;
use history::History;
use networks::Networks;
pub use objectives::{Judged, Limits, Objective, Values};
pub use presets::{Preset, Schedule};
pub use schedule::Stage;
use schedule::{Plan, Task};
pub use selection::Selection;
pub use state::{generator_of, is_in};
use training::Drawn;
pub use variation::Operators;

/// An evolutionary search; one step is one mini-batch or the evaluation of one candidate.
pub struct Evolution {
    device: Device,
    config: EvolutionConfig,
    seed: u64,
    images: Box<dyn Images>,
    evaluator: Evaluator,
    batches: Batches,
    latents: Rng,
    draws: Rng,
    stage: Stage,
    nets: Box<dyn Networks>,
    /// The half that is not searched in this stage.
    fixed: GanGenotype,
    population: Vec<Member>,
    /// What has been judged in this round.
    judged: Vec<Judged>,
    /// Every genotype that was drawn at random, where children must differ from them.
    known: HashSet<Genotype>,
    /// Whose mini-batches these are.
    drawn: Option<Drawn>,
    /// Steps of the whole search.
    step: u64,
    /// Candidates of the last front, the best first.
    found: Vec<Candidate>,
    history: History,
    spent: training::Spent,
    /// Passers-by of the warm-up that could not be trained, one after another.
    failures: u64,
    /// Results that the journal held beyond the snapshot, by step.
    recalled: BTreeMap<u64, Value>,
}

/// One of a population.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Member {
    genotype: Genotype,
    /// Why it is out of this round, if so.
    failed: Option<String>,
}

impl Member {
    fn new(genotype: Genotype) -> Member {
        Member { genotype, failed: None }
    }
}

impl Evolution {
    /// A search at its beginning. `evaluator` judges pictures; `init` gives the weights of the generator of a search of stage 2
    /// alone.
    ///
    /// # Errors
    /// If the configuration cannot work or does not fit the images, the evaluator, or `init`.
    pub fn new(
        device: &Device,
        images: Box<dyn Images>,
        evaluator: Evaluator,
        config: EvolutionConfig,
        seed: u64,
        init: Option<&mut Generator>,
    ) -> Result<Evolution, Error> {
        config.check()?;
        require_side(images.as_ref(), config.image_size())?;
        judge::require_score(&config, &evaluator)?;
        let mut rng = Rng::stream(seed, "weights");
        let (stage, nets, fixed): (_, Box<dyn Networks>, _) = match config.stage {
            Stages::First | Stages::Both => {
                let fixed = of_discriminator(config.first_discriminator()?);
                (Stage::Generators, Box::new(Generators::new(device, &config, &mut rng)?), fixed)
            }
            Stages::Second => {
                let fixed = GanGenotype {
                    discriminator: None,
                    ..GanGenotype::load(&config.generator)?
                };
                let mut g = generators::derived(&fixed, &config, device, &mut rng)?;
                if let Some(init) = init {
                    let tensors = |g: &mut Generator| -> Vec<(String, crate::Shape)> {
                        let all = nn::collect(g, nn::Role::Weight).into_iter();
                        all.map(|(name, tensor)| (name, tensor.shape())).collect()
                    };
                    if tensors(init) != tensors(&mut g) || init.accumulates_skips() != g.accumulates_skips() {
                        let reason = format!(
                            "is no generator {} of {:?} that hands skips on in the same way",
                            config.generator,
                            g.size()
                        );
                        return Err(Error::config("init", reason));
                    }
                    nn::transfer(init, &mut g);
                }
                (Stage::Discriminators, Box::new(Discriminators::new(device, &config, g, &mut rng)), fixed)
            }
        };
        let batches = Batches::new(images.len(), config.batch, seed);
        let mut search = Evolution {
            device: device.clone(),
            seed,
            batches,
            latents: Rng::stream(seed, "latents"),
            draws: Rng::stream(seed, "architectures"),
            stage,
            nets,
            fixed,
            population: Vec::new(),
            judged: Vec::new(),
            known: HashSet::new(),
            drawn: None,
            step: 0,
            found: Vec::new(),
            history: History::default(),
            spent: training::Spent::default(),
            failures: 0,
            recalled: BTreeMap::new(),
            images,
            evaluator,
            config,
        };
        search.populate()?;
        if search.config.stage == Stages::Both {
            // Not only after the whole first stage.
            let space = judge::space(Stage::Discriminators);
            let mut rng = Rng::stream(seed, "limits of stage 2");
            let some: Vec<Genotype> = (0..1000).map(|_| space.random(&mut rng)).collect();
            search.require_fit(&some, Stage::Discriminators)?;
        }
        Ok(search)
    }

    /// The first population of a stage: the given genotypes that have the half that is searched, then random ones.
    fn populate(&mut self) -> Result<(), Error> {
        let mut first: Vec<Genotype> = Vec::new();
        for seed in &self.config.seeds {
            if let Some(g) = encoded(self.nets.space(), &GanGenotype::load(seed)?)?
                && !first.contains(&g)
            {
                first.push(g);
            }
        }
        first.truncate(self.config.population);
        let missing = self.config.population - first.len();
        let taken: HashSet<Genotype> = first.iter().cloned().collect();
        let random = self.children(&[], missing, &taken);
        self.known = random.iter().cloned().collect();
        self.population = first.into_iter().chain(random).map(Member::new).collect();
        let genotypes: Vec<Genotype> = self.population.iter().map(|m| m.genotype.clone()).collect();
        self.require_fit(&genotypes, self.stage)
    }

    /// Which limit `g` breaks that takes no measuring, if so: it is neither trained nor evaluated, and memory that is not
    /// there is never asked for.
    fn beyond(&self, g: &Genotype) -> Result<Option<String>, Error> {
        let limits = self.config.limits(self.stage);
        // Looked at for every mini-batch; most searches have no limits.
        match limits.largest.is_empty() {
            true => Ok(None),
            false => Ok(limits.broken(&self.statics(g)?)),
        }
    }

    /// An error unless one of `genotypes` keeps the limits of `stage` as far as they take no measuring.
    fn require_fit(&self, genotypes: &[Genotype], stage: Stage) -> Result<(), Error> {
        let limits = self.config.limits(stage);
        let mut broken = None;
        for g in genotypes {
            broken = limits.broken(&judge::statics(&self.config, stage, g)?);
            if broken.is_none() {
                return Ok(());
            }
        }
        let reason = format!(
            "no genotype was found that keeps the limits ({}); give larger ones",
            broken.unwrap_or_default()
        );
        Err(Error::config(format!("max{}", stage.number()), reason))
    }

    /// Sizes of a stage.
    fn plan(&self, stage: Stage) -> Plan {
        let per_pass = match (self.batches.per_epoch() as u64, self.config.iterations) {
            (all, 0) => all,
            (all, most) => all.min(most),
        };
        let twice = stage == Stage::Generators && self.config.pool == Pool::WithChildren;
        Plan {
            warmup: self.config.warmup * per_pass,
            rounds: if stage == Stage::Generators {
                self.config.rounds1
            } else {
                self.config.rounds2
            },
            per_round: self.config.epochs * per_pass,
            pool: self.config.population * if twice { 2 } else { 1 },
        }
    }

    fn stages(&self) -> &'static [Stage] {
        match self.config.stage {
            Stages::First => &[Stage::Generators],
            Stages::Second => &[Stage::Discriminators],
            Stages::Both => &[Stage::Generators, Stage::Discriminators],
        }
    }

    /// Steps before the stage at hand.
    fn before(&self) -> u64 {
        let earlier = self.stages().iter().take_while(|stage| **stage != self.stage);
        earlier.map(|stage| self.plan(*stage).steps()).sum()
    }

    /// The candidate as a whole GAN.
    fn whole(&self, g: &Genotype) -> Result<GanGenotype, Error> {
        whole(self.nets.space(), g, &self.fixed)
    }

    /// The half of a candidate that is searched, as files hold it.
    fn half(&self, g: &Genotype) -> Value {
        self.nets.space().decode(g).map_or(Value::Null, |half| half.to_json())
    }
}

/// Candidate `g` of `space` with the halves of `fixed` where the space has none.
pub(super) fn whole(space: &GanCells, g: &Genotype, fixed: &GanGenotype) -> Result<GanGenotype, Error> {
    let half = space.decode(g)?;
    Ok(GanGenotype {
        generator: half.generator.or(fixed.generator),
        discriminator: half.discriminator.or_else(|| fixed.discriminator.clone()),
    })
}

fn of_discriminator(discriminator: Discriminator) -> GanGenotype {
    GanGenotype {
        generator: None,
        discriminator: Some(discriminator),
    }
}

/// The half of `gan` that `space` holds, if it has it and it belongs there; AutoGAN's discriminator is a point of EAGAN's
/// space.
fn encoded(space: &GanCells, gan: &GanGenotype) -> Result<Option<Genotype>, Error> {
    let mut gan = gan.clone();
    if space.has_generator() {
        return match gan.generator {
            Some(arch) if arch.cells().is_some() => space.encode(&gan).map(Some),
            _ => Ok(None),
        };
    }
    if let Some(d) = &mut gan.discriminator {
        *d = d.in_eagan_space();
    }
    match &gan.discriminator {
        Some(d) if Some(d.family) == space.family() => space.encode(&gan).map(Some),
        _ => Ok(None),
    }
}

impl Search for Evolution {
    fn step(&mut self) -> Result<Report, Error> {
        let mut report = Report::default();
        if self.step == self.before() {
            self.announce(&mut report);
        }
        let plan = self.plan(self.stage);
        match plan.task(self.step - self.before()) {
            Task::Train { round, step } => {
                if step == plan.warmup {
                    self.nets.warmed_up();
                    self.drawn = None;
                }
                self.train(round, step, &mut report)?;
                self.step += 1;
            }
            Task::Evaluate { round, index } => {
                if index == 0 {
                    self.gather();
                }
                self.judge(round, index, &mut report)?;
                self.step += 1;
                if index + 1 == plan.pool {
                    self.select(round, round == plan.rounds, &mut report)?;
                }
            }
        }
        self.device.check()?;
        Ok(report)
    }

    fn steps_done(&self) -> u64 {
        self.step
    }

    fn total_steps(&self) -> Option<u64> {
        let all = self.stages().iter().map(|stage| self.plan(*stage).steps()).sum();
        Some(match self.config.max_steps {
            0 => all,
            most => most.min(all),
        })
    }

    fn done(&self) -> bool {
        Some(self.step) >= self.total_steps()
    }

    fn front(&self) -> Vec<Candidate> {
        self.found.clone()
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        state::save(self, to)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        state::load(self, from)
    }

    fn recall(&mut self, beyond: &[Value]) {
        let evaluated = beyond.iter().filter(|line| line["event"] == "evaluated");
        self.recalled = evaluated
            .filter_map(|line| Some((line["step"].as_u64()?, line.clone())))
            .collect();
    }
}

impl Evolution {
    fn announce(&self, report: &mut Report) {
        let population: Vec<Value> = self.population.iter().map(|m| self.half(&m.genotype)).collect();
        report.journal.push(json!({
            "event": "stage", "stage": self.stage.number(), "step": self.step, "fixed": self.fixed.to_json(),
            "population": population,
        }));
    }
}
