//! A search in a snapshot, and the best pair of networks in a weights file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::history::History;
use super::objectives::Judged;
use super::schedule::Stage;
use super::training::Drawn;
use super::{Evolution, EvolutionConfig, Member, generators, judge};
use crate::data::Batches;
use crate::formats::NamedArrays;
use crate::nn::{self, Init};
use crate::runs::Snapshot;
use crate::search::{Artifact, Candidate};
use crate::space::build::{Generator, describe, discriminator};
use crate::space::{GanCells, GanGenotype, Genotype};
use crate::{Device, Error, Rng};

/// The small part of a search's state.
#[derive(Serialize, Deserialize)]
struct SearchState {
    step: u64,
    stage: Stage,
    fixed: Value,
    batches: Batches,
    latents: Rng,
    draws: Rng,
    population: Vec<Member>,
    judged: Vec<Judged>,
    /// Sorted, so that equal states are equal files.
    known: Vec<Genotype>,
    drawn: Option<Drawn>,
    failures: u64,
    found: Vec<Candidate>,
    history: History,
    seed: u64,
    /// So that a snapshot alone suffices to make images.
    config: EvolutionConfig,
}

const KEY: &str = "evolutionary";

pub(super) fn save(search: &mut Evolution, to: &mut Snapshot) -> Result<(), Error> {
    search.nets.save(to)?;
    let mut known: Vec<Genotype> = search.known.iter().cloned().collect();
    known.sort();
    let state = SearchState {
        step: search.step,
        stage: search.stage,
        fixed: search.fixed.to_json(),
        batches: search.batches.clone(),
        latents: search.latents.clone(),
        draws: search.draws.clone(),
        population: search.population.clone(),
        judged: search.judged.clone(),
        known,
        drawn: search.drawn.clone(),
        failures: search.failures,
        found: search.found.clone(),
        history: search.history.clone(),
        seed: search.seed,
        config: search.config.clone(),
    };
    to.put_state(KEY, &state)
}

pub(super) fn load(search: &mut Evolution, from: &Snapshot) -> Result<(), Error> {
    let state: SearchState = from.state(KEY)?;
    let fixed = GanGenotype::from_json(&state.fixed)?;
    if state.stage == Stage::Discriminators && search.stage == Stage::Generators {
        let g = generators::derived(&fixed, &search.config, &search.device, &mut Rng::seed(0))?;
        search.enter_second(fixed, g);
    } else {
        search.fixed = fixed;
    }
    search.nets.load(from)?;
    search.step = state.step;
    search.batches = state.batches;
    search.latents = state.latents;
    search.draws = state.draws;
    search.population = state.population;
    search.judged = state.judged;
    search.known = state.known.into_iter().collect();
    search.drawn = state.drawn;
    search.failures = state.failures;
    search.found = state.found;
    search.history = state.history;
    Ok(())
}

/// Whether a snapshot is one of an evolutionary search.
pub fn is_in(snapshot: &Snapshot) -> bool {
    snapshot.has_state(KEY)
}

/// The generator of the best candidate in a search's snapshot with its statistics taken anew, and its architecture; the
/// first of the population where none has been judged yet.
///
/// # Errors
/// If the snapshot is not one of an evolutionary search.
pub fn generator_of(snapshot: &Snapshot, device: &Device) -> Result<(Generator, GanGenotype), Error> {
    let state: SearchState = snapshot.state(KEY)?;
    let config = &state.config;
    let (mut g, genotype) = match state.stage {
        Stage::Discriminators => {
            let fixed = GanGenotype::from_json(&state.fixed)?;
            let mut g = generators::derived(&fixed, config, device, &mut Rng::seed(0))?;
            nn::import(&mut g, "g.", snapshot.arrays())?;
            (g, fixed)
        }
        Stage::Generators => {
            let best = match (state.found.first(), state.population.first()) {
                (Some(best), _) => GanGenotype::from_json(&best.genotype)?,
                (None, Some(first)) => GanCells::generators().decode(&first.genotype)?,
                (None, None) => return Err(Error::weights(KEY, "the population is empty")),
            };
            let mut rng = Rng::seed(0);
            let mut init = Init {
                device,
                rng: &mut rng,
                spectral: config.initialisation,
            };
            let mut g = Generator::single_path(config.size(), &mut init)?;
            nn::import(&mut g, "g.", snapshot.arrays())?;
            g.follow(Some(best.require_cells()?));
            (generators::alone(&mut g, &best, config, device)?, best)
        }
    };
    judge::recalibrate(&mut g, config, device, state.seed);
    let genotype = GanGenotype { discriminator: None, ..genotype };
    Ok((g, genotype))
}

/// `best.safetensors`: `g` and the discriminator of the pair `best`, alone.
pub(super) fn weights_file(
    search: &mut Evolution,
    g: &mut Generator,
    best: &GanGenotype,
) -> Result<Artifact, Error> {
    let (config, device) = (&search.config, &search.device);
    let mut rng = Rng::seed(0);
    let mut init = Init {
        device,
        rng: &mut rng,
        spectral: config.initialisation,
    };
    let mut d = discriminator(best.require_discriminator()?, config.disc_channels, 1, &mut init)?;
    nn::transfer(search.nets.discriminator(best), d.as_mut());
    let mut arrays = NamedArrays::new();
    nn::export(g, "g.", &mut arrays)?;
    nn::export(d.as_mut(), "d.", &mut arrays)?;
    describe(best, config.skip_out_includes_skips, &mut arrays);
    Artifact::of_arrays("best.safetensors", &arrays)
}
