//! Settings of the generative adversarial search. The paper leaves most of them open; the defaults are
//! those with which the search does best on NAS-Bench-201 and -Macro, among those that were compared.

use serde::{Deserialize, Serialize};

use crate::Error;

/// How the generator is fitted to the truth set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// By reinforcement learning against the discriminator: the method.
    Adversarial,
    /// By maximum likelihood on the truth set: the cross-entropy method with the same network.
    Mle,
    /// Both, the likelihood first.
    Both,
}

/// How the discriminator's answers to several truth references become one reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// Their mean.
    Mean,
    /// The largest.
    Max,
}

/// Which function of the discriminator's logit `x` is the reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RewardForm {
    /// The probability `sigmoid(x)`: between 0 and 1.
    Probability,
    /// `-log(1 - sigmoid(x))`: saturates less where the discriminator is sure that an architecture is true.
    NegLog,
    /// The logit itself.
    Logit,
}

/// What the discriminator tells the truth set from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negatives {
    /// What the generator makes: the method.
    Generated,
    /// What was evaluated and did not get into the truth set.
    Evaluated,
    /// Half of each.
    Both,
}

/// Settings of [`super::GaNas`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerativeConfig {
    /// Random architectures that are evaluated first.
    pub initial: usize,
    /// Architectures evaluated in each iteration.
    pub batch: usize,
    /// Smallest size of the truth set.
    pub truth: usize,
    /// Share of all evaluated architectures that the truth set is at least; 0 keeps its size constant.
    pub truth_share: f64,
    /// Whether both networks begin anew in each iteration.
    pub reset: bool,
    /// Times that both networks are trained in an iteration, the discriminator first.
    pub rounds: usize,
    /// What the generator follows.
    pub fit: Fit,
    /// Share of each batch that is drawn uniformly from the space.
    pub mixing: f64,
    /// Temperature of the generator's choices where it names architectures to evaluate.
    pub temperature: f64,
    /// Share of the uniform distribution in each of these choices: what keeps the neighbourhood of the best within reach of a
    /// generator that has made up its mind.
    pub smoothing: f64,
    /// New architectures that are drawn for each one evaluated: the discriminator keeps those it likes best. 1 leaves
    /// the choice to the generator alone.
    pub oversample: usize,
    /// Draws without anything new after which a random architecture is taken.
    pub max_tries: usize,
    /// Whether choices that cannot lead to a valid architecture are ruled out, instead of being punished.
    pub masks: bool,

    /// Width of the embeddings of operations.
    pub embed: usize,
    /// Width of nodes, graphs, recurrent states and hidden layers.
    pub hidden: usize,
    /// Layers of the graph networks.
    pub layers: usize,
    /// Whether messages pass against the edges too.
    pub both_ways: bool,

    /// Most passes over the pairs in a round.
    pub d_epochs: usize,
    /// Pairs of a discriminator step.
    pub d_batch: usize,
    /// Learning rate of the discriminator.
    pub d_lr: f64,
    /// L2 penalty of the discriminator.
    pub d_weight_decay: f64,
    /// Labels are this and one minus this.
    pub d_label: f64,
    /// Share of right answers in a pass from which on the discriminator is trained no further in the round.
    pub d_enough: f64,
    /// What truth is told from.
    pub negatives: Negatives,

    /// Updates of the generator in a round.
    pub g_updates: usize,
    /// Episodes of an update.
    pub episodes: usize,
    /// Truth references that an architecture is compared with for its reward.
    pub references: usize,
    /// How their answers are joined.
    pub aggregate: Aggregate,
    /// What of an answer is the reward.
    pub reward: RewardForm,
    /// Taken from the reward for every choice that was not allowed.
    pub invalid_penalty: f64,
    /// Taken from the reward of what was evaluated before.
    pub repeat_penalty: f64,
    /// Learning rate of the generator.
    pub g_lr: f64,
    /// Passes over the episodes of an update.
    pub ppo_epochs: usize,
    /// Steps of a minibatch.
    pub ppo_batch: usize,
    /// Clip of the probability ratio.
    pub ppo_clip: f64,
    /// Weight of the value's loss.
    pub value_weight: f64,
    /// Weight of the entropy before the first query.
    pub entropy: f64,
    /// Its weight once `entropy_queries` queries are made; between them it falls along a line.
    pub entropy_end: f64,
    /// See `entropy_end`.
    pub entropy_queries: usize,
    /// Decay of the advantage estimates.
    pub lambda: f64,
    /// Longest gradient.
    pub g_clip: f64,
    /// Divergence from the old policy at which an update ends early.
    pub kl_stop: f64,
    /// Passes over the truth set in a round, where the fit is by likelihood.
    pub mle_epochs: usize,
}

impl Default for GenerativeConfig {
    fn default() -> GenerativeConfig {
        GenerativeConfig {
            initial: 30,
            batch: 5,
            truth: 5,
            truth_share: 0.0,
            reset: false,
            rounds: 2,
            fit: Fit::Both,
            mixing: 0.1,
            temperature: 1.0,
            smoothing: 0.05,
            oversample: 1,
            max_tries: 200,
            masks: true,
            embed: 32,
            hidden: 64,
            layers: 4,
            both_ways: true,
            d_epochs: 10,
            d_batch: 64,
            d_lr: 1e-3,
            d_weight_decay: 1e-5,
            d_label: 0.9,
            d_enough: 0.95,
            negatives: Negatives::Generated,
            g_updates: 2,
            episodes: 64,
            references: 16,
            aggregate: Aggregate::Mean,
            reward: RewardForm::Probability,
            invalid_penalty: 0.2,
            repeat_penalty: 0.3,
            g_lr: 1e-3,
            ppo_epochs: 4,
            ppo_batch: 192,
            ppo_clip: 0.2,
            value_weight: 0.5,
            entropy: 0.1,
            entropy_end: 0.05,
            entropy_queries: 200,
            lambda: 0.95,
            g_clip: 0.5,
            kl_stop: 0.02,
            mle_epochs: 5,
        }
    }
}

impl GenerativeConfig {
    /// An error unless these settings can work.
    ///
    /// # Errors
    /// If one cannot; it is named.
    pub fn check(&self) -> Result<(), Error> {
        let counts = [
            ("initial", self.initial, 2),
            ("batch", self.batch, 1),
            ("truth", self.truth, 2),
            ("oversample", self.oversample, 1),
            ("max_tries", self.max_tries, 1),
            ("embed", self.embed, 1),
            ("hidden", self.hidden, 1),
            ("layers", self.layers, 1),
            ("rounds", self.rounds, 1),
            ("d_batch", self.d_batch, 1),
            ("episodes", self.episodes, 2),
            ("references", self.references, 1),
            ("ppo_batch", self.ppo_batch, 1),
        ];
        if let Some((key, value, least)) = counts.into_iter().find(|(_, value, least)| value < least) {
            return Err(Error::config(key, format!("is {value}, at least {least} is wanted")));
        }
        let shares = [
            ("truth_share", self.truth_share),
            ("mixing", self.mixing),
            ("smoothing", self.smoothing),
            ("d_label", self.d_label),
            ("d_enough", self.d_enough),
            ("lambda", self.lambda),
        ];
        if let Some((key, value)) = shares.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(Error::config(key, format!("is {value}, a share between 0 and 1 is wanted")));
        }
        let positive = [
            ("temperature", self.temperature),
            ("d_lr", self.d_lr),
            ("g_lr", self.g_lr),
            ("ppo_clip", self.ppo_clip),
            ("g_clip", self.g_clip),
            ("kl_stop", self.kl_stop),
        ];
        if let Some((key, value)) = positive.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Err(Error::config(key, format!("is {value}, a positive number is wanted")));
        }
        let others = [
            ("d_weight_decay", self.d_weight_decay),
            ("invalid_penalty", self.invalid_penalty),
            ("repeat_penalty", self.repeat_penalty),
            ("value_weight", self.value_weight),
            ("entropy", self.entropy),
            ("entropy_end", self.entropy_end),
        ];
        match others.into_iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            Some((key, value)) => Err(Error::config(key, format!("is {value}, 0 or more is wanted"))),
            None => Ok(()),
        }
    }

    /// Size of the truth set when `evaluated` architectures are known.
    pub fn truth_size(&self, evaluated: usize) -> usize {
        let share = (self.truth_share * evaluated as f64).ceil() as usize;
        self.truth.max(share).min(evaluated)
    }

    /// Weight of the entropy after `evaluated` queries.
    pub fn entropy_after(&self, evaluated: usize) -> f64 {
        let way = (evaluated as f64 / self.entropy_queries.max(1) as f64).min(1.0);
        self.entropy + (self.entropy_end - self.entropy) * way
    }
}
