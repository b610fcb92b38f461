//! The whole state of a search in a snapshot, and a generator out of one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Adversarial, AdversarialConfig};
use crate::data::Batches;
use crate::formats::NamedArrays;
use crate::nn::{self, Init};
use crate::runs::Snapshot;
use crate::space::GanGenotype;
use crate::space::build::{Generator, GeneratorSize, Relaxation};
use crate::{Device, Error, Rng};

/// The small part of a search's state.
#[derive(Serialize, Deserialize)]
struct SearchState {
    step: u64,
    batches: Batches,
    latents: Rng,
    noise: Rng,
    latest: Value,
    /// Steps of each tensor by optimiser and name.
    optimisers: BTreeMap<String, BTreeMap<String, u64>>,
    /// Temperature of the next step.
    tau: f64,
    /// So that a snapshot alone suffices to make images.
    config: AdversarialConfig,
}

const KEY: &str = "adversarial";

pub(super) fn save(search: &mut Adversarial, to: &mut Snapshot) -> Result<(), Error> {
    let tau = search.tau();
    let players = &mut search.players;
    let mut arrays = NamedArrays::new();
    nn::export(&mut players.g, "g.", &mut arrays)?;
    nn::export(&mut players.d, "d.", &mut arrays)?;
    // The averages take the generator's place for a moment, so that they are stored in the same form.
    players.ema.swap(&mut players.g);
    let exported = nn::export(&mut players.g, "ema.", &mut arrays);
    players.ema.swap(&mut players.g);
    exported?;
    let mut optimisers = BTreeMap::new();
    for (name, optimiser) in [
        ("g_w", &players.g_weights),
        ("d_w", &players.d_weights),
        ("g_a", &players.g_logits),
        ("d_a", &players.d_logits),
    ] {
        optimisers.insert(name.to_owned(), optimiser.export(name, &mut arrays)?);
    }
    to.put_all(arrays);
    for (name, loss) in search.losses.tensors() {
        to.put_tensor(format!("loss.{name}"), &loss)?;
    }
    to.put_state(
        KEY,
        &SearchState {
            step: search.step,
            batches: search.batches.clone(),
            latents: search.latents.clone(),
            noise: search.noise.clone(),
            latest: search.latest.to_json(),
            optimisers,
            tau,
            config: search.config.clone(),
        },
    )
}

pub(super) fn load(search: &mut Adversarial, from: &Snapshot) -> Result<(), Error> {
    let state: SearchState = from.state(KEY)?;
    let players = &mut search.players;
    nn::import(&mut players.g, "ema.", from.arrays())?;
    players.ema.copy_from(&mut players.g);
    nn::import(&mut players.g, "g.", from.arrays())?;
    nn::import(&mut players.d, "d.", from.arrays())?;
    let steps = |name: &str| state.optimisers.get(name).cloned().unwrap_or_default();
    for (name, optimiser) in [("g_w", &mut players.g_weights), ("g_a", &mut players.g_logits)] {
        optimiser.import(name, &mut players.g, &steps(name), from.arrays())?;
    }
    for (name, optimiser) in [("d_w", &mut players.d_weights), ("d_a", &mut players.d_logits)] {
        optimiser.import(name, &mut players.d, &steps(name), from.arrays())?;
    }
    for (name, _) in from.arrays().iter().filter(|(name, _)| name.starts_with("loss.")) {
        let loss = from.tensor(&search.device, name, &[1])?;
        search.losses.set(&name["loss.".len()..], loss);
    }
    search.step = state.step;
    search.batches = state.batches;
    search.latents = state.latents;
    search.noise = state.noise;
    search.latest = GanGenotype::from_json(&state.latest)?;
    Ok(())
}

/// Whether a snapshot is one of an adversarial search.
pub fn is_in(snapshot: &Snapshot) -> bool {
    snapshot.has_state(KEY)
}

/// The generator of a search's snapshot, averaged unless `live`, and how its edges are mixed.
///
/// # Errors
/// If the snapshot is not one of an adversarial search.
pub fn generator_of(
    snapshot: &Snapshot,
    device: &Device,
    live: bool,
) -> Result<(Generator, Relaxation), Error> {
    let state: SearchState = snapshot.state(KEY)?;
    let config = &state.config;
    let size = GeneratorSize {
        channels: config.channels,
        bottom: config.bottom_width,
        latent: config.latent,
        parts: config.latent_split,
    };
    let mut rng = Rng::seed(0);
    let mut init = Init {
        device,
        rng: &mut rng,
        spectral: config.initialisation,
    };
    let mut generator = Generator::supernet(size, config.mixed, &mut init)?;
    generator.accumulate_skips(config.skip_out_includes_skips);
    nn::import(&mut generator, if live { "g." } else { "ema." }, snapshot.arrays())?;
    let relaxation = match config.gumbel {
        true => Relaxation::Gumbel { tau: state.tau, input: config.gumbel_input },
        false => Relaxation::Softmax,
    };
    Ok((generator, relaxation))
}
