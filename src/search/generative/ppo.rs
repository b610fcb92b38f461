//! How the generator learns: proximal policy optimisation on rewards, and maximum likelihood on given architectures.

use super::GenerativeConfig;
use super::episode::{Episode, Taken};
use super::player::Player;
use super::policy::Policy;
use crate::{Device, Error, Rng, Tensor};

/// What an update came to, for the metrics.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Update {
    /// Mean entropy of a step.
    pub entropy: f64,
    /// Mean divergence from the policy that made the episodes, in the last minibatch.
    pub kl: f64,
}

/// A step with what it led to.
struct Outcome<'a> {
    taken: &'a Taken,
    advantage: f64,
    ret: f64,
}

/// Generalised advantage estimates without discount of the steps of an episode that ends with `reward`; each step may
/// have cost a penalty.
fn outcomes<'a>(episode: &'a Episode, reward: f64, config: &GenerativeConfig) -> Vec<Outcome<'a>> {
    let mut next_value = 0.0;
    let mut advantage = 0.0;
    let last = episode.steps.len() - 1;
    let mut all: Vec<Outcome> = Vec::with_capacity(episode.steps.len());
    for (i, taken) in episode.steps.iter().enumerate().rev() {
        let step_reward = -config.invalid_penalty * taken.invalid as f64;
        let r = step_reward + if i == last { reward } else { 0.0 };
        let delta = r + next_value - taken.value;
        advantage = delta + config.lambda * advantage;
        next_value = taken.value;
        all.push(Outcome { taken, advantage, ret: advantage + taken.value });
    }
    all.reverse();
    all
}

/// Makes rewarded episodes more likely.
///
/// # Errors
/// If the device failed.
pub(super) fn update(
    player: &mut Player<Policy>,
    episodes: &[Episode],
    rewards: &[f64],
    entropy_weight: f64,
    config: &GenerativeConfig,
    device: &Device,
    rng: &mut Rng,
) -> Result<Update, Error> {
    let mut steps: Vec<Outcome> = episodes
        .iter()
        .zip(rewards)
        .flat_map(|(episode, reward)| outcomes(episode, *reward, config))
        .collect();
    normalise(&mut steps);
    let mut last = Update::default();
    for _ in 0..config.ppo_epochs {
        let order = rng.permutation(steps.len());
        for part in order.chunks(config.ppo_batch) {
            let part: Vec<&Outcome> = part.iter().map(|&i| &steps[i]).collect();
            let [entropy, kl] = player
                .learn(config.g_clip, |policy| loss(policy, &part, entropy_weight, config, device))
                .map(|value: Tensor| value.item());
            last = Update { entropy: f64::from(entropy?), kl: f64::from(kl?) };
        }
        if last.kl > config.kl_stop {
            break;
        }
    }
    Ok(last)
}

/// Mean 0 and deviation 1.
fn normalise(steps: &mut [Outcome]) {
    let n = steps.len() as f64;
    let mean = steps.iter().map(|s| s.advantage).sum::<f64>() / n;
    let variance = steps.iter().map(|s| (s.advantage - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (variance.sqrt() + 1e-8);
    steps.iter_mut().for_each(|s| s.advantage = (s.advantage - mean) * scale);
}

/// The loss of some steps; with it their mean entropy and divergence.
fn loss(
    policy: &Policy,
    steps: &[&Outcome],
    entropy_weight: f64,
    config: &GenerativeConfig,
    device: &Device,
) -> (Tensor, [Tensor; 2]) {
    let taken: Vec<&Taken> = steps.iter().map(|s| s.taken).collect();
    let judged = policy.judge(&taken);
    let column = |of: fn(&Outcome) -> f64| {
        let values: Vec<f32> = steps.iter().map(|s| of(s) as f32).collect();
        Tensor::from_slice(device, [values.len()], &values)
    };
    let advantages = column(|s| s.advantage);
    let log_ratio = &judged.log_probs - column(|s| s.taken.log_prob);
    let ratio = log_ratio.exp();
    let clip = config.ppo_clip as f32;
    let plain = &ratio * &advantages;
    let clipped = ratio.clamp(1.0 - clip, 1.0 + clip) * &advantages;
    // The smaller of the two.
    let gain = &plain - (&plain - clipped).relu();
    let off = (&judged.values - column(|s| s.ret)).square().mean_all();
    let entropy = judged.entropies.mean_all();
    let loss =
        off.scale(0.5 * config.value_weight as f32) - gain.mean_all() - entropy.scale(entropy_weight as f32);
    // Schulman's estimate, which is never negative: mean of r - 1 - log r.
    let kl = (ratio.detach().add_scalar(-1.0) - log_ratio.detach()).mean_all();
    (loss, [entropy.detach(), kl])
}

/// Makes given architectures more likely; gives their mean negative log-likelihood before the last step.
///
/// # Errors
/// If the device failed.
pub(super) fn likelihood(
    player: &mut Player<Policy>,
    episodes: &[Episode],
    entropy_weight: f64,
    config: &GenerativeConfig,
) -> Result<f64, Error> {
    let taken: Vec<&Taken> = episodes.iter().flat_map(|episode| &episode.steps).collect();
    let n = episodes.len() as f32;
    let lost: Tensor = player.learn(config.g_clip, |policy| {
        let judged = policy.judge(&taken);
        let lost = judged.log_probs.sum_all().scale(-1.0 / n);
        let entropy = judged.entropies.mean_all();
        (&lost - entropy.scale(entropy_weight as f32), lost.detach())
    });
    Ok(f64::from(lost.item()?))
}
