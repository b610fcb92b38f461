//! GAN architectures for searches by queries, judged by what the evolutionary search judges its candidates by.
//!
//! A candidate makes pictures with weights that it inherits from a supernet, or with those of a short training of its
//! own. What is found depends on the architecture and the seed alone, never on what was evaluated before. Parameters,
//! multiply-adds and memory are known without an evaluation, so limits on them cost no query.

mod brief;
mod config;
mod memory;
mod shared;
mod task;
#[cfg(test)]
mod tests;

use brief::TrainBriefly;
pub use config::{GanConfig, GanEvaluation, GanPart};
use shared::SharedWeights;
use task::Task;

use crate::data::Images;
use crate::search::queries;
use crate::{Device, Error};

/// The evaluator that the settings describe: `images` are the training pictures, `pictures` judges generated ones.
///
/// # Errors
/// If the settings cannot work or do not fit the images or `pictures`.
pub fn evaluator(
    config: &GanConfig,
    device: &Device,
    images: Box<dyn Images>,
    pictures: crate::evaluation::Evaluator,
    seed: u64,
) -> Result<Box<dyn queries::Evaluator>, Error> {
    let task = Task::new(config, device, images, pictures, seed)?;
    Ok(match config.evaluator {
        GanEvaluation::Shared => Box::new(SharedWeights::new(task)?),
        GanEvaluation::Brief => Box::new(TrainBriefly::new(task)),
    })
}
