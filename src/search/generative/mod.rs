//! GA-NAS (Changiz Rezaei et al., IJCAI 2021): a generator of architectures learns from a discriminator that tells the best
//! evaluated ones, the truth set, from those it makes. No public implementation exists; what the paper leaves open is a
//! setting.
//!
//! The discriminator never sees a score and the generator never sees an evaluation: only which architectures are the best
//! so far crosses from one to the other.

mod config;
mod discriminator;
mod encoder;
mod episode;
mod player;
mod policy;
mod ppo;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde_json::{Value, json};

pub use config::{Aggregate, Fit, GenerativeConfig, Negatives, RewardForm};
use discriminator::Discriminator;
use episode::{Episode, Manner};
pub(crate) use player::Player;
use policy::Policy;

use super::queries::{Asked, Batch, Field, History, Searcher};
use crate::nn::{Init, SpectralInit, bernoulli_log_likelihood};
use crate::runs::Snapshot;
use crate::space::{Genotype, Key, Sketch, Space};
use crate::{Device, Error, Rng, Tensor};

/// Episodes that are drawn at once where architectures to evaluate are named.
const DRAWN_AT_ONCE: usize = 64;
/// Batches of episodes in which different valid fakes are looked for.
const FAKE_BATCHES: usize = 4;

/// The generative adversarial searcher.
pub struct GaNas {
    device: Device,
    config: GenerativeConfig,
    /// Architectures that are evaluated first, before random ones.
    seeds: Vec<Genotype>,
    generator: Player<Policy>,
    discriminator: Player<Discriminator>,
    rng: Rng,
}

impl GaNas {
    /// A searcher on `space` at its beginning, its networks on `device`. `seeds` are evaluated first: an existing design that
    /// is to be improved, say.
    ///
    /// # Errors
    /// If the settings cannot work.
    pub fn new(
        device: &Device,
        space: &dyn Space,
        config: GenerativeConfig,
        seeds: Vec<Genotype>,
        seed: u64,
    ) -> Result<GaNas, Error> {
        config.check()?;
        for g in &seeds {
            space.check(g)?;
        }
        let mut rng = Rng::stream(seed, "generative");
        let (generator, discriminator) = players(device, space, &config, &mut rng);
        Ok(GaNas {
            device: device.clone(),
            config,
            seeds,
            generator,
            discriminator,
            rng,
        })
    }

    /// The given architectures that are feasible and new, then random ones.
    fn first(&mut self, field: &Field, seen: &History, n: usize) -> Result<Asked, Error> {
        let mut batch = Batch::default();
        for g in &self.seeds {
            if !field.feasible(g)? {
                let text = field.space().text(g);
                return Err(Error::config("start", format!("{text} does not keep the limits of the search")));
            }
            if batch.len() < n {
                batch.offer(field, seen, g)?;
            }
        }
        batch.fill(field, seen, n, &mut self.rng)?;
        Ok(batch.into())
    }

    /// One round of learning for both; what it came to.
    fn round(&mut self, field: &Field, seen: &History, truth: &[&Sketch]) -> Result<Value, Error> {
        let mut line = serde_json::Map::new();
        let space = field.space();
        let entropy = self.config.entropy_after(seen.len());
        if matches!(self.config.fit, Fit::Mle | Fit::Both) {
            let best = seen.top(truth.len()).into_iter().map(|q| space.normal(&q.genotype));
            let best: Vec<Genotype> = best.collect();
            let best: Vec<&Genotype> = best.iter().collect();
            for _ in 0..self.config.mle_epochs {
                let episodes = episode::follow(&self.generator.net, space, &best, &mut self.rng);
                let lost = ppo::likelihood(&mut self.generator, &episodes, entropy, &self.config)?;
                line.insert("nll".into(), json!(lost));
            }
        }
        let judged = self.config.fit != Fit::Mle || self.config.oversample > 1;
        if judged {
            let fakes = self.fakes(field, seen, truth.len())?;
            let [loss, right] = self.tell_apart(truth, &fakes)?;
            line.insert("d_loss".into(), json!(loss));
            line.insert("d_accuracy".into(), json!(right));
        }
        if self.config.fit != Fit::Mle {
            let mut reward = 0.0;
            let mut last = ppo::Update::default();
            for _ in 0..self.config.g_updates {
                let (manner, n) = (self.manner(), self.config.episodes);
                let episodes = episode::rollout(&self.generator.net, space, n, manner, &mut self.rng)?;
                let rewards = self.rewards(field, seen, truth, &episodes)?;
                reward = rewards.iter().sum::<f64>() / n as f64;
                last = ppo::update(
                    &mut self.generator,
                    &episodes,
                    &rewards,
                    entropy,
                    &self.config,
                    &self.device,
                    &mut self.rng,
                )?;
            }
            line.insert("reward".into(), json!(reward));
            line.insert("entropy".into(), json!(last.entropy));
            line.insert("kl".into(), json!(last.kl));
        }
        Ok(Value::Object(line))
    }

    /// How the generator makes what it learns from.
    fn manner(&self) -> Manner {
        Manner {
            temperature: 1.0,
            smoothing: 0.0,
            masks: self.config.masks,
        }
    }

    /// Final rewards of `episodes`: from the discriminator and validity alone.
    fn rewards(
        &mut self,
        field: &Field,
        seen: &History,
        truth: &[&Sketch],
        episodes: &[Episode],
    ) -> Result<Vec<f64>, Error> {
        let references = self.references(truth);
        let sketches: Vec<&Sketch> = episodes.iter().map(|episode| &episode.sketch).collect();
        let mut rewards = self.discriminator.net.rewards(&references, &sketches, &self.config)?;
        // Below everything that is feasible, also where rewards can be negative.
        let infeasible = rewards.iter().copied().fold(0.0, f64::min) - 1.0;
        for (episode, reward) in episodes.iter().zip(&mut rewards) {
            if !field.feasible(&episode.genotype)? {
                *reward = infeasible;
            } else if seen.get(&field.space().canonical(&episode.genotype)).is_some() {
                *reward -= self.config.repeat_penalty;
            }
        }
        Ok(rewards)
    }

    /// Some of the truth set to compare with.
    fn references<'a>(&mut self, truth: &[&'a Sketch]) -> Vec<&'a Sketch> {
        let some = self.rng.permutation(truth.len());
        some.into_iter().take(self.config.references).map(|i| truth[i]).collect()
    }

    /// `n` valid architectures to tell the truth set from, the generated ones different, as far as they can be had.
    fn fakes(&mut self, field: &Field, seen: &History, n: usize) -> Result<Vec<Sketch>, Error> {
        let evaluated = match self.config.negatives {
            Negatives::Generated => 0,
            Negatives::Evaluated => n,
            Negatives::Both => n / 2,
        };
        let space = field.space();
        let mut fakes = Vec::new();
        let others: Vec<&Genotype> = seen.top(seen.len()).into_iter().skip(n).map(|q| &q.genotype).collect();
        let some = self.rng.permutation(others.len());
        fakes.extend(some.into_iter().take(evaluated).map(|i| seen_as(space, others[i])));
        let mut keys: HashSet<Key> = HashSet::new();
        for _ in 0..FAKE_BATCHES {
            if fakes.len() >= n {
                break;
            }
            let manner = self.manner();
            let at_once = n.max(self.config.episodes);
            for made in episode::rollout(&self.generator.net, space, at_once, manner, &mut self.rng)? {
                if fakes.len() < n
                    && field.feasible(&made.genotype)?
                    && keys.insert(space.canonical(&made.genotype))
                {
                    fakes.push(made.sketch);
                }
            }
        }
        // A generator that makes hardly anything different is itself what is to be told.
        while fakes.len() < 2 {
            fakes.push(seen_as(space, &field.random(&mut self.rng)?));
        }
        Ok(fakes)
    }

    /// Trains the discriminator for a round; its loss and its share of right answers in the last pass.
    fn tell_apart(&mut self, truth: &[&Sketch], fakes: &[Sketch]) -> Result<[f64; 2], Error> {
        let (k, config) = (truth.len(), &self.config);
        let all: Vec<&Sketch> = truth.iter().copied().chain(fakes).collect();
        let pairs = pairs(k, all.len());
        let mut last = [0.0, 0.0];
        for _ in 0..config.d_epochs {
            let order = self.rng.permutation(pairs.len());
            let (mut lost, mut right) = (0.0, 0);
            for part in order.chunks(config.d_batch) {
                let part: Vec<(usize, usize)> = part.iter().map(|&i| pairs[i]).collect();
                let (loss, logits) =
                    discriminator_step(&mut self.discriminator, &all, &part, k, config, &self.device);
                let logits = logits.to_vec()?;
                right += part
                    .iter()
                    .zip(&logits)
                    .filter(|((_, x), logit)| (*x < k) == (**logit > 0.0))
                    .count();
                lost += f64::from(loss.item()?) * part.len() as f64;
            }
            last = [lost / pairs.len() as f64, right as f64 / pairs.len() as f64];
            if last[1] > config.d_enough {
                break;
            }
        }
        Ok(last)
    }

    /// New architectures of the generator, some of them random; with them, how many are only there because the generator
    /// had nothing new to offer.
    fn sample(
        &mut self,
        field: &Field,
        seen: &History,
        truth: &[&Sketch],
        n: usize,
    ) -> Result<(Batch, usize), Error> {
        let mut random = 0;
        for _ in 0..n {
            random += usize::from(f64::from(self.rng.uniform()) < self.config.mixing);
        }
        let mut batch = Batch::default();
        batch.fill(field, seen, random, &mut self.rng)?;
        let begin = batch.len();
        let wanted = begin + (n - random) * self.config.oversample;
        let manner = Manner {
            temperature: self.config.temperature,
            smoothing: self.config.smoothing,
            ..self.manner()
        };
        let mut tries = 0;
        let mut sketches = Vec::new();
        while batch.len() < wanted && tries <= self.config.max_tries {
            let space = field.space();
            for made in episode::rollout(&self.generator.net, space, DRAWN_AT_ONCE, manner, &mut self.rng)? {
                tries = match batch.offer(field, seen, &made.genotype)? {
                    true => {
                        sketches.push(made.sketch);
                        0
                    }
                    false => tries + 1,
                };
                if batch.len() == wanted || tries > self.config.max_tries {
                    break;
                }
            }
        }
        if self.config.oversample > 1 && !sketches.is_empty() {
            let references = self.references(truth);
            let sketches: Vec<&Sketch> = sketches.iter().collect();
            let liked = self.discriminator.net.rewards(&references, &sketches, &self.config)?;
            let mut order: Vec<usize> = (begin..batch.len()).collect();
            order.sort_by(|&a, &b| liked[b - begin].total_cmp(&liked[a - begin]));
            batch.reorder(begin, &order);
            batch.truncate(begin + n - random);
        }
        // Random ones keep the search alive.
        let offered = batch.len();
        batch.fill(field, seen, n, &mut self.rng)?;
        let rescued = batch.len() - offered;
        Ok((batch, rescued))
    }
}

impl Searcher for GaNas {
    fn ask(&mut self, field: &Field, seen: &History, most: usize) -> Result<Asked, Error> {
        let first = self.config.initial.max(self.seeds.len());
        if seen.len() < first {
            return self.first(field, seen, most.min(first - seen.len()));
        }
        if self.config.reset {
            (self.generator, self.discriminator) =
                players(&self.device, field.space(), &self.config, &mut self.rng);
        }
        let truth = seen.top(self.config.truth_size(seen.len()));
        let level = truth.last().map(|query| query.measured.score);
        let truth: Vec<Sketch> = truth.iter().map(|query| seen_as(field.space(), &query.genotype)).collect();
        let truth: Vec<&Sketch> = truth.iter().collect();
        let mut metrics = Vec::new();
        for _ in 0..self.config.rounds {
            metrics.push(self.round(field, seen, &truth)?);
        }
        let (batch, rescued) = self.sample(field, seen, &truth, most.min(self.config.batch))?;
        metrics.push(json!({"level": level, "rescued": rescued}));
        Ok(Asked { metrics, ..batch.into() })
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        self.generator.save("generator", to)?;
        self.discriminator.save("discriminator", to)?;
        to.put_state("generative", &self.rng)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        self.generator.load("generator", from)?;
        self.discriminator.load("discriminator", from)?;
        self.rng = from.state("generative")?;
        Ok(())
    }
}

/// What the networks see of an architecture: nothing that does not matter.
fn seen_as(space: &dyn Space, g: &Genotype) -> Sketch {
    space.sketch(&space.normal(g).0)
}

/// Fresh networks.
fn players(
    device: &Device,
    space: &dyn Space,
    config: &GenerativeConfig,
    rng: &mut Rng,
) -> (Player<Policy>, Player<Discriminator>) {
    let mut init = Init { device, rng, spectral: SpectralInit::default() };
    let policy = Policy::new(space, config, &mut init);
    let discriminator = Discriminator::new(space, config, &mut init);
    (
        Player::new(policy, config.g_lr, 0.0),
        Player::new(discriminator, config.d_lr, config.d_weight_decay),
    )
}

/// Every ordered pair of two of the first `k`, which are true, and every pair of one of them with one of the others up to
/// `all`.
fn pairs(k: usize, all: usize) -> Vec<(usize, usize)> {
    let positives = (0..k).flat_map(|i| (0..k).filter(move |&j| j != i).map(move |j| (i, j)));
    let negatives = (0..k).flat_map(|i| (k..all).map(move |j| (i, j)));
    positives.chain(negatives).collect()
}

/// One step on some pairs of `all`, whose first `k` are true: the loss, and the logits before the step.
fn discriminator_step(
    player: &mut Player<Discriminator>,
    all: &[&Sketch],
    pairs: &[(usize, usize)],
    k: usize,
    config: &GenerativeConfig,
    device: &Device,
) -> (Tensor, Tensor) {
    let label = |&(_, x): &(usize, usize)| match x < k {
        true => config.d_label as f32,
        false => 1.0 - config.d_label as f32,
    };
    let labels: Vec<f32> = pairs.iter().map(label).collect();
    let labels = Tensor::from_slice(device, [pairs.len()], &labels);
    player.learn(0.0, |d| {
        let logits = d.logits(all, pairs);
        let loss = bernoulli_log_likelihood(&logits, &labels).mean_all().neg();
        let seen = (loss.detach(), logits.detach());
        (loss, seen)
    })
}
