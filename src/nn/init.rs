//! Initial weights, by the rules of the reference programs.

use serde::{Deserialize, Serialize};

use crate::{Device, Rng, Shape, Tensor};

/// Which rule a spectrally normalised convolution starts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpectralInit {
    /// Uniform in +-1/sqrt(fan_in): what the released programs do in effect, because their Xavier values are written
    /// to a stale copy of the weight.
    #[default]
    Effective,
    /// Xavier uniform: what they intend.
    Xavier,
}

/// Draws initial tensors on a device from one generator.
pub struct Init<'a> {
    /// Where the tensors go.
    pub device: &'a Device,
    /// The source of randomness; the order of calls is part of the seed's meaning.
    pub rng: &'a mut Rng,
    /// The rule for spectrally normalised convolutions.
    pub spectral: SpectralInit,
}

impl Init<'_> {
    /// Uniform in +-sqrt(6 / (fan_in + fan_out)).
    pub fn xavier(&mut self, shape: impl Into<Shape>, fan_in: usize, fan_out: usize) -> Tensor {
        let bound = (6.0 / (fan_in + fan_out) as f64).sqrt();
        Tensor::uniform(self.device, shape, bound as f32, self.rng)
    }

    /// Uniform in +-1/sqrt(fan_in): the frameworks' default.
    pub fn fan_in(&mut self, shape: impl Into<Shape>, fan_in: usize) -> Tensor {
        let bound = 1.0 / (fan_in as f64).sqrt();
        Tensor::uniform(self.device, shape, bound as f32, self.rng)
    }

    /// A normal vector of length 1.
    pub fn unit(&mut self, n: usize) -> Tensor {
        let values = self.rng.normals(n);
        let length = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt().max(1e-12);
        let values: Vec<f32> = values.iter().map(|v| (f64::from(*v) / length) as f32).collect();
        Tensor::from_slice(self.device, [n], &values)
    }

    /// Normal with this mean and standard deviation.
    pub fn normal(&mut self, shape: impl Into<Shape>, mean: f32, std: f32) -> Tensor {
        let shape = shape.into();
        let values: Vec<f32> = (0..shape.elements()).map(|_| mean + std * self.rng.normal()).collect();
        Tensor::from_slice(self.device, shape, &values)
    }
}
