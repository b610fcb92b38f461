//! The simple discriminator of EAGAN's released first stage: five strided convolutions and a linear layer.

use super::discriminator::{Discriminator, Trace};
use super::mix::Mix;
use crate::Tensor;
use crate::nn::{BatchNorm, Conv, Init, Linear, Mode, Module, Visitor};
use crate::ops::Conv2d;

/// Slope of the leaky ReLUs.
const SLOPE: f32 = 0.2;

/// Five 4x4 convolutions of stride 2; batch norm and leaky ReLU after the first, third and fifth only.
pub struct SimpleDiscriminator {
    convs: Vec<Conv>,
    norms: Vec<BatchNorm>,
    linear: Linear,
}

impl SimpleDiscriminator {
    /// The network whose first convolution has half of `channels` outputs, with `outputs` numbers an image.
    pub fn new(channels: usize, outputs: usize, init: &mut Init) -> SimpleDiscriminator {
        let half = channels / 2;
        let widths = [3, half, channels, channels, channels, channels];
        let conv = Conv2d::new(4).stride(2).pad(1);
        SimpleDiscriminator {
            convs: widths.windows(2).map(|w| Conv::new(conv, w[0], w[1], init)).collect(),
            norms: [half, channels, channels].map(|c| BatchNorm::new(c, init)).into(),
            linear: Linear::spectral(channels, outputs, init),
        }
    }
}

impl Discriminator for SimpleDiscriminator {
    fn trace(&mut self, x: &Tensor, mode: Mode, _mix: Option<&Mix>) -> Trace {
        let mut blocks: Vec<Tensor> = Vec::new();
        for (i, conv) in self.convs.iter_mut().enumerate() {
            let mut y = conv.forward(blocks.last().unwrap_or(x), mode, None);
            if i % 2 == 0 {
                y = self.norms[i / 2].forward(&y, mode).leaky_relu(SLOPE);
            }
            blocks.push(y);
        }
        let features = blocks[blocks.len() - 1].sum(&[1, 2]);
        Trace {
            logits: self.linear.forward(&features, mode),
            blocks,
        }
    }
}

impl Module for SimpleDiscriminator {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        for (i, conv) in self.convs.iter_mut().enumerate() {
            v.module(&format!("conv{}", i + 1), conv);
        }
        for (i, norm) in self.norms.iter_mut().enumerate() {
            v.module(&format!("bn{}", 2 * i + 1), norm);
        }
        v.module("linear", &mut self.linear);
    }
}
