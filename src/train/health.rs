//! Notices a training that has gone bad.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::config::{Loss, TrainConfig};

/// Steps over which the discriminator's loss is averaged.
const WINDOW: usize = 200;
/// Steps before the diversity means anything: a fresh generator paints much the same for all latents.
const WARM_UP: u64 = 500;

/// What a step measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// The step, counted from 1.
    pub step: u64,
    pub d: f32,
    /// Loss and diversity of a generator step, if there was one: the root of the variance among its pictures.
    pub g: Option<(f32, f32)>,
}

/// What has been seen so far; part of a snapshot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Health {
    losses: VecDeque<f32>,
    /// Whether the last step was bad, so that a lasting trouble is named once.
    ill: bool,
}

impl Health {
    /// What is wrong since this step and was not before, if anything; `real_diversity` is that of real pictures.
    pub fn look(&mut self, seen: Measured, real_diversity: f32, config: &TrainConfig) -> Option<String> {
        if self.losses.len() == WINDOW {
            self.losses.pop_front();
        }
        self.losses.push_back(seen.d);
        let trouble = self.trouble(seen, real_diversity, config);
        let news = trouble.is_some() && !self.ill;
        self.ill = trouble.is_some();
        trouble.filter(|_| news)
    }

    /// Whether nothing was wrong at the last step.
    pub fn well(&self) -> bool {
        !self.ill
    }

    fn trouble(&self, seen: Measured, real_diversity: f32, config: &TrainConfig) -> Option<String> {
        let g = seen.g.map(|(loss, _)| loss);
        for (who, loss) in [("discriminator", Some(seen.d)), ("generator", g)] {
            if let Some(loss) = loss.filter(|loss| !loss.is_finite()) {
                return Some(format!("the {who}'s loss is {loss}; try a lower learning rate or --clip 50"));
            }
        }
        let mean = self.losses.iter().map(|l| f64::from(*l)).sum::<f64>() / WINDOW as f64;
        // The repulsive loss has no such bound: it passes through zero.
        if config.loss == Loss::Hinge && self.losses.len() == WINDOW && mean < config.collapse_loss {
            return Some(format!(
                "the discriminator's loss has been {mean:.1e} for {WINDOW} steps: it wins every time and gives the \
                 generator no gradient; try a lower --disc-lr or a smaller discriminator"
            ));
        }
        let (_, diversity) = seen.g?;
        if seen.step > WARM_UP && f64::from(diversity) < config.collapse_diversity * f64::from(real_diversity)
        {
            return Some(format!(
                "generated pictures differ by {diversity:.1e} among each other, real ones by {real_diversity:.2}: the \
                 generator has collapsed; go back to an earlier snapshot, or try --augment or another seed"
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(step: u64, d: f32, g: Option<(f32, f32)>) -> Measured {
        Measured { step, d, g }
    }

    #[test]
    fn every_kind_of_trouble_is_named_once() {
        let config = TrainConfig::default();
        let mut health = Health::default();
        let mut look = |seen| health.look(seen, 0.5, &config);
        assert_eq!(look(measured(1, 2.0, Some((0.1, 0.001)))), None);
        assert!(
            look(measured(2, f32::NAN, None))
                .unwrap()
                .contains("discriminator's loss is NaN")
        );
        assert_eq!(look(measured(3, f32::NAN, None)), None);
        let mut health = Health::default();
        let mut look = |seen| health.look(seen, 0.5, &config);
        assert!(
            look(measured(2, 1.0, Some((f32::INFINITY, 0.4))))
                .unwrap()
                .contains("generator's loss is inf")
        );
        assert_eq!(look(measured(3, 1.0, Some((0.0, 0.4)))), None);
        assert!(look(measured(501, 1.0, Some((0.0, 0.009)))).unwrap().contains("collapsed"));
        assert_eq!(look(measured(502, 1.0, None)), None);
    }

    #[test]
    fn a_discriminator_that_always_wins_is_noticed_under_the_hinge_loss_alone() {
        for (loss, seen) in [(Loss::Hinge, 1), (Loss::Mmd, 0)] {
            let config = TrainConfig { loss, ..TrainConfig::default() };
            let mut health = Health::default();
            let news = (1..=300).filter_map(|step| health.look(measured(step, 0.0, None), 0.5, &config));
            assert_eq!(news.count(), seen);
        }
    }
}
