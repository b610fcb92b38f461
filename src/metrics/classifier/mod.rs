//! A classifier of our own: features where no Inception weights exist. Its distances and scores are never called FID or
//! Inception Score.

mod augment;
mod net;
mod train;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::network::{FeatureNetwork, NetworkInfo, NetworkKind, Output, in_colour, input_on};
use crate::data::ImageShape;
use crate::device::Device;
use crate::formats::{NamedArrays, sha256};
use crate::nn::{self, Init, Mode, SpectralInit};
use crate::ops::Coordinates;
use crate::{Error, Rng, Tensor};
use net::Net;
pub use train::{Progress, TrainConfig, Trained, train};

/// Pictures that go through the network at once.
const AT_ONCE: usize = 64;
/// Key of the metadata that makes a weights file a classifier.
const KEY: &str = "classifier";
/// Version of the file.
const FORMAT: u32 = 1;

/// What a stored classifier says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassifierInfo {
    /// Version of the file's form.
    pub format: u32,
    /// Version of the program that trained it.
    pub version: String,
    /// The pictures it learned from, as they were named.
    pub data: String,
    /// Names of the classes, in the order of the logits.
    pub classes: Vec<String>,
    /// Height and width of its input.
    pub side: usize,
    /// Channels at full size.
    pub width: usize,
    /// Share of the test pictures that it classified rightly.
    pub accuracy: f64,
    /// How many test pictures there were.
    pub tested: usize,
    /// Where they came from.
    pub test: String,
    /// Epochs of the training.
    pub epochs: usize,
    /// Seed of the training.
    pub seed: u64,
}

/// A trained network on a device.
pub struct Classifier {
    device: Device,
    /// A forward pass in evaluation mode changes nothing, but layers take it as if it might.
    net: Mutex<Net>,
    about: ClassifierInfo,
    info: NetworkInfo,
}

impl Classifier {
    /// Reads a file that `ganas train-classifier` wrote.
    ///
    /// # Errors
    /// If it cannot be read, is another kind of file, or lacks a tensor.
    pub fn load(device: &Device, path: &Path) -> Result<Classifier, Error> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
        Classifier::parse(device, path, &bytes)
    }

    /// The same for the content of such a file; `path` serves error texts and as its name.
    pub(super) fn parse(device: &Device, path: &Path, bytes: &[u8]) -> Result<Classifier, Error> {
        let arrays = NamedArrays::parse(path, bytes)?;
        let text = arrays.metadata.get(KEY).ok_or_else(|| {
            Error::format(path, "is no classifier; make one with `ganas train-classifier --data SRC --out F`")
        })?;
        let about: ClassifierInfo =
            serde_json::from_str(text).map_err(|e| Error::format(path, format!("metadata `{KEY}`: {e}")))?;
        let sizes = (1..=1024).contains(&about.width) && (1..=4096).contains(&about.side);
        if about.format != FORMAT || !sizes || about.classes.len() < 2 {
            return Err(Error::format(
                path,
                format!("metadata `{KEY}` is not of this version; train it again"),
            ));
        }
        let mut net = fresh(device, about.width, about.classes.len(), 0);
        nn::import(&mut net, "", &arrays).map_err(|e| match e {
            Error::Weights { name, reason } => Error::format(path, format!("tensor `{name}` {reason}")),
            other => other,
        })?;
        let info = NetworkInfo {
            name: format!("classifier of {}", about.data),
            file: path.display().to_string(),
            sha256: sha256::of_bytes(bytes),
            input: input_on(
                device,
                &format!("bilinear to {0}x{0}, half-pixel centres, then x / 127.5 - 1", about.side),
            ),
            logits: String::new(),
            kind: NetworkKind::Classifier,
        };
        Ok(Classifier {
            device: device.clone(),
            net: Mutex::new(net),
            about,
            info,
        })
    }

    /// What the file says of it.
    pub fn about(&self) -> &ClassifierInfo {
        &self.about
    }

    /// Features `[n,d]` and logits `[n,classes]` of pictures `[n,h,w,3]` in -1..1, which are resized if they have another
    /// size than it was trained with.
    pub fn outputs(&self, images: &Tensor) -> (Tensor, Tensor) {
        let [_, h, w, _] = images.shape().nhwc("classifier");
        let side = [self.about.side; 2];
        let images = match [h, w] == side {
            true => images.detach(),
            false => images.detach().resize_bilinear(side, Coordinates::HalfPixel),
        };
        // A panic in a forward pass leaves the weights as they were.
        let mut net = self.net.lock().unwrap_or_else(PoisonError::into_inner);
        net.forward(&images, Mode::Eval)
    }
}

/// A network with fresh weights.
fn fresh(device: &Device, width: usize, classes: usize, seed: u64) -> Net {
    let mut rng = Rng::stream(seed, "classifier weights");
    let mut init = Init {
        device,
        rng: &mut rng,
        spectral: SpectralInit::default(),
    };
    Net::new(width, classes, &mut init)
}

impl FeatureNetwork for Classifier {
    fn info(&self) -> &NetworkInfo {
        &self.info
    }

    fn dims(&self) -> usize {
        Net::dims(self.about.width)
    }

    fn classes(&self) -> Option<usize> {
        Some(self.about.classes.len())
    }

    fn forward(&self, pixels: &[u8], shape: ImageShape) -> Result<Output, Error> {
        let mut all = Output::default();
        for piece in pixels.chunks(AT_ONCE * shape.values()) {
            let n = piece.len() / shape.values();
            let values = in_colour(piece, shape, |v| v / 127.5 - 1.0);
            let images = Tensor::from_slice(&self.device, [n, shape.h, shape.w, 3], &values);
            let (features, logits) = self.outputs(&images);
            all.features.extend(features.to_vec()?);
            all.logits.extend(logits.to_vec()?);
        }
        Ok(all)
    }
}
