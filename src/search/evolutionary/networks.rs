//! What both stages offer to the search around them.

use super::players::{Batch, Played};
use crate::runs::Snapshot;
use crate::space::build::{Discriminator, Generator};
use crate::space::{GanCells, GanGenotype};
use crate::{Error, Tensor};

/// The networks of a stage: one of each candidate, in effect, and their opponents.
pub(in crate::search) trait Networks {
    /// The half that is searched.
    fn space(&self) -> &GanCells;

    /// Trains the pair `candidate`, which is number `who` of the population, or a passer-by of the warm-up.
    ///
    /// # Errors
    /// If the device fails.
    fn train(&mut self, who: Option<usize>, candidate: &GanGenotype, batch: &Batch) -> Result<Played, Error>;

    /// The warm-up is over.
    fn warmed_up(&mut self) {}

    /// The generator whose pictures speak for candidate `who`.
    fn generator(&mut self, who: usize, candidate: &GanGenotype) -> &mut Generator;

    /// The discriminator of a candidate.
    fn discriminator(&mut self, candidate: &GanGenotype) -> &mut dyn Discriminator;

    /// Runs the searched network once, on `z` or on as many pictures `x`, for its time to be taken.
    fn exercise(&mut self, who: usize, candidate: &GanGenotype, z: &Tensor, x: &Tensor);

    /// The candidates `survivors` of the last round are now the first of a population of `size`; `best` was the best.
    fn survive(&mut self, survivors: &[usize], best: usize, size: usize);

    /// Puts weights and optimisers into `to`.
    ///
    /// # Errors
    /// If the device fails.
    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error>;

    /// Takes them back.
    ///
    /// # Errors
    /// If something is missing or of another shape.
    fn load(&mut self, from: &Snapshot) -> Result<(), Error>;
}

/// Number of steps of an optimiser's tensors by name, as snapshots keep them.
pub(super) type Steps = std::collections::BTreeMap<String, u64>;
