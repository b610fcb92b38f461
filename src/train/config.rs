//! Settings of a full training. The defaults are those of AdversarialNAS's released CIFAR-10 training.

use serde::{Deserialize, Serialize};

use super::augment::Augmentation;
use crate::Error;
use crate::nn::SpectralInit;
use crate::runs::bounds;
use crate::space::{Form, FormName, Lineage};

/// What generator and discriminator minimise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The hinge loss.
    #[default]
    Hinge,
    /// The repulsive loss of MMD-GANs on vectors of `mmd_dims` numbers.
    Mmd,
}

/// What follows when a training goes bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDivergence {
    /// The run ends with an error; the last good snapshot is kept.
    #[default]
    Stop,
    /// The run goes back to its last good state and on from there with other random numbers, three times at most.
    Restore,
    /// It is noted, and the run goes on.
    Continue,
}

/// Settings of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The architecture in its JSON form.
    pub genotype: String,
    /// Image source, as on the command line; no default.
    pub data: String,
    /// Whether a random half of the pictures is mirrored. false.
    pub flip: bool,
    /// Differentiable augmentation of real and generated pictures alike: `color`, `translation`, `cutout`, joined by
    /// commas; empty for none.
    pub augment: Augmentation,
    /// Side of the smallest image in the generator; pictures are 8 times as wide. 4.
    pub bottom_width: usize,
    /// Channels of the generator. 256.
    pub channels: usize,
    /// Channels of the discriminator. 128.
    pub disc_channels: usize,
    /// Length of the latent vector. 120.
    pub latent: usize,
    /// Parts of the latent vector, each fed to one cell: 1, 2 or 3. 3.
    pub latent_split: usize,
    /// Real pictures of a discriminator step, and as many generated ones. 40.
    pub batch: usize,
    /// Pictures of a generator step. 80.
    pub gen_batch: usize,
    /// Parts that both batches are cut into, whose gradients are added up before a step. Batch statistics, and the
    /// pairs of the repulsive loss, are then those of a part. 1.
    pub accumulate: usize,
    /// Discriminator steps for each generator step. 5.
    pub n_critic: u64,
    /// Passes of the discriminator over the data. 600.
    pub epochs: u64,
    /// Stop after this many discriminator steps, 0 for no such limit. 0.
    pub max_steps: u64,
    /// The loss. hinge.
    pub loss: Loss,
    /// Numbers that the discriminator gives an image under the repulsive loss. 16.
    pub mmd_dims: usize,
    /// Learning rate of the generator. 0.0002.
    pub gen_lr: f64,
    /// Learning rate of the discriminator. 0.0002.
    pub disc_lr: f64,
    /// Whether both fall linearly to 0 over the run. false.
    pub lr_decay: bool,
    /// First Adam coefficient. 0.
    pub beta1: f64,
    /// Second Adam coefficient. 0.9.
    pub beta2: f64,
    /// Largest Euclidean norm of a network's whole gradient, 0 for no such limit. 0.
    pub clip: f64,
    /// Decay of the moving average of the generator. 0.999.
    pub ema: f64,
    /// Whether the skip that a cell hands on includes the skips it received. true.
    pub skip_out_includes_skips: bool,
    /// Initial weights of the spectrally normalised convolutions. effective.
    pub initialisation: SpectralInit,
    /// Weights of a generator to begin with, in any form that `sample` takes; empty for random ones.
    pub init: String,
    /// Features that evaluations compare, `classifier:F` or `inception:F`; empty for no evaluations.
    pub features: String,
    /// The real side of evaluations, a source of images or `.npz` statistics; empty for the training pictures.
    pub reference: String,
    /// Steps between evaluations; there is one at the end in any case. 6250.
    pub eval_every: u64,
    /// Generated images of an evaluation. 50000.
    pub eval_images: usize,
    /// Steps between lines of the metrics. 50.
    pub metrics_every: u64,
    /// Steps between grids of samples, 0 for none. 1250.
    pub samples_every: u64,
    /// Steps between snapshots, 0 for one at the end only. 1250.
    pub snapshot_every: u64,
    /// What follows when the training goes bad. stop.
    pub on_divergence: OnDivergence,
    /// A discriminator's hinge loss whose mean over 200 steps is below this has no gradient left to give. 0.001.
    pub collapse_loss: f64,
    /// Generated pictures that differ among each other by less than this share of what real ones do have collapsed.
    /// Looked at after the first 500 steps. 0.02.
    pub collapse_diversity: f64,
}

/// Sizes and schedule for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Made-up 16x16 pictures, a minute on two cores.
    Smoke,
    /// 32x32 pictures at reduced widths, some hours on two cores.
    Laptop,
    /// The published CIFAR-10 schedule of the architecture's own program.
    PaperCifar10,
    /// The published STL-10 schedule of the architecture's own program, with gradients clipped at 50.
    PaperStl10,
}

impl Default for TrainConfig {
    fn default() -> TrainConfig {
        TrainConfig {
            genotype: String::new(),
            data: String::new(),
            flip: false,
            augment: Augmentation::default(),
            bottom_width: 4,
            channels: 256,
            disc_channels: 128,
            latent: 120,
            latent_split: 3,
            batch: 40,
            gen_batch: 80,
            accumulate: 1,
            n_critic: 5,
            epochs: 600,
            max_steps: 0,
            loss: Loss::Hinge,
            mmd_dims: 16,
            gen_lr: 2e-4,
            disc_lr: 2e-4,
            lr_decay: false,
            beta1: 0.0,
            beta2: 0.9,
            clip: 0.0,
            ema: 0.999,
            skip_out_includes_skips: true,
            initialisation: SpectralInit::Effective,
            init: String::new(),
            features: String::new(),
            reference: String::new(),
            eval_every: 6250,
            eval_images: 50_000,
            metrics_every: 50,
            samples_every: 1250,
            snapshot_every: 1250,
            on_divergence: OnDivergence::Stop,
            collapse_loss: 1e-3,
            collapse_diversity: 0.02,
        }
    }
}

impl Preset {
    /// Every preset and its name.
    pub const ALL: [(&'static str, Preset); 4] = [
        ("smoke", Preset::Smoke),
        ("laptop", Preset::Laptop),
        ("paper-cifar10", Preset::PaperCifar10),
        ("paper-stl10", Preset::PaperStl10),
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        Preset::ALL
            .into_iter()
            .find(|(_, preset)| *preset == self)
            .map_or("", |(name, _)| name)
    }

    /// The settings it stands for, for an architecture of this lineage.
    pub fn config(self, lineage: Lineage) -> TrainConfig {
        let set = if self == Preset::PaperStl10 {
            FormName::Stl
        } else {
            FormName::Cifar
        };
        let form = Form::published(set, lineage);
        let base = TrainConfig {
            bottom_width: form.bottom,
            latent: form.latent,
            latent_split: form.parts,
            ..TrainConfig::default()
        };
        match self {
            Preset::Smoke => TrainConfig {
                data: "shapes?size=16&limit=320".to_owned(),
                bottom_width: 2,
                channels: 16,
                disc_channels: 16,
                latent: 8 * form.parts,
                batch: 16,
                gen_batch: 16,
                epochs: 5,
                // A generator that takes 20 steps would hardly show in an average over 1,000.
                ema: 0.9,
                eval_every: 50,
                eval_images: 500,
                metrics_every: 5,
                samples_every: 50,
                snapshot_every: 25,
                ..base
            },
            Preset::Laptop => TrainConfig {
                channels: 32,
                disc_channels: 32,
                batch: 32,
                gen_batch: 64,
                epochs: 30,
                ema: 0.99,
                eval_every: 2500,
                eval_images: 2500,
                samples_every: 2500,
                snapshot_every: 500,
                ..base
            },
            Preset::PaperCifar10 => cifar10(lineage, base),
            Preset::PaperStl10 => stl10(lineage, base),
        }
    }
}

fn cifar10(lineage: Lineage, base: TrainConfig) -> TrainConfig {
    match lineage {
        Lineage::AdversarialNas | Lineage::Eagan => base,
        // 50,000 generator steps, evaluated every 20 epochs.
        Lineage::AutoGan => TrainConfig {
            batch: 64,
            gen_batch: 128,
            epochs: 320,
            eval_every: 20 * 782,
            ..base
        },
    }
}

fn stl10(lineage: Lineage, base: TrainConfig) -> TrainConfig {
    let per_epoch = |batch: u64| 105_000_u64.div_ceil(batch);
    let base = TrainConfig {
        batch: 128,
        gen_batch: 256,
        clip: 50.0,
        eval_every: 5 * per_epoch(128),
        ..base
    };
    match lineage {
        Lineage::AdversarialNas => TrainConfig { channels: 270, ..base },
        Lineage::Eagan => TrainConfig { gen_lr: 3e-4, ..base },
        Lineage::AutoGan => TrainConfig {
            batch: 64,
            gen_batch: 128,
            // 50,000 generator steps.
            epochs: (50_000 * base.n_critic).div_ceil(per_epoch(64)),
            eval_every: 10 * per_epoch(64),
            ..base
        },
    }
}

impl TrainConfig {
    /// Side of the pictures: three cells double the bottom width.
    pub fn image_size(&self) -> usize {
        8 * self.bottom_width
    }

    /// Numbers that the discriminator gives an image.
    pub fn outputs(&self) -> usize {
        match self.loss {
            Loss::Hinge => 1,
            Loss::Mmd => self.mmd_dims,
        }
    }

    /// Looks at every value that could not work.
    ///
    /// # Errors
    /// [`Error::Config`] with the first such key and the valid values.
    pub fn check(&self) -> Result<(), Error> {
        if self.data.is_empty() {
            return Err(bounds::no_images());
        }
        self.check_counts()?;
        self.check_parts()?;
        self.check_rates()
    }

    fn check_counts(&self) -> Result<(), Error> {
        bounds::whole(&[
            ("bottom_width", self.bottom_width as u64, 2, 64),
            ("channels", self.channels as u64, 1, 4096),
            ("disc_channels", self.disc_channels as u64, 1, 4096),
            ("latent", self.latent as u64, 1, 65_536),
            ("latent_split", self.latent_split as u64, 1, 3),
            ("batch", self.batch as u64, 1, 65_536),
            ("gen_batch", self.gen_batch as u64, 1, 65_536),
            ("accumulate", self.accumulate as u64, 1, 65_536),
            ("n_critic", self.n_critic, 1, 1_000_000),
            ("epochs", self.epochs, 1, 1_000_000_000),
            ("mmd_dims", self.mmd_dims as u64, 1, 4096),
            ("eval_every", self.eval_every, 1, u64::MAX),
            ("eval_images", self.eval_images as u64, 2, 10_000_000),
            ("metrics_every", self.metrics_every, 1, u64::MAX),
        ])
    }

    fn check_parts(&self) -> Result<(), Error> {
        // Pairs of the repulsive loss take two pictures.
        let least = if self.loss == Loss::Mmd { 2 } else { 1 };
        let parts = self.accumulate;
        for (key, batch) in [("batch", self.batch), ("gen_batch", self.gen_batch)] {
            if batch / parts < least {
                let reason = format!("{batch} pictures in {parts} parts; a part needs {least} at least");
                return Err(Error::config(key, reason));
            }
        }
        Ok(())
    }

    fn check_rates(&self) -> Result<(), Error> {
        use bounds::{BELOW_ONE, NOT_NEGATIVE, POSITIVE, below_one, not_negative, positive};
        bounds::fits(&[
            ("gen_lr", self.gen_lr, positive(self.gen_lr), POSITIVE),
            ("disc_lr", self.disc_lr, positive(self.disc_lr), POSITIVE),
            ("beta1", self.beta1, below_one(self.beta1), BELOW_ONE),
            ("beta2", self.beta2, below_one(self.beta2), BELOW_ONE),
            ("ema", self.ema, below_one(self.ema), BELOW_ONE),
            ("clip", self.clip, not_negative(self.clip), NOT_NEGATIVE),
            ("collapse_loss", self.collapse_loss, not_negative(self.collapse_loss), NOT_NEGATIVE),
            (
                "collapse_diversity",
                self.collapse_diversity,
                below_one(self.collapse_diversity),
                BELOW_ONE,
            ),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_used_and_stored_for_every_lineage() {
        for lineage in [Lineage::AdversarialNas, Lineage::Eagan, Lineage::AutoGan] {
            for (name, preset) in Preset::ALL {
                assert_eq!(preset.name(), name);
                let config = TrainConfig { data: "shapes".into(), ..preset.config(lineage) };
                config.check().unwrap();
                let text = toml::to_string(&config).unwrap();
                assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), config);
            }
            Preset::Smoke.config(lineage).check().unwrap();
        }
        let of = |lineage| Preset::PaperCifar10.config(lineage);
        assert_eq!(of(Lineage::AdversarialNas), TrainConfig::default());
        let autogan = of(Lineage::AutoGan);
        assert_eq!((autogan.latent, autogan.latent_split, autogan.epochs * 782 / 5), (128, 1, 50_048));
        let stl = Preset::PaperStl10.config(Lineage::AdversarialNas);
        assert_eq!((stl.channels, stl.latent_split, stl.image_size(), stl.clip), (270, 2, 48, 50.0));
        let stl = Preset::PaperStl10.config(Lineage::Eagan);
        assert_eq!((stl.channels, stl.latent_split, stl.gen_lr), (256, 3, 3e-4));
    }

    #[test]
    fn values_that_cannot_work_are_named_with_the_valid_ones() {
        let fails = |change: &dyn Fn(&mut TrainConfig)| {
            let mut config = Preset::Smoke.config(Lineage::AdversarialNas);
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert_eq!(fails(&|c| c.channels = 0), "`channels`: 0 cannot be used; 1 to 4096");
        assert_eq!(fails(&|c| c.ema = 1.0), "`ema`: 1 cannot be used; from 0 to below 1");
        assert!(fails(&|c| c.accumulate = 17).contains("16 pictures in 17 parts"));
        assert!(fails(&|c| (c.loss, c.accumulate) = (Loss::Mmd, 16)).contains("needs 2"));
        assert!(fails(&|c| c.clip = f64::NAN).contains("clip"));
        assert!(fails(&|c| c.data.clear()).contains("--data"));
    }
}
