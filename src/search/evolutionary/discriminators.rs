//! Stage 2: all discriminators share the weights of one supernet; each plays against its own copy of the generator.

use super::config::EvolutionConfig;
use super::networks::{Networks, Steps};
use super::players::{self, Batch, Played};
use crate::formats::NamedArrays;
use crate::nn::{self, Adam, Init, Mode, Role};
use crate::runs::Snapshot;
use crate::space::build::{AutoGanDiscriminator, Discriminator, Generator};
use crate::space::{Family, GanCells, GanGenotype};
use crate::{Device, Error, Rng, Tensor};

pub(super) struct Discriminators {
    space: GanCells,
    /// The network that private weights are put into while they are used.
    g: Generator,
    /// What every copy begins with.
    common: Private,
    /// One a candidate; `None` until its first step, which reads the common one.
    copies: Vec<Option<Private>>,
    d: AutoGanDiscriminator,
    d_adam: Adam,
    reset: bool,
}

/// Weights, statistics and optimiser of a generator. Clones share their memory.
#[derive(Clone)]
struct Private {
    weights: Vec<(String, Tensor)>,
    buffers: Vec<(String, Tensor)>,
    adam: Adam,
}

const KEY: &str = "discriminators";

impl Discriminators {
    /// Discriminators against `g`, a derived generator, which keeps its weights.
    pub fn new(device: &Device, config: &EvolutionConfig, mut g: Generator, rng: &mut Rng) -> Discriminators {
        let mut init = Init { device, rng, spectral: config.initialisation };
        let betas = [config.beta1, config.beta2];
        let d = AutoGanDiscriminator::single_path(config.disc_channels, &mut init);
        nn::freeze(&mut g);
        let common = Private::of(&mut g, players::adam(config.gen_lr, betas));
        Discriminators {
            space: GanCells::discriminators(Family::Eagan),
            g,
            common,
            copies: vec![None; config.population],
            d,
            d_adam: players::adam(config.disc_lr2, betas),
            reset: config.reset_weights,
        }
    }

    fn follow(&mut self, candidate: &GanGenotype) {
        let searched = candidate.require_discriminator().expect("the space holds discriminators");
        self.d.follow(Some(&searched.genes));
    }
}

impl Private {
    fn of(g: &mut Generator, adam: Adam) -> Private {
        Private {
            weights: nn::collect(g, Role::Weight),
            buffers: nn::collect(g, Role::Buffer),
            adam,
        }
    }

    fn put(self, g: &mut Generator) -> Adam {
        nn::restore(g, &self.weights);
        nn::restore(g, &self.buffers);
        self.adam
    }

    fn save(&self, name: &str, g: &mut Generator, to: &mut NamedArrays) -> Result<Steps, Error> {
        let adam = self.clone().put(g);
        nn::export(g, &format!("{name}."), to)?;
        adam.export(&format!("{name}_w"), to)
    }

    fn load(
        &mut self,
        name: &str,
        g: &mut Generator,
        steps: &Steps,
        from: &NamedArrays,
    ) -> Result<(), Error> {
        nn::import(g, &format!("{name}."), from)?;
        self.adam.import(&format!("{name}_w"), g, steps, from)?;
        *self = Private::of(g, self.adam.clone());
        Ok(())
    }
}

impl Networks for Discriminators {
    fn space(&self) -> &GanCells {
        &self.space
    }

    fn train(&mut self, who: Option<usize>, candidate: &GanGenotype, batch: &Batch) -> Result<Played, Error> {
        self.follow(candidate);
        let own = who.and_then(|i| self.copies[i].take());
        let mut adam = own.unwrap_or_else(|| self.common.clone()).put(&mut self.g);
        let played = players::play(&mut self.g, &mut adam, &mut self.d, &mut self.d_adam, batch)?;
        let after = Private::of(&mut self.g, adam);
        match who {
            Some(i) => self.copies[i] = Some(after),
            None => self.common = after,
        }
        Ok(played)
    }

    /// Every copy begins with the generator as the warm-up left it.
    fn warmed_up(&mut self) {
        self.copies.fill(None);
    }

    fn generator(&mut self, who: usize, _candidate: &GanGenotype) -> &mut Generator {
        self.copies[who].as_ref().unwrap_or(&self.common).clone().put(&mut self.g);
        &mut self.g
    }

    fn discriminator(&mut self, candidate: &GanGenotype) -> &mut dyn Discriminator {
        self.follow(candidate);
        &mut self.d
    }

    fn exercise(&mut self, _who: usize, candidate: &GanGenotype, _z: &Tensor, x: &Tensor) {
        self.follow(candidate);
        self.d.forward(x, Mode::Eval, None);
    }

    fn survive(&mut self, survivors: &[usize], best: usize, size: usize) {
        let own = |i: usize| self.copies[i].as_ref().unwrap_or(&self.common).clone();
        let winner = own(best);
        self.copies = match self.reset {
            true => vec![None; size],
            false => {
                let mut copies: Vec<Option<Private>> = survivors.iter().map(|i| Some(own(*i))).collect();
                copies.resize(size, None);
                copies
            }
        };
        // What children begin with, and what a snapshot's reader takes for the generator.
        self.common = winner;
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        let mut arrays = NamedArrays::new();
        self.d.follow(None);
        nn::export(&mut self.d, "d.", &mut arrays)?;
        let d_steps = self.d_adam.export("d_w", &mut arrays)?;
        let common = self.common.save("g", &mut self.g, &mut arrays)?;
        let mut copies: Vec<Option<Steps>> = Vec::new();
        for (i, copy) in self.copies.iter().enumerate() {
            copies.push(match copy {
                Some(copy) => Some(copy.save(&format!("copy{i}"), &mut self.g, &mut arrays)?),
                None => None,
            });
        }
        to.put_all(arrays);
        to.put_state(KEY, &(d_steps, common, copies))
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        let (d_steps, common, copies): (Steps, Steps, Vec<Option<Steps>>) = from.state(KEY)?;
        self.d.follow(None);
        nn::import(&mut self.d, "d.", from.arrays())?;
        self.d_adam.import("d_w", &mut self.d, &d_steps, from.arrays())?;
        self.common.load("g", &mut self.g, &common, from.arrays())?;
        self.copies.clear();
        for (i, steps) in copies.iter().enumerate() {
            let mut copy = None;
            if let Some(steps) = steps {
                let mut own = self.common.clone();
                own.load(&format!("copy{i}"), &mut self.g, steps, from.arrays())?;
                copy = Some(own);
            }
            self.copies.push(copy);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::evolutionary::Preset;
    use crate::space::random::{random_discriminator, random_generator};

    /// The first weight of each copy, and whether two copies hold the same memory.
    fn first(private: &Private) -> *const f32 {
        private.weights[0].1.cpu().as_ptr()
    }

    #[test]
    fn copies_share_memory_until_they_are_trained_and_again_after_a_reset() {
        let device = Device::cpu();
        let config = Preset::Smoke.config();
        let mut rng = Rng::seed(1);
        let genes = random_generator(&mut rng);
        let mut init = Init {
            device: &device,
            rng: &mut rng,
            spectral: config.initialisation,
        };
        let g = Generator::derived(&genes.into(), config.size(), &mut init).unwrap();
        let mut nets = Discriminators::new(&device, &config, g, &mut Rng::seed(2));
        let candidate = |seed| GanGenotype {
            generator: Some(genes.into()),
            discriminator: Some(random_discriminator(Family::Eagan, &mut Rng::seed(seed))),
        };
        let batch = Batch {
            x: Tensor::normal(&device, [2, 16, 16, 3], &mut Rng::seed(3)),
            z: Tensor::normal(&device, [2, 24], &mut Rng::seed(4)),
            zg: Some(Tensor::normal(&device, [2, 24], &mut Rng::seed(5))),
        };
        nets.warmed_up();
        let common = nets.common.weights[0].1.to_vec().unwrap();
        for i in [0, 1] {
            nets.train(Some(i), &candidate(i as u64), &batch).unwrap().unwrap();
        }
        assert!(nets.copies[2..].iter().all(Option::is_none));
        let own: Vec<&Private> = nets.copies[..2].iter().flatten().collect();
        assert_ne!(first(own[0]), first(own[1]));
        assert_ne!(first(own[0]), first(&nets.common));
        // What a copy wrote is its own: the common weights and the other copy are as they were.
        assert_eq!(nets.common.weights[0].1.to_vec().unwrap(), common);
        assert_ne!(own[0].weights[0].1.to_vec().unwrap(), common);
        let winner = own[1].weights[0].1.to_vec().unwrap();
        assert_ne!(own[0].weights[0].1.to_vec().unwrap(), winner);
        nets.survive(&[1, 0], 1, 6);
        assert!(nets.copies.iter().all(Option::is_none));
        assert_eq!(nets.common.weights[0].1.to_vec().unwrap(), winner);
        assert_eq!(nets.common.adam.moments().values().map(|m| m.t).max(), Some(1));
        // Without a reset the survivors keep theirs and the children get the best one's.
        nets.reset = false;
        nets.train(Some(3), &candidate(3), &batch).unwrap().unwrap();
        nets.survive(&[3, 0], 3, 4);
        let copies: Vec<bool> = nets.copies.iter().map(Option::is_some).collect();
        assert_eq!(copies, [true, true, false, false]);
        let shared: Vec<_> = nets.copies.iter().flatten().map(first).collect();
        assert_eq!(shared[0], first(&nets.common));
        assert_ne!(shared[1], first(&nets.common));
    }
}
