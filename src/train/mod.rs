//! One architecture trained in full, and a generator put to use: pictures drawn from it by the published protocol. Knows
//! no searches.

mod augment;
mod config;
mod evaluation;
mod health;
mod players;
mod sampler;
mod state;
mod trainer;

#[cfg(test)]
mod tests;

pub use augment::Augmentation;
pub use config::{Loss, OnDivergence, Preset, TrainConfig};
pub use evaluation::{Evaluation, Evaluator};
pub use sampler::{BATCH, Sampler};
pub use state::{generator_of, is_in, weights_of};
pub use trainer::Trainer;
