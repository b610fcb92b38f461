//! Adam and the exponential moving average, over whole networks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::module::visit;
use super::{Module, Role};
use crate::formats::NamedArrays;
use crate::ops::ema_update;
use crate::ops::{AdamStep, adam_step};
use crate::{Error, Grads, Tensor};

/// Settings of an optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
}

/// Added to the root of the second moment.
const EPS: f64 = 1e-8;

/// Moments of one tensor.
#[derive(Clone)]
pub struct Moments {
    /// Steps done.
    pub t: u64,
    /// First moment.
    pub m: Tensor,
    /// Second moment.
    pub v: Tensor,
}

/// Adam with the moments of every tensor that ever had a gradient.
#[derive(Clone)]
pub struct Adam {
    config: AdamConfig,
    role: Role,
    moments: BTreeMap<String, Moments>,
}

impl Adam {
    /// An optimiser for the tensors of `role`.
    pub fn new(config: AdamConfig, role: Role) -> Adam {
        Adam { config, role, moments: BTreeMap::new() }
    }

    /// Sets the learning rate of the steps that follow.
    pub fn set_lr(&mut self, lr: f64) {
        self.config.lr = lr;
    }

    /// Which tensors it moves.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Moves every tensor that has a gradient; the others stay, with their step count. Each gradient is dropped as
    /// soon as it is used, and the new tensors are constants.
    pub fn step(&mut self, module: &mut (impl Module + ?Sized), mut grads: Grads) {
        visit(module, |slot| {
            if slot.role != self.role {
                return;
            }
            let Some(g) = grads.take(slot.tensor) else {
                *slot.tensor = slot.tensor.detach();
                return;
            };
            if !self.moments.contains_key(slot.name) {
                let zeros = || Tensor::zeros(&slot.tensor.device(), slot.tensor.shape());
                let fresh = Moments { t: 0, m: zeros(), v: zeros() };
                self.moments.insert(slot.name.to_owned(), fresh);
            }
            let state = self.moments.get_mut(slot.name).expect("it was just inserted");
            state.t += 1;
            let step = AdamStep {
                lr: self.config.lr,
                beta1: self.config.beta1,
                beta2: self.config.beta2,
                eps: EPS,
                weight_decay: self.config.weight_decay,
                t: state.t,
            };
            (*slot.tensor, state.m, state.v) = adam_step(slot.tensor, &g, &state.m, &state.v, step);
        });
    }

    /// The moments by tensor name.
    pub fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.moments
    }

    /// Puts the moments of every tensor `x` under `{prefix}.m.x` and `{prefix}.v.x`; gives its number of steps by name.
    /// Waits for the device.
    ///
    /// # Errors
    /// If the device failed.
    pub fn export(&self, prefix: &str, to: &mut NamedArrays) -> Result<BTreeMap<String, u64>, Error> {
        let mut steps = BTreeMap::new();
        for (name, Moments { t, m, v }) in &self.moments {
            to.insert(format!("{prefix}.m.{name}"), &m.shape(), m.to_host()?);
            to.insert(format!("{prefix}.v.{name}"), &v.shape(), v.to_host()?);
            steps.insert(name.clone(), *t);
        }
        Ok(steps)
    }

    /// Takes what [`Adam::export`] gave for the tensors of `module`.
    ///
    /// # Errors
    /// [`Error::Weights`] if a moment is missing or has another shape than its tensor.
    pub fn import(
        &mut self,
        prefix: &str,
        module: &mut (impl Module + ?Sized),
        steps: &BTreeMap<String, u64>,
        from: &NamedArrays,
    ) -> Result<(), Error> {
        let mut all = BTreeMap::new();
        for (name, tensor) in super::collect(module, self.role) {
            if let Some(&t) = steps.get(&name) {
                let read = |kind: &str| {
                    let values = from.expect(&format!("{prefix}.{kind}.{name}"), &tensor.shape())?;
                    Ok::<_, Error>(Tensor::from_slice(&tensor.device(), tensor.shape(), values))
                };
                all.insert(name.clone(), Moments { t, m: read("m")?, v: read("v")? });
            }
        }
        self.moments = all;
        Ok(())
    }
}

/// An exponential moving average of a network's trained tensors; buffers are not averaged.
pub struct Ema {
    decay: f64,
    average: BTreeMap<String, Tensor>,
}

impl Ema {
    /// Starts from the current tensors.
    pub fn new(decay: f64, module: &mut (impl Module + ?Sized)) -> Ema {
        let mut average = BTreeMap::new();
        visit(module, |slot| {
            if slot.role != Role::Buffer {
                average.insert(slot.name.to_owned(), slot.tensor.detach());
            }
        });
        Ema { decay, average }
    }

    /// `average <- decay average + (1 - decay) tensor`.
    pub fn update(&mut self, module: &mut (impl Module + ?Sized)) {
        visit(module, |slot| {
            if let Some(average) = self.average.get_mut(slot.name) {
                *average = ema_update(average, slot.tensor, self.decay);
            }
        });
    }

    /// Exchanges the network's tensors with their averages; a second call puts them back.
    pub fn swap(&mut self, module: &mut (impl Module + ?Sized)) {
        visit(module, |slot| {
            if let Some(average) = self.average.get_mut(slot.name) {
                std::mem::swap(average, slot.tensor);
                *average = average.detach();
                *slot.tensor = slot.tensor.detach();
            }
        });
    }

    /// Makes the averages equal to the network's tensors.
    pub fn copy_from(&mut self, module: &mut (impl Module + ?Sized)) {
        visit(module, |slot| {
            if let Some(average) = self.average.get_mut(slot.name) {
                *average = slot.tensor.detach();
            }
        });
    }
}
