//! How good a generator's pictures are: drawn by the published protocol, compared with real ones by the features of a
//! network. Knows neither trainings nor searches, which both ask it.

mod blank;
mod evaluator;
#[cfg(test)]
pub(crate) mod means;
mod sampler;

pub use evaluator::{Evaluation, Evaluator, Seconds};
pub use sampler::{BATCH, Sampler};
