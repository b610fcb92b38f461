//! One architecture trained in full. Knows no searches.

mod augment;
mod config;
mod health;
mod memory;
mod players;
mod state;
mod trainer;
mod updates;

#[cfg(test)]
mod tests;

pub use augment::Augmentation;
pub use config::{Loss, OnDivergence, Preset, TrainConfig};
pub use state::{generator_of, is_in, weights_of};
pub use trainer::Trainer;
pub use updates::Updates;
