//! Settings of evaluations of GAN architectures.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::runs::bounds;
use crate::search::evolutionary::{EvolutionConfig, Preset, Stage};
use crate::space::{Family, GanCells, GanGenotype};

/// Which halves of a GAN are searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GanPart {
    /// The generator, against the discriminator of the settings.
    #[default]
    Generator,
    /// The discriminator, of EAGAN's family, against the generator of the settings.
    Discriminator,
    /// Both at once.
    Both,
}

impl GanPart {
    /// The stages of the evolutionary search that search these halves.
    pub(super) fn stages(self) -> &'static [Stage] {
        match self {
            GanPart::Generator => &[Stage::Generators],
            GanPart::Discriminator => &[Stage::Discriminators],
            GanPart::Both => &[Stage::Generators, Stage::Discriminators],
        }
    }
}

/// How a candidate comes to its weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GanEvaluation {
    /// It inherits those of a single-path supernet, which is trained once. Generators only.
    #[default]
    Shared,
    /// It is trained for a short while from fresh ones.
    Brief,
}

/// Settings of the evaluations of a search by queries on GAN architectures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GanConfig {
    /// What is searched: generator, discriminator or both. generator.
    pub part: GanPart,
    /// How candidates come to their weights: shared or brief. shared.
    pub evaluator: GanEvaluation,
    /// Mini-batches that train shared weights, each candidate drawn uniformly, before the first evaluation. 200.
    pub warmup: u64,
    /// Mini-batches of a brief training. 60.
    pub steps: u64,
    /// Data, features, sizes, rates, objectives and the halves that are not searched, as the evolutionary search has them;
    /// its stage, seeds, population, rounds and operators mean nothing here. Those of its preset `smoke`; where some are
    /// given, the others are the evolutionary search's own defaults.
    pub settings: EvolutionConfig,
}

impl Default for GanConfig {
    fn default() -> GanConfig {
        GanConfig {
            part: GanPart::Generator,
            evaluator: GanEvaluation::Shared,
            warmup: 200,
            steps: 60,
            settings: Preset::Smoke.config(),
        }
    }
}

impl GanConfig {
    /// The searched halves as a space.
    pub fn space(&self) -> GanCells {
        match self.part {
            GanPart::Generator => GanCells::generators(),
            GanPart::Discriminator => GanCells::discriminators(Family::Eagan),
            GanPart::Both => GanCells::pairs(Family::Eagan),
        }
    }

    /// Looks at every value that could not work or would not be heeded.
    ///
    /// # Errors
    /// [`Error::Config`] with the first such key and the remedy, or what is wrong with a genotype.
    pub fn check(&self) -> Result<(), Error> {
        if self.evaluator == GanEvaluation::Shared && self.part != GanPart::Generator {
            let reason = "`shared` judges generators only, because a discriminator's worth only shows in a training; \
                          use `brief`";
            return Err(Error::config("gan.evaluator", reason));
        }
        self.settings.check_values()?;
        self.refuse_unheeded()?;
        self.fixed()?;
        // With fewer mini-batches no generator would have a step.
        let (n_critic, _) = self.pace();
        match self.evaluator {
            GanEvaluation::Shared => bounds::whole(&[("gan.warmup", self.warmup, n_critic, u64::MAX)]),
            GanEvaluation::Brief => bounds::whole(&[("gan.steps", self.steps, n_critic, u64::MAX)]),
        }
    }

    fn refuse_unheeded(&self) -> Result<(), Error> {
        let settings = &self.settings;
        let limits =
            "a search by queries has its own limits, on what is known before an evaluation; set `most`";
        let generator = self.part != GanPart::Discriminator && !settings.generator.is_empty();
        let refused = [
            ("max1", !settings.max1.is_empty(), limits),
            ("max2", !settings.max2.is_empty(), limits),
            ("min_score", settings.min_score > 0.0, limits),
            ("init", !settings.init.is_empty(), "no evaluation begins with given weights; leave it out"),
            ("generator", generator, "the generator is what is searched; leave it out"),
        ];
        match refused.into_iter().find(|(_, given, _)| *given) {
            None => Ok(()),
            Some((key, _, reason)) => Err(Error::config(format!("gan.settings.{key}"), reason)),
        }
    }

    /// The half that is not searched, if there is one.
    ///
    /// # Errors
    /// If it is not given or cannot be built.
    pub(super) fn fixed(&self) -> Result<GanGenotype, Error> {
        match self.part {
            GanPart::Generator => Ok(GanGenotype {
                generator: None,
                discriminator: Some(self.settings.first_discriminator()?),
            }),
            GanPart::Discriminator if self.settings.generator.is_empty() => {
                let reason = "a search of discriminators takes a generator that they train, such as `eagan`";
                Err(Error::config("gan.settings.generator", reason))
            }
            GanPart::Discriminator => {
                let given = GanGenotype::load(&self.settings.generator)?;
                given.require_cells()?;
                Ok(GanGenotype { discriminator: None, ..given })
            }
            GanPart::Both => Ok(GanGenotype::default()),
        }
    }

    /// Discriminator steps for each generator step, and the discriminator's learning rate: those of stage 1 where the
    /// generator alone is searched, else those of stage 2.
    pub(super) fn pace(&self) -> (u64, f64) {
        let settings = &self.settings;
        match self.part {
            GanPart::Generator => (settings.n_critic1, settings.disc_lr1),
            GanPart::Discriminator | GanPart::Both => (settings.n_critic2, settings.disc_lr2),
        }
    }
}
