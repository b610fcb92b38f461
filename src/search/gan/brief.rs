//! Evaluations by a short training of each candidate.

use std::collections::BTreeMap;

use serde_json::Value;

use super::GanPart;
use super::task::Task;
use crate::nn::{Init, Mode};
use crate::search::evolutionary::{Judged, generators, players};
use crate::search::queries::{Evaluator, Measured};
use crate::space::build::{Discriminator, Generator, discriminator};
use crate::space::{GanGenotype, Genotype, Key, Space};
use crate::{Error, Rng};

/// Trains every candidate from fresh weights, which depend on the seed and its canonical form, on mini-batches that are
/// the same for all. Keeps nothing between candidates.
pub(super) struct TrainBriefly {
    task: Task,
}

/// The networks of a candidate.
struct Pair {
    generator: Generator,
    discriminator: Box<dyn Discriminator>,
}

impl TrainBriefly {
    /// Trainings for `task`.
    pub fn new(task: Task) -> TrainBriefly {
        TrainBriefly { task }
    }

    fn fresh(&self, gan: &GanGenotype, key: &Key) -> Result<Pair, Error> {
        let (settings, device) = (&self.task.config.settings, &self.task.device);
        let mut rng = Rng::stream(self.task.seed, &format!("brief training {}", key.0));
        let generator = generators::derived(gan, settings, device, &mut rng)?;
        let mut init = Init {
            device,
            rng: &mut rng,
            spectral: settings.initialisation,
        };
        let discriminator =
            discriminator(gan.require_discriminator()?, settings.disc_channels, 1, &mut init)?;
        Ok(Pair { generator, discriminator })
    }

    /// Trains a pair; says why it could not be trained, if so.
    fn train(&self, pair: &mut Pair) -> Result<Option<String>, Error> {
        let settings = &self.task.config.settings;
        let (n_critic, disc_lr) = self.task.config.pace();
        let betas = [settings.beta1, settings.beta2];
        let mut g_adam = players::adam(settings.gen_lr, betas);
        let mut d_adam = players::adam(disc_lr, betas);
        let mut next = self.task.batches();
        for t in 0..self.task.config.steps {
            let batch = next(t % n_critic == n_critic - 1)?;
            let (g, d) = (&mut pair.generator, &mut pair.discriminator);
            if let Err(reason) = players::play(g, &mut g_adam, d.as_mut(), &mut d_adam, &batch)? {
                return Ok(Some(reason));
            }
            self.task.device.check()?;
        }
        Ok(None)
    }
}

impl Evaluator for TrainBriefly {
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error> {
        let task = &self.task;
        let gan = task.whole(g)?;
        let mut pair = self.fresh(&gan, &task.space.canonical(g))?;
        if let Some(reason) = self.train(&mut pair)? {
            let judged = Judged { values: task.statics(g)?, failed: Some(reason) };
            return Ok(task.measured(&judged));
        }
        let part = task.config.part;
        let values = task.values(g, |z, x| {
            if part != GanPart::Discriminator {
                pair.generator.forward(z, Mode::Eval, None);
            }
            if part != GanPart::Generator {
                pair.discriminator.forward(x, Mode::Eval, None);
            }
        })?;
        task.measure(&mut pair.generator, values)
    }

    fn costs(&self, g: &Genotype) -> Result<BTreeMap<String, f64>, Error> {
        self.task.costs(g)
    }

    fn protocol(&self) -> Value {
        self.task.protocol()
    }
}
