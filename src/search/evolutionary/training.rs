//! The mini-batches of a search: who is trained, and what happens when that goes wrong.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::players::{Batch, Losses};
use super::schedule::Stage;
use super::variation::Operators;
use super::{Evolution, Report};
use crate::Error;
use crate::evaluation::Seconds;
use crate::space::{Genotype, Space};

/// Whose mini-batches these are: until the generator has had its step they all belong to one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Drawn {
    /// Number in the population; none in the warm-up.
    pub who: Option<usize>,
    pub genotype: Genotype,
}

/// Where the wall time of a round went.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::search) struct Spent {
    pub training: f64,
    pub recalibration: f64,
    pub evaluation: Seconds,
    pub evaluations: u64,
}

/// Random genotypes that are looked at for one that keeps the limits.
const TRIES: usize = 1000;
/// Candidates of a warm-up that may fail one after another before the shared weights are taken for broken.
pub(in crate::search) const PATIENCE: u64 = 50;

impl Evolution {
    /// Mini-batch `t` of the stage, from 0.
    pub(super) fn train(&mut self, round: u64, t: u64, report: &mut Report) -> Result<(), Error> {
        let n_critic = match self.stage {
            Stage::Generators => self.config.n_critic1,
            Stage::Discriminators => self.config.n_critic2,
        };
        let began = Instant::now();
        // A failure takes the candidate away in the middle of its steps.
        let drawn = match self.drawn.take() {
            Some(drawn) if !t.is_multiple_of(n_critic) => drawn,
            _ => self.draw(round)?,
        };
        let candidate = self.whole(&drawn.genotype)?;
        let batch = self.batch(t % n_critic == n_critic - 1)?;
        let played = self.nets.train(drawn.who, &candidate, &batch)?;
        self.spent.training += began.elapsed().as_secs_f64();
        match played {
            Ok(losses) => {
                self.failures = 0;
                self.drawn = Some(drawn);
                if (self.step + 1).is_multiple_of(self.config.metrics_every) {
                    self.losses(round, losses, report);
                }
                Ok(())
            }
            Err(reason) => self.leave_out(round, drawn, reason, report),
        }
    }

    fn losses(&self, round: u64, losses: Losses, report: &mut Report) {
        let mut line = json!({"stage": self.stage.number(), "round": round, "d": losses.d});
        if let Some(g) = losses.g {
            line["g"] = json!(g);
        }
        report.metrics.push(line);
        let g = losses.g.map_or(String::new(), |g| format!("  g {g:.3}"));
        report.message = Some(format!("stage {} round {round}  d {:.3}{g}", self.stage.number(), losses.d));
    }

    /// A candidate that a step could not train is out of this round; what it shares is as it was.
    fn leave_out(
        &mut self,
        round: u64,
        drawn: Drawn,
        reason: String,
        report: &mut Report,
    ) -> Result<(), Error> {
        report.journal.push(json!({
            "event": "left out", "stage": self.stage.number(), "round": round, "step": self.step,
            "genotype": self.half(&drawn.genotype), "reason": reason,
        }));
        let broken = match drawn.who {
            Some(i) => {
                self.population[i].failed = Some(reason.clone());
                self.population.iter().all(|m| m.failed.is_some())
            }
            None => {
                self.failures += 1;
                self.failures >= PATIENCE
            }
        };
        match broken {
            false => Ok(()),
            true => Err(untrainable(self.step, &reason)),
        }
    }

    /// The next candidate to train: a random genotype in the warm-up, else one of the population.
    fn draw(&mut self, round: u64) -> Result<Drawn, Error> {
        if round > 0 {
            let who = self.able()?;
            return Ok(Drawn {
                who: Some(who),
                genotype: self.population[who].genotype.clone(),
            });
        }
        // The released program trains a genotype that it never drew before, and remembers it.
        let remembers = self.config.operators == Operators::Code;
        for _ in 0..TRIES {
            let genotype = self.nets.space().random(&mut self.draws);
            let seen = remembers && self.known.contains(&genotype);
            if !seen && self.beyond(&genotype)?.is_none() {
                if remembers {
                    self.known.insert(genotype.clone());
                }
                return Ok(Drawn { who: None, genotype });
            }
        }
        // Where random genotypes hardly ever keep the limits, the population is known to.
        let who = self.able()?;
        Ok(Drawn {
            who: None,
            genotype: self.population[who].genotype.clone(),
        })
    }

    /// A random member of the population that is not out.
    fn able(&mut self) -> Result<usize, Error> {
        let out = |i: usize| -> Result<bool, Error> {
            let member = &self.population[i];
            Ok(member.failed.is_some() || self.beyond(&member.genotype)?.is_some())
        };
        let mut able = Vec::new();
        for i in 0..self.population.len() {
            if !out(i)? {
                able.push(i);
            }
        }
        if able.is_empty() {
            let what = "every candidate of the round is out; lower the learning rates or give larger limits";
            return Err(Error::Diverged { step: self.step, what: what.to_owned() });
        }
        Ok(able[self.draws.below(able.len())])
    }

    fn batch(&mut self, generates: bool) -> Result<Batch, Error> {
        let images = self.images.as_ref();
        Batch::draw(&self.config, &self.device, images, &mut self.batches, &mut self.latents, generates)
    }
}

/// The error of weights that all candidates share and that no step can be done with; the last one failed for `reason`.
pub(in crate::search) fn untrainable(step: u64, reason: &str) -> Error {
    let what = format!("no candidate can be trained any more ({reason}); lower the learning rates");
    Error::Diverged { step, what }
}
