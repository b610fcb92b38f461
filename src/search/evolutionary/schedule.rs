//! What each step of a search is.

use serde::{Deserialize, Serialize};

/// Which of the two searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Generators against one discriminator.
    #[serde(rename = "1")]
    Generators,
    /// Discriminators, each against its own copy of the best generator.
    #[serde(rename = "2")]
    Discriminators,
}

impl Stage {
    /// 1 or 2.
    pub fn number(self) -> u64 {
        match self {
            Stage::Generators => 1,
            Stage::Discriminators => 2,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Trains one mini-batch; `step` counts those of the stage from 0. Before round 1 it trains random genotypes.
    Train { round: u64, step: u64 },
    /// Evaluates candidate `index` of the round.
    Evaluate { round: u64, index: usize },
}

/// Sizes of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Mini-batches before the first round.
    pub warmup: u64,
    /// Rounds.
    pub rounds: u64,
    /// Mini-batches of a round.
    pub per_round: u64,
    /// Candidates evaluated in a round.
    pub pool: usize,
}

impl Plan {
    /// Steps of the stage.
    pub fn steps(&self) -> u64 {
        self.warmup + self.rounds * self.round()
    }

    fn round(&self) -> u64 {
        self.per_round + self.pool as u64
    }

    /// What step `step` of the stage does, from 0; rounds count from 1, warm-up is round 0.
    ///
    /// # Panics
    /// If the stage has fewer steps.
    pub fn task(&self, step: u64) -> Task {
        assert!(step < self.steps(), "step {step} of a stage of {}", self.steps());
        let Some(after) = step.checked_sub(self.warmup) else {
            return Task::Train { round: 0, step };
        };
        let (round, within) = (after / self.round() + 1, after % self.round());
        match within.checked_sub(self.per_round) {
            None => Task::Train {
                round,
                step: self.warmup + (round - 1) * self.per_round + within,
            },
            Some(index) => Task::Evaluate { round, index: index as usize },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_its_task() {
        let plan = Plan { warmup: 2, rounds: 2, per_round: 3, pool: 2 };
        let tasks: Vec<Task> = (0..plan.steps()).map(|step| plan.task(step)).collect();
        let train = |round, step| Task::Train { round, step };
        let evaluate = |round, index| Task::Evaluate { round, index };
        let want = [
            train(0, 0),
            train(0, 1),
            train(1, 2),
            train(1, 3),
            train(1, 4),
            evaluate(1, 0),
            evaluate(1, 1),
            train(2, 5),
            train(2, 6),
            train(2, 7),
            evaluate(2, 0),
            evaluate(2, 1),
        ];
        assert_eq!(tasks, want);
    }
}
