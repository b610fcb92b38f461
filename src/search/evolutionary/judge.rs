//! A candidate's evaluation: the same latents and the same real pictures for all.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::objectives::{Judged, Objective, Values};
use super::schedule::Stage;
use super::training::Spent;
use super::{Evolution, EvolutionConfig, Report};
use crate::evaluation::{BATCH, Evaluator};
use crate::nn::{self, Role};
use crate::space::build::Generator;
use crate::space::{Family, GanCells, GanGenotype, Genotype, cost};
use crate::{Device, Error, Rng, Tensor};

/// Runs that a latency is the least of.
const RUNS: usize = 3;

impl Evolution {
    /// Judges candidate `index` of the round and writes it down.
    pub(super) fn judge(&mut self, round: u64, index: usize, report: &mut Report) -> Result<(), Error> {
        let member = self.population[index].clone();
        let genotype = self.half(&member.genotype);
        let judged = match self.recalled.remove(&self.step).filter(|line| line["genotype"] == genotype) {
            // A line that says nothing usable is as good as none.
            Some(line) => match judged_of(&line) {
                Some(judged) => judged,
                None => self.evaluate(index, &member.genotype, member.failed)?,
            },
            None => self.evaluate(index, &member.genotype, member.failed)?,
        };
        let mut line = json!({
            "event": "evaluated", "stage": self.stage.number(), "round": round, "step": self.step,
            "genotype": genotype,
        });
        let values: Map<String, Value> = judged
            .values
            .iter()
            .map(|(o, value)| (key(&self.evaluator, *o).to_owned(), json!(value)))
            .collect();
        line["objectives"] = Value::Object(values);
        if let Some(reason) = &judged.failed {
            line["failed"] = json!(reason);
        }
        if let Some(reason) = self.config.limits(self.stage).broken(&judged.values) {
            line["beyond"] = json!(reason);
        }
        report.message = Some(format!("stage {} round {round}  candidate {index}", self.stage.number()));
        report.journal.push(line);
        self.judged.push(judged);
        Ok(())
    }

    fn evaluate(&mut self, who: usize, g: &Genotype, failed: Option<String>) -> Result<Judged, Error> {
        let candidate = self.whole(g)?;
        let mut values = self.statics(g)?;
        let limits = self.config.limits(self.stage);
        // Pictures of a candidate that is out already would be made for nothing.
        if failed.is_some() || limits.broken(&values).is_some() {
            return Ok(Judged { values, failed });
        }
        let judge = Judge {
            config: &self.config,
            evaluator: &self.evaluator,
            device: &self.device,
            seed: self.seed,
        };
        if self.config.objectives.contains(&Objective::Latency)
            || limits.largest.contains_key(&Objective::Latency)
        {
            let latency = judge.latency(|z, x| self.nets.exercise(who, &candidate, z, x))?;
            values.insert(Objective::Latency, latency);
        }
        let net = self.nets.generator(who, &candidate);
        judge.pictures(net, values, &mut self.spent)
    }

    /// What is known of a candidate without computing anything.
    pub(super) fn statics(&self, g: &Genotype) -> Result<Values, Error> {
        statics(&self.config, self.stage, g)
    }
}

/// What all candidates of a search are judged with.
pub(in crate::search) struct Judge<'a> {
    pub config: &'a EvolutionConfig,
    pub evaluator: &'a Evaluator,
    pub device: &'a Device,
    /// Of the latents.
    pub seed: u64,
}

impl Judge<'_> {
    /// Adds to `values` what the pictures of `net` are worth, with the statistics of its batch norm taken anew; they are
    /// put back.
    ///
    /// # Errors
    /// If the device fails.
    pub fn pictures(
        &self,
        net: &mut Generator,
        mut values: Values,
        spent: &mut Spent,
    ) -> Result<Judged, Error> {
        let before = nn::collect(net, Role::Buffer);
        let began = Instant::now();
        recalibrate(net, self.config, self.device, self.seed);
        self.device.sync()?;
        spent.recalibration += began.elapsed().as_secs_f64();
        let found = self.evaluator.evaluate(net, self.device);
        nn::restore(net, &before);
        let found = match found {
            Ok(found) => found,
            // A feature that is no number speaks of the candidate; any other failure is one of the machine.
            Err(Error::Weights { reason, .. }) => return Ok(Judged { values, failed: Some(reason) }),
            Err(other) => return Err(other),
        };
        spent.evaluation += found.seconds;
        spent.evaluations += 1;
        let score = found.score.map(|(mean, _)| mean);
        let pictures = [(Objective::Distance, Some(found.distance)), (Objective::Score, score)];
        values.extend(pictures.into_iter().filter_map(|(o, value)| Some((o, value?))));
        let infinite = values.iter().find(|(_, value)| !value.is_finite());
        let failed = infinite.map(|(o, value)| format!("{} is {value}", key(self.evaluator, *o)));
        if failed.is_some() {
            values.retain(|_, value| value.is_finite());
        }
        Ok(Judged { values, failed })
    }

    /// Seconds for a picture of what `run` does with latents and with as many pictures.
    ///
    /// # Errors
    /// If the device fails.
    pub fn latency(&self, mut run: impl FnMut(&Tensor, &Tensor)) -> Result<f64, Error> {
        let mut rng = Rng::stream(self.seed, "latency");
        let z = Tensor::normal(self.device, [BATCH, self.config.latent], &mut rng);
        let side = self.config.image_size();
        let x = Tensor::normal(self.device, [BATCH, side, side, 3], &mut rng);
        let mut least = f64::INFINITY;
        // The first run also compiles kernels and fills pools.
        for _ in 0..=RUNS {
            self.device.sync()?;
            let began = Instant::now();
            run(&z, &x);
            self.device.sync()?;
            least = least.min(began.elapsed().as_secs_f64());
        }
        Ok(least / BATCH as f64)
    }
}

/// What an objective is called in files.
fn key(evaluator: &Evaluator, objective: Objective) -> &'static str {
    match objective {
        Objective::Distance => evaluator.distance_name(),
        Objective::Score => evaluator.score_name(),
        other => other.name(),
    }
}

/// What the minimised form of an objective is called in files.
pub(in crate::search) fn minimised_key(evaluator: &Evaluator, objective: Objective) -> String {
    match objective {
        Objective::Score => format!("inverse_{}", key(evaluator, objective)),
        other => key(evaluator, other).to_owned(),
    }
}

/// Looks whether `evaluator` gives the score, if it is asked for.
///
/// # Errors
/// If it does not.
pub(in crate::search) fn require_score(config: &EvolutionConfig, evaluator: &Evaluator) -> Result<(), Error> {
    let scored = config.objectives.contains(&Objective::Score) || config.min_score > 0.0;
    if scored && !evaluator.has_score() {
        let reason = "the score takes features with logits and at least ten generated pictures";
        return Err(Error::config("objectives", reason));
    }
    Ok(())
}

/// The half that a stage searches.
pub(super) fn space(stage: Stage) -> GanCells {
    match stage {
        Stage::Generators => GanCells::generators(),
        Stage::Discriminators => GanCells::discriminators(Family::Eagan),
    }
}

/// What is known of candidate `g` of a stage without computing anything.
pub(super) fn statics(config: &EvolutionConfig, stage: Stage, g: &Genotype) -> Result<Values, Error> {
    counted(config, stage, &space(stage).decode(g)?)
}

/// The same of the half of `gan` that the stage searches.
pub(in crate::search) fn counted(
    config: &EvolutionConfig,
    stage: Stage,
    gan: &GanGenotype,
) -> Result<Values, Error> {
    let (cost, channels, batch) = match stage {
        Stage::Generators => {
            let cost = cost::generator(gan.require_generator()?, config.channels, &config.form())?;
            (cost, config.channels, config.batch.max(config.gen_batch))
        }
        Stage::Discriminators => {
            let d = gan.require_discriminator()?;
            let cost = cost::discriminator(d, config.disc_channels, config.image_size())?;
            // Real and generated pictures.
            (cost, config.disc_channels, 2 * config.batch)
        }
    };
    let present = cost.layers.iter().filter(|layer| layer.op != "none");
    let outputs: usize = present.map(|layer| layer.size * layer.size * channels).sum();
    let numbers = 4 * cost.params() + 2 * (batch * outputs) as u64;
    Ok(Values::from([
        (Objective::Params, cost.params() as f64),
        (Objective::Macs, cost.macs() as f64),
        (Objective::Memory, 4.0 * numbers as f64),
    ]))
}

/// Takes the statistics of a candidate's generator anew, always from the same latents, unless the settings say otherwise.
pub(super) fn recalibrate(net: &mut Generator, config: &EvolutionConfig, device: &Device, seed: u64) {
    if !config.recalibrate {
        return;
    }
    let mut rng = Rng::stream(seed, "recalibration");
    let all = config.recalibration_images;
    let batches = (0..all.div_ceil(BATCH)).map(|i| BATCH.min(all - i * BATCH));
    net.recalibrate(batches.map(|n| Tensor::normal(device, [n, config.latent], &mut rng)));
}

/// What a line of the journal says of its candidate, if it can be understood.
fn judged_of(line: &Value) -> Option<Judged> {
    let mut values = Values::new();
    for (name, value) in line["objectives"].as_object()? {
        let objective = Objective::ALL.into_iter().find(|o| o.is_called(name))?;
        values.insert(objective, value.as_f64()?);
    }
    let failed = line["failed"].as_str().map(str::to_owned);
    Some(Judged { values, failed })
}
