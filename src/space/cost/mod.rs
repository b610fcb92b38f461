//! Parameters and multiply-adds of every network of the GAN space, counted layer by layer without building it.
//!
//! Multiply-adds are the products of convolutions, linear layers and transposed convolutions for one image, padding
//! included; biases, normalisation, pooling and interpolation add none. An up-sampling 1x1 convolution is counted
//! at the enlarged size, as it is defined. Dead parts count: the published networks build them.

mod discriminator;
mod generator;

pub use discriminator::{discriminator, discriminator_supernet};
pub use generator::{generator, generator_supernet};

use super::gan::Lineage;
use super::primitive::{ConvKind, OpKind, Primitive};
use crate::Error;
use serde::Serialize;
use std::str::FromStr;

/// Sizes that a network takes from its data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    /// Side of the generator's first feature map; the image is eight times as wide.
    pub bottom: usize,
    /// Length of the latent vector.
    pub latent: usize,
    /// Equal parts of the latent vector: 3; 2 and the last cell gets none; 1 and only the first gets it.
    pub parts: usize,
}

impl Form {
    /// 32x32 images, 120 numbers in three parts.
    pub fn cifar() -> Form {
        Form { bottom: 4, latent: 120, parts: 3 }
    }

    /// 48x48 images, 120 numbers in `parts` parts: 2 in AdversarialNAS, 3 in EAGAN.
    pub fn stl(parts: usize) -> Form {
        Form { bottom: 6, latent: 120, parts }
    }

    /// The form that a published program gives its generators for a data set.
    pub fn published(name: FormName, lineage: Lineage) -> Form {
        let latent = if lineage == Lineage::AutoGan { 128 } else { 120 };
        let parts = match (name, lineage) {
            (_, Lineage::AutoGan) => 1,
            (FormName::Cifar, _) | (FormName::Stl, Lineage::Eagan) => 3,
            (FormName::Stl, Lineage::AdversarialNas) => 2,
        };
        let bottom = match name {
            FormName::Cifar => 4,
            FormName::Stl => 6,
        };
        Form { bottom, latent, parts }
    }

    /// Side of the image.
    pub fn image(&self) -> usize {
        8 * self.bottom
    }

    /// Length of one part of the latent vector.
    ///
    /// # Errors
    /// If there are not 1, 2 or 3 parts or they are not equal.
    pub fn part(&self) -> Result<usize, Error> {
        if !(1..=3).contains(&self.parts) || !self.latent.is_multiple_of(self.parts) {
            let reason = format!(
                "{} latent numbers cannot be split in {} parts, valid are 1, 2 or 3 equal ones",
                self.latent, self.parts
            );
            return Err(Error::config("latent-split", reason));
        }
        Ok(self.latent / self.parts)
    }
}

/// The data set whose form is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FormName {
    /// 32x32.
    #[default]
    Cifar,
    /// 48x48.
    Stl,
}

impl FromStr for FormName {
    type Err = Error;

    fn from_str(text: &str) -> Result<FormName, Error> {
        match text {
            "cifar" => Ok(FormName::Cifar),
            "stl" => Ok(FormName::Stl),
            _ => Err(Error::config("form", format!("`{text}` is neither `cifar` nor `stl`"))),
        }
    }
}

/// Cost of one layer or one edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerCost {
    /// The cell or block it belongs to.
    pub cell: String,
    /// The edge, or what the layer is for.
    pub edge: String,
    /// The operation.
    pub op: String,
    /// Side of its output.
    pub size: usize,
    /// Trainable numbers.
    pub params: u64,
    /// Multiply-adds for one image.
    pub macs: u64,
}

/// Cost of a network, layer by layer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// The layers in the order they run.
    pub layers: Vec<LayerCost>,
}

impl Cost {
    /// Trainable numbers of the whole network.
    pub fn params(&self) -> u64 {
        self.layers.iter().map(|layer| layer.params).sum()
    }

    /// Multiply-adds for one image.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|layer| layer.macs).sum()
    }

    fn add(&mut self, cell: &str, edge: &str, op: &str, size: usize, price: Price) {
        self.layers.push(LayerCost {
            cell: cell.into(),
            edge: edge.into(),
            op: op.into(),
            size,
            params: price.params,
            macs: price.macs,
        });
    }
}

/// Parameters and multiply-adds.
#[derive(Debug, Clone, Copy, Default)]
struct Price {
    params: u64,
    macs: u64,
}

impl std::iter::Sum for Price {
    fn sum<I: Iterator<Item = Price>>(prices: I) -> Price {
        prices.fold(Price::default(), |a, b| Price { params: a.params + b.params, macs: a.macs + b.macs })
    }
}

/// Channels into and out of a layer.
#[derive(Debug, Clone, Copy)]
struct Channels {
    into: usize,
    out: usize,
}

impl Channels {
    fn same(width: usize) -> Channels {
        Channels { into: width, out: width }
    }
}

/// A `k`x`k` convolution with bias whose output has the side `size`.
fn conv(channels: Channels, k: usize, size: usize) -> Price {
    let products = (channels.into * channels.out * k * k) as u64;
    Price {
        params: products + channels.out as u64,
        macs: products * (size * size) as u64,
    }
}

/// A linear layer.
fn linear(into: usize, out: usize, bias: bool) -> Price {
    let products = (into * out) as u64;
    Price {
        params: products + if bias { out as u64 } else { 0 },
        macs: products,
    }
}

/// Parameters without products: batch norm, logits.
fn only_params(params: usize) -> Price {
    Price { params: params as u64, macs: 0 }
}

/// One option of an edge whose output has the side `size`.
fn primitive(op: &Primitive, channels: Channels, size: usize) -> Price {
    match op.kind {
        OpKind::None | OpKind::Skip | OpKind::AvgPool | OpKind::MaxPool | OpKind::NoDown | OpKind::Named => {
            Price::default()
        }
        OpKind::Conv(ConvKind { kernel, .. }) | OpKind::DownConv(ConvKind { kernel, .. }) => {
            conv(channels, kernel, size)
        }
        OpKind::UpNearest | OpKind::UpBilinear => conv(channels, 1, size),
        OpKind::UpTransposed => {
            let depthwise = 9 * channels.into as u64;
            let pointwise = (channels.into * channels.out) as u64;
            // The transposed convolution multiplies once per input pixel and tap.
            let pixels = (size * size) as u64;
            Price {
                params: depthwise + pointwise,
                macs: depthwise * pixels / 4 + pointwise * pixels,
            }
        }
    }
}

#[cfg(test)]
mod tests;
