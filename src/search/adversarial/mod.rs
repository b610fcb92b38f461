//! Adversarial search (AdversarialNAS): the weights and the architectures of a generator and a discriminator, all
//! four trained by the same adversarial losses.
//!
//! Every mini-batch is cut in two halves: one trains the discriminator's logits, the other its weights. Every
//! `n_critic`-th mini-batch is followed by a step of the generator's logits and one of its weights.

mod amend;
mod config;
mod memory;
mod players;
mod schedule;
mod state;
#[cfg(test)]
mod tests;
mod updates;

use std::collections::BTreeMap;

use serde_json::json;

pub use super::pictures::SAMPLES;
use super::{Artifact, Candidate, Report, Search, pictures};
use crate::data::{Batches, Images, require_side};
use crate::runs::Snapshot;
use crate::space::build::Relaxation;
use crate::space::cost::{self, Form};
use crate::space::derive::{derive_discriminator, derive_generator};
use crate::space::{Discriminator, GanGenotype};
use crate::{Device, Error, Rng, Tensor};
pub use config::{AdversarialConfig, Preset};
use players::{Half, Losses, Players};
pub use schedule::temperature;
pub use state::{generator_of, is_in};
pub use updates::{Update, Updates};

/// An adversarial search; one step is one mini-batch of the discriminator.
pub struct Adversarial {
    device: Device,
    config: AdversarialConfig,
    seed: u64,
    images: Box<dyn Images>,
    batches: Batches,
    players: Players,
    latents: Rng,
    noise: Rng,
    /// Mini-batches done.
    step: u64,
    losses: Losses,
    latest: GanGenotype,
}

impl Adversarial {
    /// A search at its beginning.
    ///
    /// # Errors
    /// If the configuration cannot work or does not fit the images.
    pub fn new(
        device: &Device,
        images: Box<dyn Images>,
        config: AdversarialConfig,
        seed: u64,
    ) -> Result<Adversarial, Error> {
        config.check()?;
        check_images(&config, images.as_ref())?;
        let players = Players::new(device, &config, &mut Rng::stream(seed, "weights"))?;
        let batches = Batches::new(images.len(), config.batch, seed);
        let latest = derived(&players, &config)?;
        Ok(Adversarial {
            device: device.clone(),
            seed,
            batches,
            players,
            latents: Rng::stream(seed, "latents"),
            noise: Rng::stream(seed, "gumbel"),
            step: 0,
            losses: Losses::default(),
            latest,
            images,
            config,
        })
    }

    /// Mini-batches of one pass over the data.
    fn per_pass(&self) -> u64 {
        let all = self.batches.per_epoch() as u64;
        match self.config.iterations {
            0 => all,
            most => most.min(all),
        }
    }

    /// The first pass may train nothing: then step 0 belongs to pass 1.
    fn pass(&self) -> u64 {
        u64::from(self.config.skip_first_epoch) + self.step / self.per_pass()
    }

    fn relaxation(&self) -> Relaxation {
        if !self.config.gumbel {
            return Relaxation::Softmax;
        }
        Relaxation::Gumbel { tau: self.tau(), input: self.config.gumbel_input }
    }

    fn tau(&self) -> f64 {
        let last = self.config.passes() - 1;
        temperature(self.pass().min(last), self.config.passes(), self.config.tau_max, self.config.tau_min)
    }

    fn latents(&mut self, n: usize) -> Tensor {
        Tensor::normal(&self.device, [n, self.config.latent], &mut self.latents)
    }

    /// One mini-batch: the four updates, in the order of the released program.
    fn train(&mut self) -> Result<(), Error> {
        let shape = self.images.shape();
        let batch = self.batches.next(self.images.as_ref())?;
        let (n, pixels) = (batch.n, shape.values());
        let half = n / 2;
        let images = |from: usize, count: usize, device: &Device| {
            let values = &batch.pixels[from * pixels..(from + count) * pixels];
            Tensor::from_slice(device, [count, shape.h, shape.w, shape.c], values)
        };
        let generates = self.step.is_multiple_of(self.config.n_critic);
        // A last mini-batch of a single picture has no half to train weights on.
        if half > 0 {
            let (xw, xa) = (images(0, half, &self.device), images(half, n - half, &self.device));
            let (zw, za) = (self.latents(half), self.latents(half));
            let weights = Half { x: Some(xw), z: zw };
            let architecture = Half { x: Some(xa), z: za };
            let relaxation = self.relaxation();
            let eta = self.config.amended_gradient;
            self.losses.d_arch = Some(self.players.discriminator_architecture(
                &architecture,
                &weights,
                relaxation,
                eta,
                &mut self.noise,
            ));
            self.losses.d_weight =
                Some(self.players.discriminator_weights(&weights, relaxation, &mut self.noise));
        }
        let zg = self.latents(self.config.gen_batch);
        if generates {
            let relaxation = self.relaxation();
            let eta = self.config.amended_gradient;
            let architecture = Half { x: None, z: self.latents(self.config.gen_batch) };
            let weights = Half { x: None, z: zg };
            self.losses.g_arch = Some(self.players.generator_architecture(
                &architecture,
                &weights,
                relaxation,
                eta,
                &mut self.noise,
            ));
            self.losses.g_weight =
                Some(self.players.generator_weights(&weights, relaxation, &mut self.noise));
            self.players.average();
        }
        self.device.check()
    }

    /// What is recorded after a step, by the schedule of the configuration.
    fn record(&mut self, pass: u64, report: &mut Report) -> Result<(), Error> {
        let (per_pass, config) = (self.per_pass(), &self.config);
        let ends_pass = self.step.is_multiple_of(per_pass);
        let every = (per_pass / config.derivations.max(1)).max(1);
        let within = (self.step - 1) % per_pass + 1;
        if ends_pass || (config.derivations > 0 && within.is_multiple_of(every)) {
            self.derive(pass, report)?;
        } else if self.done() {
            // Where a search is stopped is no event of the search: another one may go on from here.
            self.latest = derived(&self.players, &self.config)?;
        }
        if self.step.is_multiple_of(self.config.metrics_every) || self.done() {
            self.metrics(pass, report)?;
        }
        // Nor does it validate anything: that may change the weights.
        let validates = ends_pass && (pass.is_multiple_of(10) || pass + 1 == self.config.passes());
        let samples = self.config.samples_every;
        if validates || self.done() || (samples > 0 && self.step.is_multiple_of(samples)) {
            self.sample(validates, report)?;
        }
        if ends_pass || self.done() {
            report
                .artifacts
                .extend(pictures::architecture(&self.latest, &format!("pass {pass}")));
        }
        Ok(())
    }

    fn derive(&mut self, pass: u64, report: &mut Report) -> Result<(), Error> {
        self.latest = derived(&self.players, &self.config)?;
        report.journal.push(json!({
            "event": "derived",
            "step": self.step,
            "pass": pass,
            "genotype": self.latest.to_json(),
        }));
        Ok(())
    }

    fn metrics(&mut self, pass: u64, report: &mut Report) -> Result<(), Error> {
        let losses = self.losses.read()?;
        for (name, loss) in &losses {
            if !loss.is_finite() {
                let what = format!("loss `{name}` is {loss}; lower the learning rates or use another seed");
                return Err(Error::Diverged { step: self.step, what });
            }
        }
        let mut line = json!({ "pass": pass, "tau": self.tau() });
        for (name, loss) in losses {
            line[name] = json!(loss);
        }
        report.metrics.push(line);
        Ok(())
    }

    /// A grid of samples of the averaged generator. Where the released program looks at its average it also keeps it,
    /// logits included; `restore_after_validation` decides whether a validation does.
    fn sample(&mut self, validates: bool, report: &mut Report) -> Result<(), Error> {
        let relaxation = self.relaxation();
        let mut rng = Rng::stream(self.seed, &format!("samples {}", self.step));
        // The same latents every time, so that pictures of one run can be compared.
        let z = Tensor::normal(
            &self.device,
            [SAMPLES, self.config.latent],
            &mut Rng::stream(self.seed, "sample latents"),
        );
        let restore = !validates || self.config.restore_after_validation;
        let images = self.players.average_samples(&z, relaxation, &mut rng, restore);
        report.artifacts.push(Artifact {
            name: format!("samples/{:06}.png", self.step),
            bytes: pictures::grid(&images)?,
        });
        Ok(())
    }
}

/// The architecture that the logits stand for; waits for the device.
fn derived(players: &Players, config: &AdversarialConfig) -> Result<GanGenotype, Error> {
    let [g_normal, g_up] = players.generator_logits().tensors();
    let [d_normal, d_down] = players.discriminator_logits().tensors();
    let generator = derive_generator(&g_normal.to_vec()?, &g_up.to_vec()?);
    let discriminator: Discriminator =
        derive_discriminator(&d_normal.to_vec()?, &d_down.to_vec()?, config.derive_axis);
    Ok(GanGenotype {
        generator: Some(generator.into()),
        discriminator: Some(discriminator),
    })
}

fn check_images(config: &AdversarialConfig, images: &dyn Images) -> Result<(), Error> {
    require_side(images, config.image_size())?;
    if images.len() < 2 {
        return Err(Error::config("data", format!("{} has fewer than two pictures", images.name())));
    }
    Ok(())
}

impl Search for Adversarial {
    fn step(&mut self) -> Result<Report, Error> {
        let mut report = Report::default();
        if self.step == 0 {
            self.derive(0, &mut report)?;
        }
        let pass = self.pass();
        self.train()?;
        self.step += 1;
        self.record(pass, &mut report)?;
        Ok(report)
    }

    fn steps_done(&self) -> u64 {
        self.step
    }

    fn total_steps(&self) -> Option<u64> {
        let passes = self.config.passes() - u64::from(self.config.skip_first_epoch);
        let all = passes * self.per_pass();
        Some(match self.config.max_steps {
            0 => all,
            most => most.min(all),
        })
    }

    fn done(&self) -> bool {
        Some(self.step) >= self.total_steps()
    }

    fn front(&self) -> Vec<Candidate> {
        let mut objectives = BTreeMap::new();
        let form = Form { bottom: self.config.bottom_width, ..Form::cifar() };
        if let Some(arch) = &self.latest.generator
            && let Ok(cost) = cost::generator(arch, self.config.channels, &form)
        {
            objectives.insert("params".to_owned(), cost.params() as f64);
            objectives.insert("macs".to_owned(), cost.macs() as f64);
        }
        vec![Candidate { genotype: self.latest.to_json(), objectives }]
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        state::save(self, to)
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        state::load(self, from)
    }
}
