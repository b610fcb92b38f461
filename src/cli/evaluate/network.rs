//! The feature network that flags name, opened when the first picture needs it.

use std::path::Path;

use clap::Args;

use super::super::args::Global;
use super::super::output::note;
use crate::Error;
use crate::metrics::classifier::Classifier;
use crate::metrics::inception::{InputRule, Tap};
use crate::metrics::{FeatureNetwork, FeatureProtocol, Inception, InceptionOptions, NetworkKind};

/// Flags that choose features.
#[derive(Debug, Clone, Args)]
pub struct FeatureArgs {
    /// The network that describes images: inception:F (pt_inception-2015-12-05-6726825d.pth, .safetensors or
    /// classify_image_graph_def.pb) or classifier:F (made by `ganas train-classifier`)
    #[arg(long, value_name = "NETWORK:F")]
    features: Option<String>,
    /// Features of Inception: 64, 192, 768 or 2048
    #[arg(long, default_value_t = 2048, value_name = "D")]
    dims: usize,
    /// How Inception's input is resized: tensorflow (the original, src = dst in/out) or pytorch (its port, half-pixel)
    #[arg(long, default_value = "tensorflow", value_name = "tensorflow|pytorch", value_parser = ["tensorflow", "pytorch"], hide_possible_values = true)]
    input: String,
    /// Add the bias to Inception's logits; the original score leaves it out
    #[arg(long)]
    logits_bias: bool,
}

impl FeatureArgs {
    /// The network of `text` in its usual form.
    pub(in crate::cli) fn usual(text: &str) -> FeatureArgs {
        FeatureArgs {
            features: Some(text.to_owned()),
            dims: 2048,
            input: "tensorflow".to_owned(),
            logits_bias: false,
        }
    }
}

/// A network that is opened once, when it is first needed.
pub(in crate::cli) struct OpenNetwork<'a> {
    args: &'a FeatureArgs,
    global: &'a Global,
    network: Option<Box<dyn FeatureNetwork>>,
}

impl<'a> OpenNetwork<'a> {
    /// Nothing is opened yet.
    pub fn new(args: &'a FeatureArgs, global: &'a Global) -> OpenNetwork<'a> {
        OpenNetwork { args, global, network: None }
    }

    /// One that is open already.
    pub fn opened(
        args: &'a FeatureArgs,
        global: &'a Global,
        network: Box<dyn FeatureNetwork>,
    ) -> OpenNetwork<'a> {
        OpenNetwork { args, global, network: Some(network) }
    }

    /// The network; `for_what` needs it.
    ///
    /// # Errors
    /// If none was named, or it cannot be opened.
    pub fn get(&mut self, for_what: &str) -> Result<&dyn FeatureNetwork, Error> {
        if self.network.is_none() {
            self.network = Some(self.open(for_what)?);
        }
        Ok(self.network.as_deref().expect("it was just opened"))
    }

    /// The network for good; `for_what` needs it.
    ///
    /// # Errors
    /// If none was named, or it cannot be opened.
    pub fn take(mut self, for_what: &str) -> Result<Box<dyn FeatureNetwork>, Error> {
        match self.network.take() {
            Some(network) => Ok(network),
            None => self.open(for_what),
        }
    }

    fn open(&self, for_what: &str) -> Result<Box<dyn FeatureNetwork>, Error> {
        let wanted = "inception:FILE with the weights of 2015-12-05, or classifier:FILE made by `ganas train-classifier`";
        let Some(text) = self.args.features.as_deref() else {
            let reason =
                format!("`{for_what}` holds images, which need a feature network: give --features {wanted}");
            return Err(Error::config("features", reason));
        };
        let device = self.global.open_device()?;
        match text.split_once(':') {
            Some(("inception", file)) => {
                let options = InceptionOptions {
                    tap: Tap::of_dims(self.args.dims)?,
                    input: InputRule::of_name(&self.args.input)?,
                    logits_bias: self.args.logits_bias,
                };
                let network = Inception::load(&device, Path::new(file), options)?;
                if network.info().kind != NetworkKind::Published && !self.global.quiet {
                    note(&format!(
                        "note: {file} is not the published file of the weights of 2015-12-05 (its hash differs), so \
                         its distances are not called FID"
                    ));
                }
                Ok(Box::new(network))
            }
            Some(("classifier", file)) => Ok(Box::new(Classifier::load(&device, Path::new(file))?)),
            _ => Err(Error::config("features", format!("`{text}`; valid are {wanted}"))),
        }
    }
}

/// What describes the features of a network.
pub(in crate::cli) fn protocol_of(network: &dyn FeatureNetwork) -> FeatureProtocol {
    FeatureProtocol {
        network: network.info().clone(),
        dims: network.dims(),
    }
}
