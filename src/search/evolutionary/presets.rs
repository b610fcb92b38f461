//! Settings for a purpose, and the schedules of the paper and of the released program where they disagree.

use serde::{Deserialize, Serialize};

use super::config::{EvolutionConfig, Pool};

/// Sizes for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Made-up 16x16 pictures, seconds on two cores.
    Smoke,
    /// 32x32 pictures at reduced widths, about a quarter of an hour on two cores.
    Laptop,
    /// The paper's search.
    Paper,
}

impl Preset {
    /// Every preset and its name.
    pub const ALL: [(&'static str, Preset); 3] =
        [("smoke", Preset::Smoke), ("laptop", Preset::Laptop), ("paper", Preset::Paper)];

    /// The settings it stands for.
    pub fn config(self) -> EvolutionConfig {
        match self {
            Preset::Smoke => EvolutionConfig {
                data: "shapes?size=16&limit=320".to_owned(),
                features: "own".to_owned(),
                bottom_width: 2,
                channels: 8,
                disc_channels: 8,
                latent: 24,
                population: 6,
                warmup: 1,
                rounds1: 3,
                rounds2: 3,
                epochs: 1,
                batch: 16,
                gen_batch: 16,
                n_critic2: 2,
                eval_images: 200,
                recalibration_images: 100,
                metrics_every: 10,
                snapshot_every: 40,
                ..EvolutionConfig::default()
            },
            Preset::Laptop => {
                let mut config = EvolutionConfig {
                    channels: 24,
                    disc_channels: 24,
                    eval_images: 500,
                    recalibration_images: 200,
                    snapshot_every: 200,
                    ..EvolutionConfig::default()
                };
                Schedule::Laptop.apply(&mut config);
                config
            }
            Preset::Paper => EvolutionConfig::default(),
        }
    }
}

/// How long and in which portions, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The paper's; where it is silent, and in the batch sizes, which look exchanged there, the released program's.
    Paper,
    /// The released program's.
    Code,
    /// A quarter of an hour on two cores.
    Laptop,
}

impl Schedule {
    /// Every schedule and its name.
    pub const ALL: [(&'static str, Schedule); 3] =
        [("paper", Schedule::Paper), ("code", Schedule::Code), ("laptop", Schedule::Laptop)];

    /// Replaces what belongs to a schedule: population, warm-up, rounds, passes, batches, steps of each player and the
    /// discriminator's learning rates.
    pub fn apply(self, config: &mut EvolutionConfig) {
        let paper = EvolutionConfig::default();
        let chosen = match self {
            Schedule::Paper => paper,
            Schedule::Code => EvolutionConfig {
                warmup: 40,
                rounds1: 16,
                rounds2: 15,
                pool: Pool::WithChildren,
                disc_lr1: 4e-5,
                ..paper
            },
            Schedule::Laptop => EvolutionConfig {
                population: 12,
                warmup: 8,
                rounds1: 6,
                rounds2: 6,
                epochs: 2,
                iterations: 96,
                batch: 16,
                gen_batch: 16,
                n_critic2: 2,
                ..paper
            },
        };
        config.population = chosen.population;
        config.warmup = chosen.warmup;
        (config.rounds1, config.rounds2) = (chosen.rounds1, chosen.rounds2);
        (config.epochs, config.iterations) = (chosen.epochs, chosen.iterations);
        config.pool = chosen.pool;
        (config.batch, config.gen_batch) = (chosen.batch, chosen.gen_batch);
        (config.n_critic1, config.n_critic2) = (chosen.n_critic1, chosen.n_critic2);
        (config.gen_lr, config.disc_lr1, config.disc_lr2) = (chosen.gen_lr, chosen.disc_lr1, chosen.disc_lr2);
    }
}

#[cfg(test)]
mod tests {
    use super::super::objectives::Objective;
    use super::super::selection::Selection;
    use super::*;
    use crate::Error;

    #[test]
    fn every_preset_and_schedule_can_be_used_and_stored() {
        for (_, preset) in Preset::ALL {
            for (_, schedule) in Schedule::ALL {
                let mut config = EvolutionConfig {
                    data: "shapes".into(),
                    features: "own".into(),
                    max1: [(Objective::Params, 8e6)].into(),
                    ..preset.config()
                };
                schedule.apply(&mut config);
                config.check().unwrap();
                let text = toml::to_string(&config).unwrap();
                assert_eq!(toml::from_str::<EvolutionConfig>(&text).unwrap(), config);
            }
        }
        Preset::Smoke.config().check().unwrap();
        let mut code = Preset::Paper.config();
        Schedule::Code.apply(&mut code);
        assert_eq!((code.warmup, code.pool, code.disc_lr1), (40, Pool::WithChildren, 4e-5));
        Schedule::Paper.apply(&mut code);
        assert_eq!(code, EvolutionConfig::default());
    }

    #[test]
    fn values_that_cannot_work_are_named_with_the_valid_ones() {
        let fails = |change: &dyn Fn(&mut EvolutionConfig)| {
            let mut config = Preset::Smoke.config();
            change(&mut config);
            config.check().err().map(|e: Error| e.to_string()).unwrap_or_default()
        };
        assert!(fails(&|c| c.data.clear()).contains("--data"));
        assert!(fails(&|c| c.features.clear()).contains("--features"));
        assert!(fails(&|c| c.population = 1).contains("`population`: 1"));
        assert!(fails(&|c| c.bottom_width = 3).contains("even"));
        assert!(fails(&|c| c.objectives.clear()).contains("distance,score"));
        assert!(fails(&|c| c.objectives = vec![Objective::Params; 2]).contains("twice"));
        assert!(fails(&|c| c.max1 = [(Objective::Score, 1.0)].into()).contains("min_score"));
        assert!(fails(&|c| c.max2 = [(Objective::Macs, -1.0)].into()).contains("macs"));
        let cars = |c: &mut EvolutionConfig| {
            (c.selection, c.objectives) = (Selection::Cars, vec![Objective::Distance]);
        };
        assert!(fails(&cars).contains("cars"));
        assert!(fails(&|c| c.stage = super::super::Stages::Second).contains("--generator"));
        assert!(fails(&|c| c.discriminator = "simple-d".into()).contains("16"));
        assert!(fails(&|c| c.seeds = vec!["nobody".into()]).contains("nobody"));
        assert!(fails(&|c| (c.crossover, c.mutation) = (0.0, 0.0)).contains("mutation"));
    }
}
