//! The updates of an adversarial search and of a training, at the sizes of the published programs or others.

use std::cell::RefCell;

use super::{Case, Make};
use crate::Error;
use crate::search::adversarial::{self, AdversarialConfig, Update};
use crate::space::GanGenotype;
use crate::train::{self, TrainConfig};

/// Sizes of the networks and batches; where nothing is given, those of the published programs.
#[derive(Debug, Clone, Copy, Default)]
pub struct StepSizes {
    /// Channels of the generator: 160 in the search, 256 in the training.
    pub width: Option<usize>,
    /// Channels of the discriminator: 80 and 128.
    pub disc_width: Option<usize>,
    /// A mini-batch: 16 in the search, of which each update of the discriminator sees one half; 40 in the training,
    /// whose generator makes twice as many.
    pub batch: Option<usize>,
}

/// The four updates of a search and the two of a training of AdversarialNAS's architecture.
///
/// # Errors
/// If the sizes cannot work.
pub fn steps(sizes: StepSizes) -> Result<Vec<Case>, Error> {
    let mut all = search(sizes)?;
    all.extend(training(sizes)?);
    Ok(all)
}

fn search(sizes: StepSizes) -> Result<Vec<Case>, Error> {
    let published = AdversarialConfig::default();
    let batch = sizes.batch.unwrap_or(16);
    let config = AdversarialConfig {
        data: "shapes".into(),
        channels: sizes.width.unwrap_or(published.channels),
        disc_channels: sizes.disc_width.unwrap_or(published.disc_channels),
        batch,
        gen_batch: batch,
        ..published
    };
    config.check()?;
    let widths = [config.channels, config.disc_channels];
    let of = |(name, update): (&str, Update)| {
        let images = match update {
            Update::DArch | Update::DWeight => batch / 2,
            Update::GArch | Update::GWeight => batch,
        };
        let config = config.clone();
        let make: Make = Box::new(move |device, rng| {
            let updates = adversarial::Updates::new(device, &config, rng).expect("the sizes were checked");
            let updates = RefCell::new(updates);
            Box::new(move || drop(updates.borrow_mut().make(update)))
        });
        case(name, images, widths, make)
    };
    Ok(Update::ALL.map(of).into())
}

fn training(sizes: StepSizes) -> Result<Vec<Case>, Error> {
    let published = TrainConfig::default();
    let batch = sizes.batch.unwrap_or(published.batch);
    let config = TrainConfig {
        data: "shapes".into(),
        channels: sizes.width.unwrap_or(published.channels),
        disc_channels: sizes.disc_width.unwrap_or(published.disc_channels),
        batch,
        gen_batch: 2 * batch,
        ..published
    };
    config.check()?;
    let genotype = GanGenotype::load("adversarialnas+autogan-d")?;
    let widths = [config.channels, config.disc_channels];
    let with = |step: fn(&mut train::Updates)| -> Make {
        let (config, genotype) = (config.clone(), genotype.clone());
        Box::new(move |device, rng| {
            let updates =
                train::Updates::new(device, &config, &genotype, rng).expect("the sizes were checked");
            let updates = RefCell::new(updates);
            Box::new(move || step(&mut updates.borrow_mut()))
        })
    };
    Ok(vec![
        case("d", batch, widths, with(|updates| drop(updates.discriminator()))),
        case("g", 2 * batch, widths, with(|updates| drop(updates.generator()))),
    ])
}

fn case(name: &str, images: usize, [width, disc_width]: [usize; 2], make: Make) -> Case {
    Case {
        name: name.into(),
        shape: format!("{width}/{disc_width}x{images}"),
        work: None,
        images,
        make,
    }
}
