//! Stage 1: all generators share the weights of one supernet and play against one discriminator.

use super::config::EvolutionConfig;
use super::networks::{Networks, Steps};
use super::players::{self, Batch, Played};
use crate::formats::NamedArrays;
use crate::nn::{self, Adam, Init, Mode};
use crate::runs::Snapshot;
use crate::space::build::{Discriminator, Generator, discriminator};
use crate::space::{GanCells, GanGenotype};
use crate::{Device, Error, Rng, Tensor};

pub(in crate::search) struct Generators {
    space: GanCells,
    g: Generator,
    g_adam: Adam,
    d: Box<dyn Discriminator>,
    d_adam: Adam,
}

const KEY: &str = "generators";

impl Generators {
    pub fn new(device: &Device, config: &EvolutionConfig, rng: &mut Rng) -> Result<Generators, Error> {
        let mut init = Init { device, rng, spectral: config.initialisation };
        let mut g = Generator::single_path(config.size(), &mut init)?;
        g.accumulate_skips(config.skip_out_includes_skips);
        let d = discriminator(&config.first_discriminator()?, config.disc_channels, 1, &mut init)?;
        let betas = [config.beta1, config.beta2];
        Ok(Generators {
            space: GanCells::generators(),
            g,
            g_adam: players::adam(config.gen_lr, betas),
            d,
            d_adam: players::adam(config.disc_lr1, betas),
        })
    }

    /// The supernet as `candidate`.
    fn follow(&mut self, candidate: &GanGenotype) {
        let cells = candidate.require_cells().expect("the space holds generators with cells");
        self.g.follow(Some(cells));
    }
}

impl Networks for Generators {
    fn space(&self) -> &GanCells {
        &self.space
    }

    fn train(
        &mut self,
        _who: Option<usize>,
        candidate: &GanGenotype,
        batch: &Batch,
    ) -> Result<Played, Error> {
        self.follow(candidate);
        players::play(&mut self.g, &mut self.g_adam, self.d.as_mut(), &mut self.d_adam, batch)
    }

    fn generator(&mut self, _who: usize, candidate: &GanGenotype) -> &mut Generator {
        self.follow(candidate);
        &mut self.g
    }

    fn discriminator(&mut self, _candidate: &GanGenotype) -> &mut dyn Discriminator {
        self.d.as_mut()
    }

    fn exercise(&mut self, _who: usize, candidate: &GanGenotype, z: &Tensor, _x: &Tensor) {
        self.follow(candidate);
        self.g.forward(z, Mode::Eval, None);
    }

    fn survive(&mut self, _survivors: &[usize], _best: usize, _size: usize) {}

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        let mut arrays = NamedArrays::new();
        self.g.follow(None);
        nn::export(&mut self.g, "g.", &mut arrays)?;
        nn::export(self.d.as_mut(), "d.", &mut arrays)?;
        let steps: [Steps; 2] =
            [self.g_adam.export("g_w", &mut arrays)?, self.d_adam.export("d_w", &mut arrays)?];
        to.put_all(arrays);
        to.put_state(KEY, &steps)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        let [g_steps, d_steps]: [Steps; 2] = from.state(KEY)?;
        self.g.follow(None);
        nn::import(&mut self.g, "g.", from.arrays())?;
        nn::import(self.d.as_mut(), "d.", from.arrays())?;
        self.g_adam.import("g_w", &mut self.g, &g_steps, from.arrays())?;
        self.d_adam.import("d_w", self.d.as_mut(), &d_steps, from.arrays())
    }
}

/// The stand-alone network of `candidate`'s generator with fresh weights drawn from `rng`.
pub(in crate::search) fn derived(
    candidate: &GanGenotype,
    config: &EvolutionConfig,
    device: &Device,
    rng: &mut Rng,
) -> Result<Generator, Error> {
    let mut init = Init { device, rng, spectral: config.initialisation };
    let mut g = Generator::derived(candidate.require_generator()?, config.size(), &mut init)?;
    g.accumulate_skips(config.skip_out_includes_skips);
    Ok(g)
}

/// The same with the weights of `net`, which follows it.
pub(super) fn alone(
    net: &mut Generator,
    candidate: &GanGenotype,
    config: &EvolutionConfig,
    device: &Device,
) -> Result<Generator, Error> {
    let mut alone = derived(candidate, config, device, &mut Rng::seed(0))?;
    nn::transfer(net, &mut alone);
    Ok(alone)
}
