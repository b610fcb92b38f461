//! Adversarial search: the weights and the architecture of a generator and a discriminator trained against each other.

mod config;

pub use config::{AdversarialConfig, DeriveAxis, GumbelInput, Initialisation, MixedOps, Preset};
