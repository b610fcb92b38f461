//! A training as a snapshot, and its weights as a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::TrainConfig;
use super::health::Health;
use super::trainer::{Pending, Trainer, values};
use crate::data::Batches;
use crate::formats::NamedArrays;
use crate::nn;
use crate::runs::{Artifact, Snapshot};
use crate::space::GanGenotype;
use crate::space::build::{Generator, describe};
use crate::{Device, Error, Rng, Tensor};

/// The best evaluation so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Best {
    pub step: u64,
    pub metric: String,
    pub distance: f64,
}

/// The small part of a training's state.
#[derive(Serialize, Deserialize)]
struct TrainState {
    batches: Batches,
    latents: Rng,
    views: Rng,
    health: Health,
    /// Steps whose measurements were not looked at yet; with a generator step or without.
    pending: Vec<(u64, bool)>,
    best: Option<Best>,
    restores: (u64, u64),
    /// Steps of each tensor by optimiser and name.
    optimisers: BTreeMap<String, BTreeMap<String, u64>>,
    /// So that a snapshot alone suffices to make images.
    config: TrainConfig,
}

const KEY: &str = "training";
/// Prefix of the good state inside the snapshot of another step.
pub(super) const GOOD: &str = "good.";
/// The array of pending measurements.
const PENDING: &str = "pending";

pub(super) fn save(training: &mut Trainer, to: &mut Snapshot) -> Result<(), Error> {
    // Looked at only when they are due: an interruption must not change when trouble is noticed.
    let measured = values(&training.pending)?;
    to.put(PENDING, &[measured.len()], measured);
    let players = &mut training.players;
    let mut arrays = NamedArrays::new();
    export_generator(players, &mut arrays)?;
    nn::export(players.d.as_mut(), "d.", &mut arrays)?;
    let mut optimisers = BTreeMap::new();
    for (name, optimiser) in [("g_w", &players.g_adam), ("d_w", &players.d_adam)] {
        optimisers.insert(name.to_owned(), optimiser.export(name, &mut arrays)?);
    }
    to.put_all(arrays);
    to.put_state(
        KEY,
        &TrainState {
            batches: training.ahead.walked().clone(),
            latents: training.latents.clone(),
            views: training.views.clone(),
            health: training.health.clone(),
            pending: training.pending.iter().map(|p| (p.step, p.g.is_some())).collect(),
            best: training.best.clone(),
            restores: training.restores,
            optimisers,
            config: training.config.clone(),
        },
    )
}

/// Live weights under `g.`, averaged ones under `ema.`.
fn export_generator(players: &mut super::players::Players, arrays: &mut NamedArrays) -> Result<(), Error> {
    nn::export(&mut players.g, "g.", arrays)?;
    // The averages take the generator's place for a moment, so that they are stored in the same form.
    players.ema.swap(&mut players.g);
    let exported = nn::export(&mut players.g, "ema.", arrays);
    players.ema.swap(&mut players.g);
    exported
}

pub(super) fn load(training: &mut Trainer, from: &Snapshot) -> Result<(), Error> {
    let state: TrainState = from.state(KEY)?;
    let device = training.device.clone();
    let values: usize = state.pending.iter().map(|(_, g)| if *g { 3 } else { 1 }).sum();
    let mut values = from.get(PENDING, &[values])?.iter();
    let mut next = || Tensor::from_slice(&device, [1], &[*values.next().expect("as many as were counted")]);
    training.pending = state
        .pending
        .iter()
        .map(|(step, g)| Pending {
            step: *step,
            d: next(),
            g: g.then(|| [next(), next()]),
        })
        .collect();
    let players = &mut training.players;
    nn::import(&mut players.g, "ema.", from.arrays())?;
    players.ema.copy_from(&mut players.g);
    nn::import(&mut players.g, "g.", from.arrays())?;
    nn::import(players.d.as_mut(), "d.", from.arrays())?;
    let steps = |name: &str| state.optimisers.get(name).cloned().unwrap_or_default();
    players.g_adam.import("g_w", &mut players.g, &steps("g_w"), from.arrays())?;
    players.d_adam.import("d_w", players.d.as_mut(), &steps("d_w"), from.arrays())?;
    training.ahead = crate::data::Ahead::new(training.ahead.images().clone(), state.batches);
    training.latents = state.latents;
    training.views = state.views;
    training.step = from.step();
    training.health = state.health;
    training.best = state.best;
    training.restores = state.restores;
    Ok(())
}

/// `best.safetensors`: the generator, live and averaged, with what a reader needs and what it reached.
pub(super) fn weights_file(training: &mut Trainer, best: &Best) -> Result<Artifact, Error> {
    let mut arrays = NamedArrays::new();
    export_generator(&mut training.players, &mut arrays)?;
    describe(&training.genotype, training.config.skip_out_includes_skips, &mut arrays);
    for (key, value) in [("step", best.step.to_string()), (best.metric.as_str(), best.distance.to_string())] {
        arrays.metadata.insert(key.to_owned(), value);
    }
    Artifact::of_arrays("best.safetensors", &arrays)
}

/// Whether a snapshot is one of a training.
pub fn is_in(snapshot: &Snapshot) -> bool {
    snapshot.has_state(KEY)
}

/// The networks of a training's snapshot as a weights file: `g.`, `ema.` and `d.`, without what only training needs.
///
/// # Errors
/// If the snapshot is not one of a training.
pub fn weights_of(snapshot: &Snapshot) -> Result<NamedArrays, Error> {
    let state: TrainState = snapshot.state(KEY)?;
    let genotype = GanGenotype::load(&state.config.genotype)?;
    let mut weights = NamedArrays::new();
    for (name, array) in snapshot.arrays().iter() {
        if ["g.", "ema.", "d."].iter().any(|network| name.starts_with(network)) {
            weights.insert(name, &array.shape, array.values.clone());
        }
    }
    describe(&genotype, state.config.skip_out_includes_skips, &mut weights);
    Ok(weights)
}

/// The generator of a training's snapshot, averaged unless `live`, and its architecture.
///
/// # Errors
/// If the snapshot is not one of a training.
pub fn generator_of(
    snapshot: &Snapshot,
    device: &Device,
    live: bool,
) -> Result<(Generator, GanGenotype), Error> {
    let state: TrainState = snapshot.state(KEY)?;
    let genotype = GanGenotype::load(&state.config.genotype)?;
    let players = super::players::Players::new(device, &state.config, &genotype, &mut Rng::seed(0))?;
    let mut g = players.g;
    nn::import(&mut g, if live { "g." } else { "ema." }, snapshot.arrays())?;
    Ok((g, genotype))
}
