//! The training of one architecture: discriminator steps, every few of them one of the generator.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::config::{OnDivergence, TrainConfig};
use super::health::{Health, Measured};
use super::players::Players;
use super::state::{self, Best};
use crate::data::{Ahead, Batches, ImageShape, Images, grid, require_side};
use crate::evaluation::Evaluator;
use crate::runs::{Artifact, Candidate, Report, Snapshot, Work};
use crate::space::build::Relaxation;
use crate::space::{Form, GanGenotype, cost, draw};
use crate::{Device, Error, Rng, Tensor};

/// Pictures in a grid of samples, and in a row of it.
const SAMPLES: (usize, usize) = (64, 8);
/// Returns to one good state before the run is given up.
const MOST_RESTORES: u64 = 3;

/// What a step measured, still on the device.
pub(super) struct Pending {
    pub step: u64,
    pub d: Tensor,
    pub g: Option<[Tensor; 2]>,
}

/// A training that advances by discriminator steps.
pub struct Trainer {
    pub(super) config: TrainConfig,
    pub(super) genotype: GanGenotype,
    pub(super) seed: u64,
    pub(super) device: Device,
    pub(super) ahead: Ahead,
    pub(super) players: Players,
    pub(super) latents: Rng,
    pub(super) views: Rng,
    pub(super) step: u64,
    pub(super) health: Health,
    pub(super) pending: Vec<Pending>,
    pub(super) best: Option<Best>,
    /// Returns to a good state in all, and to the present one.
    pub(super) restores: (u64, u64),
    /// The last good state, kept where the run may return to it.
    pub(super) good: Option<Snapshot>,
    evaluator: Option<Evaluator>,
    real_diversity: f32,
    /// Seconds spent waiting for pictures since the last line of metrics, and when that was.
    waited: f64,
    since: Instant,
}

impl Trainer {
    /// A training from the beginning; without an `evaluator` there are no evaluations.
    ///
    /// # Errors
    /// If a setting cannot be used, or the pictures have another size than the generator's.
    pub fn new(
        device: &Device,
        images: Box<dyn Images>,
        evaluator: Option<Evaluator>,
        config: TrainConfig,
        seed: u64,
    ) -> Result<Trainer, Error> {
        config.check()?;
        check_images(&config, images.as_ref())?;
        let genotype = GanGenotype::load(&config.genotype)?;
        // Counted only to see that it can halve pictures of this size.
        cost::discriminator(genotype.require_discriminator()?, config.disc_channels, config.image_size())?;
        let players = Players::new(device, &config, &genotype, &mut Rng::stream(seed, "weights"))?;
        let real_diversity = diversity(images.as_ref())?;
        let batches = Batches::new(images.len(), config.batch, seed).mirrored(config.flip);
        Ok(Trainer {
            genotype,
            seed,
            device: device.clone(),
            ahead: Ahead::new(Arc::from(images), batches),
            players,
            latents: Rng::stream(seed, "latents"),
            views: Rng::stream(seed, "augmentation"),
            step: 0,
            health: Health::default(),
            pending: Vec::new(),
            best: None,
            restores: (0, 0),
            good: None,
            evaluator,
            real_diversity,
            waited: 0.0,
            since: Instant::now(),
            config,
        })
    }

    /// The networks' settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Takes the weights of `from`, a generator of this architecture and size, to begin with.
    ///
    /// # Errors
    /// If a tensor does not fit.
    pub fn begin_with(&mut self, from: &mut crate::space::build::Generator) -> Result<(), Error> {
        let mut arrays = crate::formats::NamedArrays::new();
        crate::nn::export(from, "", &mut arrays)?;
        crate::nn::import(&mut self.players.g, "", &arrays)?;
        self.players.ema.copy_from(&mut self.players.g);
        Ok(())
    }

    /// The generator with its averaged weights.
    pub fn into_generator(mut self) -> crate::space::build::Generator {
        self.players.ema.swap(&mut self.players.g);
        self.players.g
    }

    fn last_step(&self) -> u64 {
        let all = self.config.epochs * self.ahead.walked().per_epoch() as u64;
        match self.config.max_steps {
            0 => all,
            most => most.min(all),
        }
    }

    fn train(&mut self) -> Result<(), Error> {
        let (batch, waited) = self.ahead.batch()?;
        self.waited += waited;
        if self.config.lr_decay {
            let left = 1.0 - self.step as f64 / self.last_step() as f64;
            self.players.g_adam.set_lr(self.config.gen_lr * left);
            self.players.d_adam.set_lr(self.config.disc_lr * left);
        }
        let ImageShape { h, w, c } = batch.shape;
        let per = batch.shape.values();
        let mut parts = Vec::new();
        let mut start = 0;
        for n in split(batch.n, self.config.accumulate) {
            let pixels = &batch.pixels[start * per..(start + n) * per];
            let x = Tensor::from_slice(&self.device, [n, h, w, c], pixels);
            parts.push((x, latent(&mut self.latents, &self.device, n, self.config.latent)));
            start += n;
        }
        let augment = self.config.augment;
        let views = &mut self.views;
        let mut view = |x: &Tensor| augment.apply(x, views);
        let d = self.players.discriminator_step(&parts, &mut view);
        let g = if self.step.is_multiple_of(self.config.n_critic) {
            let real = &parts[0].0;
            let parts: Vec<Tensor> = split(self.config.gen_batch, self.config.accumulate)
                .into_iter()
                .map(|n| latent(&mut self.latents, &self.device, n, self.config.latent))
                .collect();
            let views = &mut self.views;
            let mut view = |x: &Tensor| augment.apply(x, views);
            let made = self.players.generator_step(&parts, real, &mut view);
            Some([made.loss, made.variance])
        } else {
            None
        };
        self.step += 1;
        self.pending.push(Pending { step: self.step, d, g });
        Ok(())
    }

    /// Reads what the steps since the last call measured: writes a line of metrics, and notices trouble.
    fn look(&mut self, report: &mut Report) -> Result<(), Error> {
        let seen = read(&self.pending)?;
        self.pending.clear();
        let elapsed = self.since.elapsed().as_secs_f64().max(1e-9);
        let mut line = Map::new();
        let d = mean(seen.iter().map(|s| s.d));
        line.insert("d".to_owned(), json!(d));
        let of_g: Vec<(f32, f32)> = seen.iter().filter_map(|s| s.g).collect();
        if let Some((_, diversity)) = of_g.last() {
            line.insert("g".to_owned(), json!(mean(of_g.iter().map(|g| g.0))));
            line.insert("diversity".to_owned(), json!(diversity));
        }
        line.insert("images_per_second".to_owned(), json!((seen.len() * self.config.batch) as f64 / elapsed));
        line.insert("device_idle_share".to_owned(), json!(self.waited / elapsed));
        report.message = d.map(|d| format!("d {d:.3}"));
        report.metrics.push(Value::Object(line));
        (self.waited, self.since) = (0.0, Instant::now());
        for measured in seen {
            if let Some(trouble) = self.health.look(measured, self.real_diversity, &self.config) {
                return self.trouble(measured.step, trouble, report);
            }
        }
        Ok(())
    }

    fn trouble(&mut self, step: u64, what: String, report: &mut Report) -> Result<(), Error> {
        let mut line = json!({"event": "diverged", "step": step, "what": what});
        let gives_up = self.restores.1 >= MOST_RESTORES;
        match self.config.on_divergence {
            OnDivergence::Continue => {
                report.notes.push(format!("warning: step {step}: {what}"));
            }
            OnDivergence::Restore if !gives_up => {
                let good = self.good.take();
                let good = good.ok_or_else(|| Error::weights("good", "no good state was kept"))?;
                report
                    .notes
                    .push(format!("warning: step {step}: {what}; back to step {}", good.step()));
                line["restored"] = json!(good.step());
                let (all, here) = self.restores;
                let best = self.best.take();
                state::load(self, &good)?;
                self.restores = (all + 1, here + 1);
                self.best = best;
                self.good = Some(good);
                self.latents = Rng::stream(self.seed, &format!("latents after restore {}", all + 1));
                self.views = Rng::stream(self.seed, &format!("augmentation after restore {}", all + 1));
            }
            OnDivergence::Stop | OnDivergence::Restore => {
                let again = if gives_up {
                    ", again and again from the same state"
                } else {
                    ""
                };
                let what = format!(
                    "{what}{again}; the last good snapshot is kept, --resume with --on-divergence restore or continue \
                     goes on from it"
                );
                report.failure = Some(Error::Diverged { step, what });
            }
        }
        report.journal.push(line);
        Ok(())
    }

    /// A grid of pictures of the averaged generator, of the same latents every time.
    fn sample(&mut self, report: &mut Report) -> Result<(), Error> {
        let z = latent(
            &mut Rng::stream(self.seed, "sample latents"),
            &self.device,
            SAMPLES.0,
            self.config.latent,
        );
        let Players { g, ema, .. } = &mut self.players;
        ema.swap(g);
        let images = g.images(&z, Relaxation::Softmax, &mut Rng::seed(0)).to_vec();
        ema.swap(g);
        let side = self.config.image_size();
        let shape = ImageShape { h: side, w: side, c: 3 };
        report.artifacts.push(Artifact {
            name: format!("samples/{:08}.png", self.step),
            bytes: grid::encode_grid(&images?, shape, SAMPLES.1)?,
        });
        Ok(())
    }

    /// Compares live and averaged weights with real pictures; keeps the averaged ones if they are the best so far.
    fn evaluate(&mut self, report: &mut Report) -> Result<(), Error> {
        let Some(evaluator) = &self.evaluator else {
            return Ok(());
        };
        let Players { g, ema, .. } = &mut self.players;
        let live = evaluator.evaluate(g, &self.device);
        ema.swap(g);
        let averaged = evaluator.evaluate(g, &self.device);
        ema.swap(g);
        let (live, averaged) = match (live, averaged) {
            (Ok(live), Ok(averaged)) => (live, averaged),
            // A run that was told to go on whatever happens has nothing to evaluate here, and goes on.
            (Err(Error::Weights { reason, .. }), _) | (_, Err(Error::Weights { reason, .. }))
                if self.config.on_divergence == OnDivergence::Continue =>
            {
                report.notes.push(format!("step {}: not evaluated, {reason}", self.step));
                return Ok(());
            }
            (Err(e), _) | (_, Err(e)) => return Err(e),
        };
        let mut line = evaluator.keys(&live, "live");
        line.extend(evaluator.keys(&averaged, "ema"));
        report.metrics.push(Value::Object(line.clone()));
        let name = evaluator.distance_name();
        report.message =
            Some(format!("{name} {:.2} (average), {:.2} (live)", averaged.distance, live.distance));
        line.insert("event".to_owned(), json!("evaluated"));
        line.insert("step".to_owned(), json!(self.step));
        line.insert("protocol".to_owned(), evaluator.protocol());
        report.journal.push(Value::Object(line));
        if self.best.as_ref().is_none_or(|best| averaged.distance < best.distance) {
            let best = Best {
                step: self.step,
                metric: format!("{name}_ema"),
                distance: averaged.distance,
            };
            report.artifacts.push(state::weights_file(self, &best)?);
            self.best = Some(best);
        }
        Ok(())
    }

    /// Keeps the state to return to, if the run may and nothing is wrong with it.
    fn remember(&mut self) -> Result<(), Error> {
        if self.config.on_divergence != OnDivergence::Restore || !self.health.well() {
            return Ok(());
        }
        let mut good = Snapshot::new(self.step);
        state::save(self, &mut good)?;
        self.good = Some(good);
        self.restores.1 = 0;
        Ok(())
    }
}

fn latent(rng: &mut Rng, device: &Device, n: usize, width: usize) -> Tensor {
    Tensor::from_slice(device, [n, width], &rng.normals(n * width))
}

/// `n` pictures in `parts` parts that differ by one at most; no part is empty.
fn split(n: usize, parts: usize) -> Vec<usize> {
    let parts = parts.min(n);
    (0..parts).map(|i| n * (i + 1) / parts - n * i / parts).collect()
}

fn mean(values: impl Iterator<Item = f32>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0);
    for value in values {
        sum += f64::from(value);
        n += 1;
    }
    (n > 0).then(|| sum / f64::from(n))
}

/// All numbers of `pending` in one readback: the discriminator's loss, and of a generator step loss and variance.
pub(super) fn values(pending: &[Pending]) -> Result<Vec<f32>, Error> {
    let all: Vec<&Tensor> = pending
        .iter()
        .flat_map(|p| std::iter::once(&p.d).chain(p.g.iter().flatten()))
        .collect();
    match all.is_empty() {
        true => Ok(Vec::new()),
        false => Tensor::concat(&all, 0).to_vec(),
    }
}

fn read(pending: &[Pending]) -> Result<Vec<Measured>, Error> {
    let mut values = values(pending)?.into_iter();
    let mut next = || values.next().expect("one value a tensor");
    let measured = |p: &Pending| Measured {
        step: p.step,
        d: next(),
        // Rounding may leave a variance of nothing below zero.
        g: p.g.as_ref().map(|_| (next(), next().max(0.0).sqrt())),
    };
    Ok(pending.iter().map(measured).collect())
}

/// The root of the mean variance among the first real pictures.
fn diversity(images: &dyn Images) -> Result<f32, Error> {
    let n = images.len().min(256);
    let per = images.shape().values();
    let mut pixels = vec![0.0; n * per];
    for (i, out) in pixels.chunks_exact_mut(per).enumerate() {
        images.read(i * images.len() / n, out)?;
    }
    let mut variance = 0.0;
    for p in 0..per {
        let of_pixel = || pixels[p..].iter().step_by(per).map(|v| f64::from(*v));
        let mean = of_pixel().sum::<f64>() / n as f64;
        variance += of_pixel().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
    }
    Ok((variance / per as f64).sqrt() as f32)
}

fn check_images(config: &TrainConfig, images: &dyn Images) -> Result<(), Error> {
    require_side(images, config.image_size())?;
    if images.len() < config.batch {
        let reason = format!("{} has {} pictures, fewer than a batch", images.name(), images.len());
        return Err(Error::config("data", reason));
    }
    Ok(())
}

impl Work for Trainer {
    fn step(&mut self) -> Result<Report, Error> {
        let mut report = Report::default();
        // Not a second time where a restored run begins again.
        if self.step == 0 && self.restores.0 == 0 {
            report
                .journal
                .push(json!({"event": "begun", "genotype": self.genotype.to_json()}));
            for (name, text) in [
                ("architecture.svg", draw::svg(&self.genotype, "trained architecture")),
                ("architecture.dot", draw::dot(&self.genotype, "trained architecture")),
            ] {
                report
                    .artifacts
                    .push(Artifact { name: name.to_owned(), bytes: text.into_bytes() });
            }
            self.remember()?;
        }
        self.train()?;
        let step = self.step;
        let last = self.done();
        let due = |every: u64| last || (every > 0 && step.is_multiple_of(every));
        let config = &self.config;
        let evaluates = due(config.eval_every);
        let samples = due(config.samples_every);
        let remembers = due(config.snapshot_every);
        if due(config.metrics_every) || evaluates || remembers {
            self.look(&mut report)?;
        }
        // A run that went back is at another step now.
        if report.failure.is_some() || self.step != step {
            return Ok(report);
        }
        let aside = Instant::now();
        if samples {
            self.sample(&mut report)?;
        }
        if evaluates {
            self.evaluate(&mut report)?;
        }
        if remembers {
            self.remember()?;
        }
        // Throughput is that of training; what was done beside it does not count.
        self.since += aside.elapsed();
        Ok(report)
    }

    fn steps_done(&self) -> u64 {
        self.step
    }

    fn total_steps(&self) -> Option<u64> {
        Some(self.last_step())
    }

    fn done(&self) -> bool {
        self.step >= self.last_step()
    }

    fn front(&self) -> Vec<Candidate> {
        let mut objectives = BTreeMap::new();
        let form = Form {
            bottom: self.config.bottom_width,
            latent: self.config.latent,
            parts: self.config.latent_split,
        };
        if let Some(arch) = &self.genotype.generator
            && let Ok(cost) = cost::generator(arch, self.config.channels, &form)
        {
            objectives.insert("params".to_owned(), cost.params() as f64);
            objectives.insert("macs".to_owned(), cost.macs() as f64);
        }
        if let Some(best) = &self.best {
            objectives.insert(best.metric.clone(), best.distance);
        }
        vec![Candidate { genotype: self.genotype.to_json(), objectives }]
    }

    fn save(&mut self, to: &mut Snapshot) -> Result<(), Error> {
        state::save(self, to)?;
        match &self.good {
            Some(good) if good.step() != self.step => to.embed(state::GOOD, good),
            _ => Ok(()),
        }
    }

    fn load(&mut self, from: &Snapshot) -> Result<(), Error> {
        state::load(self, from)?;
        if self.config.on_divergence == OnDivergence::Restore {
            let good = from.embedded(state::GOOD)?;
            self.good = Some(good.unwrap_or_else(|| from.clone()));
        }
        Ok(())
    }
}
