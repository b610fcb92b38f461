//! What both evaluators share: candidates as whole GANs, their costs, their mini-batches, and what a judgement comes to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{GanConfig, GanEvaluation};
use crate::data::{Batches, Images, require_side};
use crate::evaluation::Evaluator;
use crate::search::evolutionary::judge::{self, Judge};
use crate::search::evolutionary::players::Batch;
use crate::search::evolutionary::training::Spent;
use crate::search::evolutionary::{self, Judged, Objective, Values};
use crate::search::queries::Measured;
use crate::space::build::Generator;
use crate::space::{GanCells, GanGenotype, Genotype};
use crate::{Device, Error, Rng, Tensor};

/// The score of a candidate that could not be judged: finite, because the journal is JSON, and below every other, for
/// counts of bytes and multiply-adds are scores too.
pub(super) const FAILED: f64 = -1e15;
/// What it has as an objective that others do not have.
pub(super) const FAILURE: &str = "failed";

/// What is searched, and what it is judged by.
pub(super) struct Task {
    pub config: GanConfig,
    pub device: Device,
    pub seed: u64,
    pub space: GanCells,
    images: Box<dyn Images>,
    pictures: Evaluator,
    /// The half that is not searched.
    fixed: GanGenotype,
}

impl Task {
    /// A task with the training pictures `images` and the evaluator `pictures` of generated ones.
    ///
    /// # Errors
    /// If the configuration cannot work or does not fit the images or the evaluator.
    pub fn new(
        config: &GanConfig,
        device: &Device,
        images: Box<dyn Images>,
        pictures: Evaluator,
        seed: u64,
    ) -> Result<Task, Error> {
        config.check()?;
        require_side(images.as_ref(), config.settings.image_size())?;
        judge::require_score(&config.settings, &pictures)?;
        Ok(Task {
            space: config.space(),
            fixed: config.fixed()?,
            config: config.clone(),
            device: device.clone(),
            seed,
            images,
            pictures,
        })
    }

    /// The candidate as a whole GAN.
    pub fn whole(&self, g: &Genotype) -> Result<GanGenotype, Error> {
        evolutionary::whole(&self.space, g, &self.fixed)
    }

    /// What is known of the searched halves without computing anything; of both it is the sum.
    pub fn statics(&self, g: &Genotype) -> Result<Values, Error> {
        let gan = self.space.decode(g)?;
        let mut sum = Values::new();
        for stage in self.config.part.stages() {
            for (objective, value) in judge::counted(&self.config.settings, *stage, &gan)? {
                *sum.entry(objective).or_insert(0.0) += value;
            }
        }
        Ok(sum)
    }

    /// The same by name.
    pub fn costs(&self, g: &Genotype) -> Result<BTreeMap<String, f64>, Error> {
        let named = |(objective, value): (Objective, f64)| (objective.name().to_owned(), value);
        Ok(self.statics(g)?.into_iter().map(named).collect())
    }

    /// What the numbers rest on.
    pub fn protocol(&self) -> Value {
        let config = &self.config;
        let mut protocol = json!({"part": config.part, "evaluation": config.evaluator});
        match config.evaluator {
            GanEvaluation::Shared => protocol["warmup"] = json!(config.warmup),
            GanEvaluation::Brief => protocol["steps"] = json!(config.steps),
        }
        protocol["pictures"] = self.pictures.protocol();
        protocol
    }

    /// The mini-batches of a training, the same ones from every call on; each is asked for with whether the generator has
    /// a step in it.
    pub fn batches(&self) -> impl FnMut(bool) -> Result<Batch, Error> {
        let settings = &self.config.settings;
        let mut batches = Batches::new(self.images.len(), settings.batch, self.seed);
        let mut latents = Rng::stream(self.seed, "latents");
        move |generates| {
            let images = self.images.as_ref();
            Batch::draw(settings, &self.device, images, &mut batches, &mut latents, generates)
        }
    }

    /// What is known of a candidate before it makes pictures; `run` runs its searched networks on latents and pictures.
    pub fn values(&self, g: &Genotype, run: impl FnMut(&Tensor, &Tensor)) -> Result<Values, Error> {
        let mut values = self.statics(g)?;
        if self.config.settings.objectives.contains(&Objective::Latency) {
            values.insert(Objective::Latency, self.judge().latency(run)?);
        }
        Ok(values)
    }

    /// What the pictures of `net` add to `values`; `net` is as it was afterwards.
    pub fn measure(&self, net: &mut Generator, values: Values) -> Result<Measured, Error> {
        let judged = self.judge().pictures(net, values, &mut Spent::default())?;
        self.device.check()?;
        Ok(self.measured(&judged))
    }

    /// A judgement as searchers read it: every configured objective, minimised and named as the evolutionary search's
    /// files have it, and as score the first one, the larger the better.
    ///
    /// A candidate that failed has the score [`FAILED`] and the objective [`FAILURE`]; of its pictures nothing is said.
    pub fn measured(&self, judged: &Judged) -> Measured {
        let failed = judged.failed.is_some();
        let configured = &self.config.settings.objectives;
        let mut objectives = BTreeMap::new();
        for objective in configured {
            let of_pictures = matches!(objective, Objective::Distance | Objective::Score);
            if let Some(value) = judged.values.get(objective).filter(|_| !(failed && of_pictures)) {
                let key = judge::minimised_key(&self.pictures, *objective);
                objectives.insert(key, objective.minimised(*value));
            }
        }
        if failed {
            objectives.insert(FAILURE.to_owned(), 1.0);
            return Measured { score: FAILED, objectives };
        }
        let first = configured[0];
        let value = judged.values[&first];
        let score = match first {
            Objective::Score => value,
            other => -other.minimised(value),
        };
        Measured { score, objectives }
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            config: &self.config.settings,
            evaluator: &self.pictures,
            device: &self.device,
            seed: self.seed,
        }
    }
}
