//! Inception-v3 as FID uses it: the weights of 2015-12-05, averages that do not count the padding, a maximum in the
//! last block's pool, 1008 logits (Szegedy et al. 2016; Heusel et al. 2017).

mod blocks;
mod fold;
mod input;
mod load;
mod names;

use std::path::Path;

use super::network::{FeatureNetwork, NetworkInfo, NetworkKind, Output, in_colour, input_on};
use crate::data::ImageShape;
use crate::device::Device;
use crate::formats::NamedArrays;
use crate::nn::{Layout, from_file};
use crate::ops::Conv2d;
use crate::{Error, Rng, Shape, Tensor};
use blocks::Layers;
pub use blocks::Tap;
use fold::Read;
pub use input::InputRule;

/// Classes of the last layer.
const CLASSES: usize = 1008;
/// Bytes of the largest activation of one image: that of the padded input of the third convolution, 149x149x64.
const LARGEST_ACTIVATION: u64 = 149 * 149 * 64 * 4;
/// Images that go through the network at once on the CPU: few, so that activations stay near the caches.
const CPU_IMAGES: usize = 8;
/// The same on a GPU, if its largest binding allows.
const GPU_IMAGES: usize = 32;

/// What is taken from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InceptionOptions {
    /// Where features are taken.
    pub tap: Tap,
    /// How bytes become input.
    pub input: InputRule,
    /// Whether logits hold the bias; the Inception Score of the original program leaves it out.
    pub logits_bias: bool,
}

impl InceptionOptions {
    /// How logits are made, as reports print it.
    pub fn describe_logits(self) -> &'static str {
        match self.logits_bias {
            true => "with bias",
            false => "without bias",
        }
    }
}

impl Default for InceptionOptions {
    /// 2048 features, the original's input, logits without bias.
    fn default() -> InceptionOptions {
        InceptionOptions {
            tap: Tap::Pool2048,
            input: InputRule::TensorFlow,
            logits_bias: false,
        }
    }
}

/// The network on a device, batch normalisation folded into its convolutions.
pub struct Inception {
    device: Device,
    layers: Layers,
    /// The last layer as a 1x1 convolution `[1,2048,1008]`, whose sums do not depend on the number of images.
    fc: Tensor,
    bias: Tensor,
    options: InceptionOptions,
    info: NetworkInfo,
    at_once: usize,
}

impl Inception {
    /// Reads the weights from a file: a PyTorch checkpoint (`.pth`), a safetensors file with PyTorch's or TensorFlow's
    /// names, or the frozen TensorFlow graph (`.pb`). What it is is told by its content.
    ///
    /// # Errors
    /// If it cannot be read, is none of these, or a tensor is missing or has another shape.
    pub fn load(device: &Device, path: &Path, options: InceptionOptions) -> Result<Inception, Error> {
        let file = load::read(path)?;
        let info = NetworkInfo {
            name: match file.kind {
                NetworkKind::Published => "inception-2015-12-05".to_owned(),
                _ => "inception".to_owned(),
            },
            file: path.display().to_string(),
            sha256: file.sha256,
            input: input_on(device, options.input.describe()),
            logits: options.describe_logits().to_owned(),
            kind: file.kind,
        };
        Inception::from_arrays(device, &file.arrays, options, info).map_err(|e| match e {
            Error::Weights { name, reason } => {
                Error::format(path, format!("as Inception weights: tensor `{name}` {reason}"))
            }
            other => other,
        })
    }

    /// The network of arrays under PyTorch's names (`Conv2d_1a_3x3.conv.weight`, ...).
    ///
    /// # Errors
    /// [`Error::Weights`] if an array is missing or has another shape.
    pub fn from_arrays(
        device: &Device,
        arrays: &NamedArrays,
        options: InceptionOptions,
        info: NetworkInfo,
    ) -> Result<Inception, Error> {
        let mut read = |name: &str, shape: &[usize]| arrays.expect(name, shape).map(<[f32]>::to_vec);
        Inception::read(device, &mut read, options, info)
    }

    /// The network with random weights, for measurements and demonstrations: its numbers mean nothing.
    pub fn random(device: &Device, options: InceptionOptions, rng: &mut Rng) -> Inception {
        let mut read = |name: &str, shape: &[usize]| {
            let n: usize = shape.iter().product();
            let bound = (6.0 / (n / shape[0]) as f32).sqrt();
            Ok(match name.rsplit_once("bn.") {
                Some((_, "weight" | "running_var")) => vec![1.0; n],
                Some(_) => vec![0.0; n],
                None => (0..n).map(|_| (2.0 * rng.uniform() - 1.0) * bound).collect(),
            })
        };
        let info = NetworkInfo {
            name: "inception with random weights".to_owned(),
            file: String::new(),
            sha256: String::new(),
            input: input_on(device, options.input.describe()),
            logits: options.describe_logits().to_owned(),
            kind: NetworkKind::Inception,
        };
        Inception::read(device, &mut read, options, info)
            .expect("every array has the shape that was asked for")
    }

    fn read<'a>(
        device: &'a Device,
        read: &'a mut Read<'a>,
        options: InceptionOptions,
        info: NetworkInfo,
    ) -> Result<Inception, Error> {
        let dims = Tap::Pool2048.dims();
        let shape = Shape::from([1, dims, CLASSES]);
        let fc = from_file(&read("fc.weight", &[CLASSES, dims])?, shape, Layout::Conv([1, 1]));
        let bias = read("fc.bias", &[CLASSES])?;
        let layers = Layers::new(device, read)?;
        let at_once = match device {
            Device::Cpu(_) => CPU_IMAGES,
            Device::Gpu(_) => {
                let most = device.info().limits.get("storage_binding_bytes").copied().unwrap_or(0);
                ((most / LARGEST_ACTIVATION) as usize).clamp(1, GPU_IMAGES)
            }
        };
        Ok(Inception {
            device: device.clone(),
            layers,
            fc: Tensor::from_slice(device, shape, &fc),
            bias: Tensor::from_slice(device, [CLASSES], &bias),
            options,
            info,
            at_once,
        })
    }

    /// The multiply-adds of all convolutions for one image.
    pub fn multiply_adds(&self) -> u64 {
        self.layers.multiply_adds()
    }

    /// What the network sees of images of bytes `[n,h,w,3]`: `[n,299,299,3]`.
    pub fn input(&self, pixels: &[u8], shape: ImageShape) -> Tensor {
        let n = pixels.len() / shape.values();
        let values = in_colour(pixels, shape, |v| v);
        let bytes = Tensor::from_slice(&self.device, [n, shape.h, shape.w, 3], &values);
        self.options.input.apply(&bytes)
    }

    /// Features `[n,d]` of input `[n,299,299,3]`, and logits `[n,1008]` where the tap is the last; `see` gets the output
    /// of every named layer on the way.
    pub fn forward_seen(
        &self,
        input: &Tensor,
        see: &mut dyn FnMut(&str, &Tensor),
    ) -> (Tensor, Option<Tensor>) {
        let tap = self.options.tap;
        let features = self.layers.forward(input, tap, see).mean(&[1, 2]);
        let logits = (tap == Tap::Pool2048).then(|| self.logits(&features, self.options.logits_bias));
        (features, logits)
    }

    /// Logits `[n,1008]` of features `[n,2048]`, with or without the bias.
    ///
    /// # Panics
    /// If the features are not of that shape.
    pub fn logits(&self, features: &Tensor, bias: bool) -> Tensor {
        let [n, d] = [features.shape()[0], features.shape()[1]];
        let pixels = features.reshape([n, 1, 1, d]);
        let logits = match bias {
            true => pixels.conv2d_bias(&self.fc, &self.bias, Conv2d::new(1)),
            false => pixels.conv2d(&self.fc, Conv2d::new(1)),
        };
        logits.reshape([n, CLASSES])
    }
}

impl FeatureNetwork for Inception {
    fn info(&self) -> &NetworkInfo {
        &self.info
    }

    fn dims(&self) -> usize {
        self.options.tap.dims()
    }

    fn classes(&self) -> Option<usize> {
        (self.options.tap == Tap::Pool2048).then_some(CLASSES)
    }

    fn forward(&self, pixels: &[u8], shape: ImageShape) -> Result<Output, Error> {
        let mut all = Output::default();
        for piece in pixels.chunks(self.at_once * shape.values()) {
            let (features, logits) = self.forward_seen(&self.input(piece, shape), &mut |_, _| {});
            all.features.extend(features.to_vec()?);
            if let Some(logits) = logits {
                all.logits.extend(logits.to_vec()?);
            }
        }
        Ok(all)
    }
}
