//! REINFORCE with an LSTM controller (Zoph and Le 2017): one choice after another, rewarded with true evaluations.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use crate::nn::{Dense, Embedding, Init, Lstm, Module, SpectralInit, Visitor};
use crate::runs::Snapshot;
use crate::search::generative::Player;
use crate::search::queries::{Asked, Field, History, Query, Searcher};
use crate::space::{Genotype, Space};
use crate::{Device, Error, Rng, Tensor};

/// Added to the logits of what is ruled out.
const RULED_OUT: f32 = -1e9;

/// Settings of [`Reinforce`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReinforceConfig {
    /// Architectures drawn for an update.
    pub batch: usize,
    /// Width of embeddings and of the LSTM.
    pub hidden: usize,
    /// Learning rate of Adam.
    pub lr: f64,
    /// Decay of the average reward that rewards are compared with.
    pub baseline: f64,
    /// Weight of the entropy.
    pub entropy: f64,
    /// Batches in one ask that bring nothing new, after which a random architecture is taken.
    pub max_tries: usize,
}

impl Default for ReinforceConfig {
    fn default() -> ReinforceConfig {
        ReinforceConfig {
            batch: 10,
            hidden: 64,
            lr: 0.01,
            baseline: 0.9,
            entropy: 1e-4,
            max_tries: 50,
        }
    }
}

impl ReinforceConfig {
    /// An error unless these settings can work.
    ///
    /// # Errors
    /// If one cannot; it is named.
    pub fn check(&self) -> Result<(), Error> {
        for (key, value) in [("batch", self.batch), ("hidden", self.hidden), ("max_tries", self.max_tries)] {
            if value == 0 {
                return Err(Error::config(key, "is 0, at least 1 is wanted"));
            }
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(Error::config("lr", format!("is {}, a positive number is wanted", self.lr)));
        }
        if !(0.0..1.0).contains(&self.baseline) {
            let reason = format!("is {}, a number from 0 to below 1 is wanted", self.baseline);
            return Err(Error::config("baseline", reason));
        }
        Ok(())
    }
}

/// The network: reads the last choice, says how the next one goes.
struct Controller {
    /// One vector per option of each choice, and one for the beginning.
    last: Embedding,
    cell: Lstm,
    /// One layer per choice.
    heads: Vec<Dense>,
    /// Row of each choice's first option in `last`.
    first: Vec<usize>,
    device: Device,
}

impl Controller {
    fn new(space: &dyn Space, hidden: usize, init: &mut Init) -> Controller {
        let mut first = Vec::new();
        let mut rows = 1;
        for choice in space.choices() {
            first.push(rows);
            rows += choice.options.len();
        }
        Controller {
            last: Embedding::new(rows, hidden, init),
            cell: Lstm::new(hidden, hidden, init),
            heads: space
                .choices()
                .iter()
                .map(|c| Dense::new(hidden, c.options.len(), init))
                .collect(),
            first,
            device: init.device.clone(),
        }
    }

    /// Calls `each` with the log-probabilities `[n, options]` of one choice after another; it says what was chosen.
    fn walk<E>(
        &self,
        space: &dyn Space,
        n: usize,
        mut each: impl FnMut(usize, &Tensor) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        let none = Tensor::zeros(&self.device, [n, self.cell.hidden()]);
        let mut state = [none.clone(), none];
        let mut rows = vec![0; n];
        let mut prefixes: Vec<Vec<u8>> = vec![Vec::new(); n];
        for (i, head) in self.heads.iter().enumerate() {
            let [h, c] = &state;
            state = self.cell.forward(&self.last.forward(&rows), [h, c]);
            let allowed = prefixes.iter().flat_map(|prefix| space.allowed(prefix));
            let mask: Vec<f32> = allowed.map(|open| if open { 0.0 } else { RULED_OUT }).collect();
            let mask = Tensor::from_slice(&self.device, [n, mask.len() / n], &mask);
            let chosen = each(i, &(head.forward(&state[0]) + mask).log_softmax())?;
            for ((prefix, row), option) in prefixes.iter_mut().zip(&mut rows).zip(chosen) {
                prefix.push(option);
                *row = self.first[i] + usize::from(option);
            }
        }
        Ok(())
    }

    fn sample(&self, space: &dyn Space, n: usize, rng: &mut Rng) -> Result<Vec<Genotype>, Error> {
        let mut genes = vec![Vec::new(); n];
        self.walk(space, n, |_, logs| {
            let logs = logs.to_vec()?;
            let pick = |row: &[f32]| {
                let mut left = rng.uniform();
                let last = row.iter().rposition(|log| *log > RULED_OUT / 2.0).unwrap_or(0);
                let found = row.iter().position(|log| {
                    left -= log.exp();
                    left < 0.0
                });
                found.unwrap_or(last) as u8
            };
            let chosen: Vec<u8> = logs.chunks(logs.len() / n).map(pick).collect();
            genes.iter_mut().zip(&chosen).for_each(|(g, option)| g.push(*option));
            Ok(chosen)
        })?;
        Ok(genes.into_iter().map(Genotype).collect())
    }

    /// `-mean(advantage * log-probability) - weight * mean entropy`.
    fn loss(&self, space: &dyn Space, of: &[(Genotype, f64)], entropy: f64) -> Tensor {
        let n = of.len();
        let mut loss = Tensor::zeros(&self.device, [1]);
        let walked: Result<(), Infallible> = self.walk(space, n, |i, logs| {
            let width = space.choices()[i].options.len();
            let mut gains = vec![0.0; n * width];
            for (row, (g, advantage)) in of.iter().enumerate() {
                gains[row * width + usize::from(g.0[i])] = -*advantage as f32 / n as f32;
            }
            let gains = Tensor::from_slice(&self.device, [n, width], &gains);
            let spread = (logs.exp() * logs).sum_all().scale(entropy as f32 / n as f32);
            loss = &loss + (logs * gains).sum_all().reshape([1]) + spread.reshape([1]);
            Ok(of.iter().map(|(g, _)| g.0[i]).collect())
        });
        match walked {
            Ok(()) => loss,
        }
    }
}

impl Module for Controller {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("last", &mut self.last);
        v.module("cell", &mut self.cell);
        for (i, head) in self.heads.iter_mut().enumerate() {
            v.module(&format!("heads.{i}"), head);
        }
    }
}

/// REINFORCE with an LSTM controller. Architectures that are drawn again cost nothing and are learnt from again.
pub struct Reinforce {
    config: ReinforceConfig,
    controller: Player<Controller>,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    rng: Rng,
    /// Queries that were learnt from.
    read: usize,
    /// Mean reward, if anything was learnt from.
    average: Option<f64>,
}

const KEY: &str = "reinforce";

impl Reinforce {
    /// A searcher on `space` at its beginning, its network on `device`.
    ///
    /// # Errors
    /// If the settings cannot work.
    pub fn new(
        device: &Device,
        space: &dyn Space,
        config: ReinforceConfig,
        seed: u64,
    ) -> Result<Reinforce, Error> {
        config.check()?;
        let mut rng = Rng::stream(seed, KEY);
        let mut init = Init {
            device,
            rng: &mut rng,
            spectral: SpectralInit::default(),
        };
        let controller = Controller::new(space, config.hidden, &mut init);
        Ok(Reinforce {
            controller: Player::new(controller, config.lr, 0.0),
            state: State { rng, read: 0, average: None },
            config,
        })
    }

    fn learn(&mut self, space: &dyn Space, rewarded: &[(Genotype, f64)]) {
        let mean = rewarded.iter().map(|(_, reward)| reward).sum::<f64>() / rewarded.len() as f64;
        let average = self.state.average.unwrap_or(mean);
        let advantages: Vec<(Genotype, f64)> =
            rewarded.iter().map(|(g, reward)| (g.clone(), reward - average)).collect();
        self.state.average = Some(self.config.baseline * average + (1.0 - self.config.baseline) * mean);
        let entropy = self.config.entropy;
        self.controller
            .learn(0.0, |controller| (controller.loss(space, &advantages, entropy), ()));
    }
}

/// The score; what failed counts as the worst that did not, since its own score only says that it failed.
fn reward(query: &Query, seen: &History) -> f64 {
    let failed = |query: &Query| query.measured.objectives.contains_key("failed");
    if !failed(query) {
        return query.measured.score;
    }
    let others = seen
        .queries()
        .iter()
        .filter(|query| !failed(query))
        .map(|query| query.measured.score);
    let worst = others.fold(f64::INFINITY, f64::min);
    if worst.is_finite() { worst } else { 0.0 }
}

impl Searcher for Reinforce {
    fn ask(&mut self, field: &Field, seen: &History, most: usize) -> Result<Asked, Error> {
        let space = field.space();
        let fresh: Vec<(Genotype, f64)> = seen.queries()[self.state.read..]
            .iter()
            .map(|query| (query.genotype.clone(), reward(query, seen)))
            .collect();
        self.state.read = seen.len();
        if !fresh.is_empty() {
            self.learn(space, &fresh);
        }
        for _ in 0..self.config.max_tries {
            let drawn = self.controller.net.sample(space, self.config.batch, &mut self.state.rng)?;
            let mut keys = std::collections::HashSet::new();
            let mut new = Vec::new();
            let mut known = Vec::new();
            for g in drawn {
                if !field.feasible(&g)? {
                    continue;
                }
                let key = space.canonical(&g);
                match seen.get(&key) {
                    Some(query) => known.push((g, reward(query, seen))),
                    None if keys.insert(key) => new.push(g),
                    None => {}
                }
            }
            if !known.is_empty() {
                self.learn(space, &known);
            }
            new.truncate(most);
            if !new.is_empty() {
                return Ok(new.into());
            }
        }
        let random = field.unseen(seen, &std::collections::HashSet::new(), &mut self.state.rng)?;
        Ok(vec![random].into())
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        self.controller.save("controller", to)?;
        to.put_state(KEY, &self.state)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        self.controller.load("controller", from)?;
        self.state = from.state(KEY)?;
        Ok(())
    }
}
