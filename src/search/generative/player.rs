//! A network with its optimiser.

use std::collections::BTreeMap;

use crate::formats::NamedArrays;
use crate::nn::{self, Adam, AdamConfig, GradSum, Module, Role};
use crate::runs::Snapshot;
use crate::{Error, Tensor};

/// A network that is trained by Adam.
pub(crate) struct Player<M> {
    /// The network.
    pub net: M,
    adam: Adam,
}

impl<M: Module> Player<M> {
    /// `net` before its first step.
    pub fn new(net: M, lr: f64, weight_decay: f64) -> Player<M> {
        let config = AdamConfig { lr, beta1: 0.9, beta2: 0.999, weight_decay };
        Player { net, adam: Adam::new(config, Role::Weight) }
    }

    /// Moves the weights against the gradient of what `loss` makes with them, cut to the norm `clip` where that is not 0;
    /// gives what else `loss` gave.
    pub fn learn<T>(&mut self, clip: f64, loss: impl FnOnce(&M) -> (Tensor, T)) -> T {
        nn::track(&mut self.net, Role::Weight);
        let leaves = nn::collect(&mut self.net, Role::Weight);
        let (loss, more) = loss(&self.net);
        let mut sum = GradSum::new(leaves.iter().map(|(_, leaf)| leaf).collect());
        sum.add(&loss);
        let grads = sum.finish(clip);
        self.adam.step(&mut self.net, grads);
        // Nothing outside a training records a tape.
        nn::freeze(&mut self.net);
        more
    }

    /// Puts weights and moments under `name`.
    pub fn save(&mut self, name: &str, to: &mut Snapshot) -> Result<(), Error> {
        let mut arrays = NamedArrays::new();
        nn::export(&mut self.net, &format!("{name}."), &mut arrays)?;
        let steps = self.adam.export(name, &mut arrays)?;
        to.put_all(arrays);
        to.put_state(&format!("{name}.adam"), &steps)
    }

    /// Takes back what [`Player::save`] put.
    pub fn load(&mut self, name: &str, from: &Snapshot) -> Result<(), Error> {
        nn::import(&mut self.net, &format!("{name}."), from.arrays())?;
        let steps: BTreeMap<String, u64> = from.state(&format!("{name}.adam"))?;
        self.adam.import(name, &mut self.net, &steps, from.arrays())
    }
}
