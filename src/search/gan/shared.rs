//! Evaluations by inheritance: all generators share the weights of one supernet, which is trained once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::task::Task;
use crate::runs::Snapshot;
use crate::search::evolutionary::generators::Generators;
use crate::search::evolutionary::networks::Networks;
use crate::search::evolutionary::training::{PATIENCE, untrainable};
use crate::search::queries::{Evaluator, Measured};
use crate::space::{GanGenotype, Genotype, Space};
use crate::{Error, Rng};

/// A single-path supernet of generators and the discriminator that it plays against.
///
/// It is trained when the first candidate is evaluated, and never again: what comes later changes nothing of it. So its
/// weights are the state, and the source of randomness of its training is not.
pub(super) struct SharedWeights {
    task: Task,
    nets: Generators,
    trained: bool,
}

/// What the supernet's names in a snapshot begin with: searchers keep networks there too.
const PREFIX: &str = "gan shared weights.";
const TRAINED: &str = "trained";

impl SharedWeights {
    /// Fresh weights.
    ///
    /// # Errors
    /// If the networks cannot be built.
    pub fn new(task: Task) -> Result<SharedWeights, Error> {
        let mut rng = Rng::stream(task.seed, "weights");
        let nets = Generators::new(&task.device, &task.config.settings, &mut rng)?;
        Ok(SharedWeights { task, nets, trained: false })
    }

    /// Trains random candidates, every option of every edge equally likely.
    fn train(&mut self) -> Result<(), Error> {
        let mut draws = Rng::stream(self.task.seed, "architectures");
        let mut next = self.task.batches();
        let (n_critic, _) = self.task.config.pace();
        let mut drawn: Option<GanGenotype> = None;
        let mut failures = 0;
        for t in 0..self.task.config.warmup {
            // Until the generator has had its step all mini-batches belong to one candidate; a failure takes it away.
            let candidate = match drawn.take() {
                Some(candidate) if !t.is_multiple_of(n_critic) => candidate,
                _ => self.task.whole(&self.task.space.random(&mut draws))?,
            };
            let batch = next(t % n_critic == n_critic - 1)?;
            match self.nets.train(None, &candidate, &batch)? {
                Ok(_) => {
                    failures = 0;
                    drawn = Some(candidate);
                }
                Err(reason) => {
                    failures += 1;
                    if failures >= PATIENCE {
                        return Err(untrainable(t, &reason));
                    }
                }
            }
            self.task.device.check()?;
        }
        Ok(())
    }
}

impl Evaluator for SharedWeights {
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error> {
        if !self.trained {
            self.train()?;
            self.trained = true;
        }
        let candidate = self.task.whole(g)?;
        let nets = &mut self.nets;
        let values = self.task.values(g, |z, x| nets.exercise(0, &candidate, z, x))?;
        self.task.measure(nets.generator(0, &candidate), values)
    }

    fn costs(&self, g: &Genotype) -> Result<BTreeMap<String, f64>, Error> {
        self.task.costs(g)
    }

    fn protocol(&self) -> Value {
        self.task.protocol()
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        let mut own = Snapshot::new(to.step());
        self.nets.save(&mut own)?;
        own.put_state(TRAINED, &self.trained)?;
        to.embed(PREFIX, &own)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        let own = from.embedded(PREFIX)?;
        let own = own.ok_or_else(|| Error::weights(PREFIX, "the snapshot holds no shared weights"))?;
        self.nets.load(&own)?;
        self.trained = own.state(TRAINED)?;
        Ok(())
    }
}
