//! The searches and the one loop that drives them. Knows no kernels and no file formats.

pub mod adversarial;
#[cfg(test)]
pub(crate) mod dummy;
pub mod evolutionary;
mod nsga2;
pub mod pareto;
mod pictures;
mod real;
#[cfg(test)]
mod tests;

pub use crate::runs::Work as Search;
pub use crate::runs::curves;
pub use crate::runs::{Artifact, Candidate, Checkpoints, Console, End, Observer, Outcome, Report, Stop, run};
pub use adversarial::{Adversarial, AdversarialConfig};
pub use evolutionary::{Evolution, EvolutionConfig};
pub use nsga2::{Nsga2, Variation};
pub use real::RealVariation;
