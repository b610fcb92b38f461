//! The searches that others are compared with: random, ageing evolution, local search, cross-entropy, REINFORCE.
//! One query costs each of them what it costs any other searcher.

mod ageing;
mod cem;
mod local;
mod random;
mod reinforce;
#[cfg(test)]
mod tests;

pub use ageing::{AgeingConfig, AgeingEvolution};
pub use cem::{CemConfig, CrossEntropy};
pub use local::{LocalConfig, LocalSearch};
pub use random::RandomSearch;
pub use reinforce::{Reinforce, ReinforceConfig};
