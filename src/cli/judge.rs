//! The evaluator of a training or a search: its features, and real pictures to compare with.

use std::path::Path;

use super::args::Global;
use super::evaluate::{FeatureArgs, OpenNetwork, SideArgs, SideOptions, measure, protocol_of};
use super::output::note;
use crate::data::{Blank, ImageShape, Images};
use crate::evaluation::{BATCH, Evaluator};
use crate::metrics::classifier::{self, Classifier, TrainConfig};
use crate::metrics::{FeatureNetwork, Inception, InceptionOptions, Keep};
use crate::runs::Footprint;
use crate::{Device, Error, Rng};

/// The features that a run makes itself before it begins.
const OWN: &str = "own";
/// How that classifier is trained: enough for built-in pictures; real ones deserve one of their own.
const QUICK: TrainConfig = TrainConfig { epochs: 6, batch: 32, width: 8, lr: 3e-3 };

/// What is compared with what.
pub(super) struct Judge<'a> {
    /// The training pictures, as they were named.
    pub data: &'a str,
    /// The network, as it was named.
    pub features: &'a str,
    /// The real side, as it was named; empty for the training pictures.
    pub reference: &'a str,
    /// Side of the generated pictures.
    pub side: usize,
    /// How many generated pictures.
    pub images: usize,
}

impl Judge<'_> {
    /// The evaluator of a run with this device and seed, its real side measured; `images` are the opened training pictures.
    ///
    /// # Errors
    /// If a file cannot be read, or the sides cannot be compared.
    pub fn evaluator(
        &self,
        images: &dyn Images,
        device: &Device,
        seed: u64,
        global: &Global,
    ) -> Result<Evaluator, Error> {
        // Seed and device are those of the run: they are not typed again when it is resumed.
        let global = &Global {
            seed: Some(seed),
            device: Some(device.info().id),
            ..global.clone()
        };
        let args = FeatureArgs::usual(self.features);
        let mut network = match self.features {
            OWN => OpenNetwork::opened(&args, global, self.own(images, device, seed, global.quiet)?),
            _ => OpenNetwork::new(&args, global),
        };
        let reference = match self.reference.is_empty() {
            true => sized(self.data, self.side),
            false => self.reference.to_owned(),
        };
        let options = SideOptions {
            args: &SideArgs::usual(),
            global,
            role: "reference",
            keep: Keep::default(),
        };
        let measured = measure(&reference, &options, &mut network)?;
        let moments = measured.moments()?.clone();
        let network = network.take("the generator")?;
        if let Some(protocol) = &measured.protocol {
            protocol.require_same(&protocol_of(network.as_ref()))?;
        }
        Ok(Evaluator::new(network, moments, &reference, self.images, seed))
    }

    /// A small classifier of the training pictures, the same for the same seed and device.
    fn own(
        &self,
        images: &dyn Images,
        device: &Device,
        seed: u64,
        quiet: bool,
    ) -> Result<Box<dyn FeatureNetwork>, Error> {
        let trained = classifier::train(device, images, None, QUICK, seed, &mut |_| Ok(()))?;
        if !quiet {
            let right = 100.0 * trained.about.accuracy;
            note(&format!(
                "features of a small classifier of {}, trained just now: {right:.0} % of {} pictures right",
                self.data, trained.about.tested
            ));
        }
        Ok(Box::new(trained.into_network(device, OWN)?))
    }
}

/// What the network of evaluations takes, `features` as they are named: in memory of its own, beside what makes the
/// pictures of this `side`.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn footprint(features: &str, side: usize, device: &Device) -> Result<Footprint, Error> {
    let device = device.dry();
    let network: Box<dyn FeatureNetwork> = match features.split_once(':') {
        _ if features == OWN => {
            let few = Blank::new(side, 4 * QUICK.batch);
            let trained = classifier::train(&device, &few, None, QUICK, 0, &mut |_| Ok(()))?;
            Box::new(trained.into_network(&device, OWN)?)
        }
        // The weights have one size, whatever the file.
        Some(("inception", _)) => {
            Box::new(Inception::random(&device, InceptionOptions::default(), &mut Rng::seed(0)))
        }
        Some(("classifier", file)) => Box::new(Classifier::load(&device, Path::new(file))?),
        // Said with the remedy where it is opened.
        _ => return Ok(Footprint::default()),
    };
    let shape = ImageShape { h: side, w: side, c: 3 };
    network.forward(&vec![0; BATCH * shape.values()], shape)?;
    device.check()?;
    Ok(Footprint { device: device.memory().bytes, host: 0 })
}

/// The source with the size of the generator's pictures, unless it names one.
fn sized(source: &str, size: usize) -> String {
    match source.split_once('?') {
        Some((_, options)) if options.split('&').any(|o| o.starts_with("size=")) => source.to_owned(),
        Some(_) => format!("{source}&size={size}"),
        None => format!("{source}?size={size}"),
    }
}
