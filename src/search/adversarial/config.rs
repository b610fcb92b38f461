//! Settings of the adversarial search. The defaults are those of the released CIFAR-10 search.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::nn::SpectralInit;
use crate::runs::bounds;
use crate::space::build::{GumbelInput, Mixing};
use crate::space::derive::DeriveAxis;

/// Settings of an adversarial search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdversarialConfig {
    /// Image source, as on the command line; no default.
    pub data: String,
    /// Side of the smallest image in the generator, even; pictures are 8 times as wide. 4.
    pub bottom_width: usize,
    /// Channels of the generator. 160.
    pub channels: usize,
    /// Channels of the discriminator. 80.
    pub disc_channels: usize,
    /// Length of the latent vector. 120.
    pub latent: usize,
    /// Parts of the latent vector, each fed to one cell: 2 or 3. 3.
    pub latent_split: usize,
    /// Images a mini-batch; one half trains weights, the other architectures. 120.
    pub batch: usize,
    /// Images of a generator step. 120.
    pub gen_batch: usize,
    /// Discriminator steps for each generator step. 5.
    pub n_critic: u64,
    /// Epochs of the generator: the discriminator passes over the data `epochs * n_critic` times. 5.
    pub epochs: u64,
    /// Most mini-batches a pass, 0 for all of the data. 0.
    pub iterations: u64,
    /// Stop after this many discriminator steps, 0 for no such limit. 0.
    pub max_steps: u64,
    /// Whether pass 0 trains nothing, as in the released program. true.
    pub skip_first_epoch: bool,
    /// Learning rate of the weights of the generator. 0.0002.
    pub gen_lr: f64,
    /// Learning rate of the weights of the discriminator. 0.0002.
    pub disc_lr: f64,
    /// First Adam coefficient of the weights. 0.
    pub beta1: f64,
    /// Second Adam coefficient of the weights. 0.9.
    pub beta2: f64,
    /// Learning rate of the architecture logits. 0.0003.
    pub arch_lr: f64,
    /// First Adam coefficient of the logits. 0.5.
    pub arch_beta1: f64,
    /// Second Adam coefficient of the logits. 0.999.
    pub arch_beta2: f64,
    /// Weight decay of the logits, added to their gradient. 0.0001.
    pub arch_weight_decay: f64,
    /// Whether the weights of candidates are drawn with Gumbel noise instead of being the plain softmax. true.
    pub gumbel: bool,
    /// What the Gumbel noise is added to. probabilities.
    pub gumbel_input: GumbelInput,
    /// Temperature at the beginning. 5.
    pub tau_max: f64,
    /// Temperature at the end, and its lower bound. 0.1.
    pub tau_min: f64,
    /// Decay of the moving average of the generator. 0.999.
    pub ema: f64,
    /// Coefficient of the second-order correction of the architecture gradients, 0 for none. 0.
    pub amended_gradient: f64,
    /// Axis of the softmax when the discriminator is derived. ops.
    pub derive_axis: DeriveAxis,
    /// Whether the generator gets its own weights back after its moving average was looked at. true.
    pub restore_after_validation: bool,
    /// Whether the skip that a cell hands on includes the skips it received. true.
    pub skip_out_includes_skips: bool,
    /// Initial weights of the spectrally normalised convolutions. effective.
    pub initialisation: SpectralInit,
    /// How a mixed edge is computed. merged.
    pub mixed: Mixing,
    /// Derived architectures journalled in each pass. 16.
    pub derivations: u64,
    /// Steps between lines of the metrics. 10.
    pub metrics_every: u64,
    /// Steps between grids of samples, 0 for none. 500.
    pub samples_every: u64,
    /// Steps between snapshots, 0 for one at the end only. 250.
    pub snapshot_every: u64,
}

/// Sizes for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Made-up 16x16 pictures, a few minutes on two cores.
    Smoke,
    /// 32x32 pictures at reduced widths, about half an hour on two cores.
    Laptop,
    /// The released search.
    Paper,
}

impl Default for AdversarialConfig {
    fn default() -> AdversarialConfig {
        AdversarialConfig {
            data: String::new(),
            bottom_width: 4,
            channels: 160,
            disc_channels: 80,
            latent: 120,
            latent_split: 3,
            batch: 120,
            gen_batch: 120,
            n_critic: 5,
            epochs: 5,
            iterations: 0,
            max_steps: 0,
            skip_first_epoch: true,
            gen_lr: 2e-4,
            disc_lr: 2e-4,
            beta1: 0.0,
            beta2: 0.9,
            arch_lr: 3e-4,
            arch_beta1: 0.5,
            arch_beta2: 0.999,
            arch_weight_decay: 1e-4,
            gumbel: true,
            gumbel_input: GumbelInput::Probabilities,
            tau_max: 5.0,
            tau_min: 0.1,
            ema: 0.999,
            amended_gradient: 0.0,
            derive_axis: DeriveAxis::Ops,
            restore_after_validation: true,
            skip_out_includes_skips: true,
            initialisation: SpectralInit::Effective,
            mixed: Mixing::Merged,
            derivations: 16,
            metrics_every: 10,
            samples_every: 500,
            snapshot_every: 250,
        }
    }
}

impl Preset {
    /// Every preset and its name.
    pub const ALL: [(&'static str, Preset); 3] =
        [("smoke", Preset::Smoke), ("laptop", Preset::Laptop), ("paper", Preset::Paper)];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Smoke => "smoke",
            Preset::Laptop => "laptop",
            Preset::Paper => "paper",
        }
    }

    /// The settings it stands for.
    pub fn config(self) -> AdversarialConfig {
        let released = AdversarialConfig::default();
        match self {
            Preset::Smoke => AdversarialConfig {
                data: "shapes?size=16&limit=320".to_owned(),
                bottom_width: 2,
                channels: 16,
                disc_channels: 16,
                latent: 24,
                batch: 16,
                gen_batch: 16,
                epochs: 1,
                // A generator that takes 16 steps would hardly show in an average over 1,000.
                ema: 0.9,
                derivations: 4,
                metrics_every: 5,
                samples_every: 40,
                snapshot_every: 20,
                ..released
            },
            Preset::Laptop => AdversarialConfig {
                channels: 32,
                disc_channels: 32,
                batch: 24,
                gen_batch: 24,
                epochs: 4,
                iterations: 54,
                ema: 0.95,
                samples_every: 100,
                snapshot_every: 100,
                ..released
            },
            Preset::Paper => released,
        }
    }
}

impl AdversarialConfig {
    /// Side of the pictures: three cells double the bottom width.
    pub fn image_size(&self) -> usize {
        8 * self.bottom_width
    }

    /// Passes of the discriminator over the data.
    pub fn passes(&self) -> u64 {
        self.epochs * self.n_critic
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
        self.check_rates()
    }

    fn check_counts(&self) -> Result<(), Error> {
        bounds::whole(&[
            ("bottom_width", self.bottom_width as u64, 2, 64),
            ("channels", self.channels as u64, 1, 4096),
            ("disc_channels", self.disc_channels as u64, 1, 4096),
            ("latent", self.latent as u64, 2, 65_536),
            ("latent_split", self.latent_split as u64, 2, 3),
            ("batch", self.batch as u64, 2, 65_536),
            ("gen_batch", self.gen_batch as u64, 1, 65_536),
            ("n_critic", self.n_critic, 1, 1_000_000),
            ("epochs", self.epochs, 1, 1_000_000),
            ("metrics_every", self.metrics_every, 1, u64::MAX),
        ])?;
        if !self.bottom_width.is_multiple_of(2) {
            let reason = format!(
                "{} cannot be used; an even number, because the discriminator halves the pictures four times",
                self.bottom_width
            );
            return Err(Error::config("bottom_width", reason));
        }
        if !self.latent.is_multiple_of(self.latent_split) {
            let reason = format!("{} does not split into {} equal parts", self.latent, self.latent_split);
            return Err(Error::config("latent", reason));
        }
        if self.skip_first_epoch && self.passes() < 2 {
            let reason = "with one pass over the data nothing is trained; set it to false or raise `epochs`";
            return Err(Error::config("skip_first_epoch", reason));
        }
        Ok(())
    }

    fn check_rates(&self) -> Result<(), Error> {
        use bounds::{BELOW_ONE, NOT_NEGATIVE, POSITIVE, below_one, not_negative, positive};
        bounds::fits(&[
            ("gen_lr", self.gen_lr, positive(self.gen_lr), POSITIVE),
            ("disc_lr", self.disc_lr, positive(self.disc_lr), POSITIVE),
            ("arch_lr", self.arch_lr, positive(self.arch_lr), POSITIVE),
            ("beta1", self.beta1, below_one(self.beta1), BELOW_ONE),
            ("beta2", self.beta2, below_one(self.beta2), BELOW_ONE),
            ("arch_beta1", self.arch_beta1, below_one(self.arch_beta1), BELOW_ONE),
            ("arch_beta2", self.arch_beta2, below_one(self.arch_beta2), BELOW_ONE),
            (
                "arch_weight_decay",
                self.arch_weight_decay,
                not_negative(self.arch_weight_decay),
                NOT_NEGATIVE,
            ),
            (
                "amended_gradient",
                self.amended_gradient,
                not_negative(self.amended_gradient),
                NOT_NEGATIVE,
            ),
            ("ema", self.ema, below_one(self.ema), BELOW_ONE),
            ("tau_min", self.tau_min, positive(self.tau_min), POSITIVE),
            (
                "tau_max",
                self.tau_max,
                self.tau_max.is_finite() && self.tau_max >= self.tau_min,
                "at least `tau_min`",
            ),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_released_search_and_every_preset_can_be_used() {
        assert_eq!(Preset::Paper.config(), AdversarialConfig::default());
        assert_eq!(
            (AdversarialConfig::default().passes(), AdversarialConfig::default().image_size()),
            (25, 32)
        );
        for (name, preset) in Preset::ALL {
            assert_eq!(preset.name(), name);
            let config = AdversarialConfig { data: "shapes".into(), ..preset.config() };
            config.check().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<AdversarialConfig>(&text).unwrap(), config);
        }
        Preset::Smoke.config().check().unwrap();
        assert!(Preset::Paper.config().check().unwrap_err().to_string().contains("--data"));
    }

    #[test]
    fn values_that_cannot_work_are_named_with_the_valid_ones() {
        let fails = |change: &dyn Fn(&mut AdversarialConfig)| {
            let mut config = Preset::Smoke.config();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert_eq!(fails(&|c| c.batch = 1), "`batch`: 1 cannot be used; 2 to 65536");
        assert_eq!(fails(&|c| c.ema = 1.0), "`ema`: 1 cannot be used; from 0 to below 1");
        assert!(fails(&|c| c.bottom_width = 1).contains("2 to 64"));
        assert!(fails(&|c| c.bottom_width = 3).contains("even"));
        assert!(fails(&|c| c.latent = 25).contains("3 equal parts"));
        assert!(fails(&|c| c.tau_max = f64::NAN).contains("tau_max"));
        assert!(fails(&|c| (c.epochs, c.n_critic) = (1, 1)).contains("skip_first_epoch"));
    }
}
