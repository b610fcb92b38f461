//! The searches and the one loop that drives them. Knows no kernels and no file formats.

pub mod adversarial;
pub mod baselines;
#[cfg(test)]
pub(crate) mod dummy;
pub mod evolutionary;
pub mod gan;
pub mod generative;
mod nsga2;
pub mod pareto;
mod pictures;
pub mod queries;
mod real;
#[cfg(test)]
mod tests;

pub use crate::runs::Work as Search;
pub use crate::runs::curves;
pub use crate::runs::{Artifact, Candidate, Checkpoints, Console, End, Observer, Outcome, Report, Stop, run};
pub use adversarial::{Adversarial, AdversarialConfig};
pub use evolutionary::{Evolution, EvolutionConfig};
pub use generative::{GaNas, GenerativeConfig};
pub use nsga2::{Nsga2, Variation};
pub use queries::{QuerySearch, Seeds};
pub use real::RealVariation;
