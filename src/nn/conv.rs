//! A convolution layer, with or without bias and spectral norm.

use super::{Init, Layout, Mode, Module, Role, Spectral, SpectralInit, Visitor};
use crate::Tensor;
use crate::ops::{Conv2d, TapConv};

/// Weight `[taps, cin, cout]`, perhaps a bias `[cout]`, perhaps spectral norm.
pub struct Conv {
    w: Tensor,
    b: Option<Tensor>,
    taps: TapConv,
    kernel: [usize; 2],
    spectral: Option<Spectral>,
}

impl Conv {
    /// A convolution with bias: Xavier weights, default biases.
    pub fn new(conv: Conv2d, cin: usize, cout: usize, init: &mut Init) -> Conv {
        let area = conv.taps();
        Conv {
            w: init.xavier([area, cin, cout], area * cin, area * cout),
            b: Some(init.fan_in([cout], area * cin)),
            taps: conv.into(),
            kernel: conv.kernel,
            spectral: None,
        }
    }

    /// The same without bias.
    pub fn without_bias(conv: Conv2d, cin: usize, cout: usize, init: &mut Init) -> Conv {
        let area = conv.taps();
        Conv {
            w: init.xavier([area, cin, cout], area * cin, area * cout),
            b: None,
            taps: conv.into(),
            kernel: conv.kernel,
            spectral: None,
        }
    }

    /// A spectrally normalised convolution with bias.
    pub fn spectral(conv: Conv2d, cin: usize, cout: usize, init: &mut Init) -> Conv {
        let area = conv.taps();
        let w = match init.spectral {
            SpectralInit::Effective => init.fan_in([area, cin, cout], area * cin),
            SpectralInit::Xavier => init.xavier([area, cin, cout], area * cin, area * cout),
        };
        Conv {
            w,
            b: Some(init.fan_in([cout], area * cin)),
            taps: conv.into(),
            kernel: conv.kernel,
            spectral: Some(Spectral::new(conv.kernel, cin, cout, init)),
        }
    }

    /// `x` `[n,h,w,cin]` -> `[n,h',w',cout]`, times `scale` `[1]` if given.
    pub fn forward(&mut self, x: &Tensor, mode: Mode, scale: Option<&Tensor>) -> Tensor {
        let (w, b) = self.scaled(mode, scale);
        match b {
            None => x.conv2d(&w, self.taps.clone()),
            Some(b) => x.conv2d_bias(&w, &b, self.taps.clone()),
        }
    }

    /// `relu` of the same, in one pass where there is a bias.
    pub fn forward_relu(&mut self, x: &Tensor, mode: Mode) -> Tensor {
        let (w, b) = self.scaled(mode, None);
        match b {
            None => x.conv2d(&w, self.taps.clone()).relu(),
            Some(b) => x.conv2d_bias_relu(&w, &b, self.taps.clone()),
        }
    }

    /// Weight and bias as they are used.
    fn scaled(&mut self, mode: Mode, scale: Option<&Tensor>) -> (Tensor, Option<Tensor>) {
        let sigma = self.sigma(mode);
        // Scaling the weight is cheaper than scaling the image, and nothing of the image has to be kept for it.
        let w = match (scale, &sigma) {
            (Some(scale), Some(sigma)) => &self.w * &(scale / sigma),
            (Some(scale), None) => &self.w * scale,
            (None, Some(sigma)) => &self.w / sigma,
            (None, None) => self.w.clone(),
        };
        let b = self.b.as_ref().map(|b| scale.map_or_else(|| b.clone(), |scale| b * scale));
        (w, b)
    }

    /// The factor that spectral norm divides the weight by, if it has one.
    pub fn sigma(&mut self, mode: Mode) -> Option<Tensor> {
        let spectral = self.spectral.as_mut()?;
        Some(spectral.sigma(&self.w, mode))
    }

    /// The un-normalised weight.
    pub fn weight(&self) -> &Tensor {
        &self.w
    }

    /// The bias.
    pub fn bias(&self) -> Option<&Tensor> {
        self.b.as_ref()
    }

    /// Which pixels it reads.
    pub fn taps(&self) -> &TapConv {
        &self.taps
    }
}

impl Module for Conv {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        let name = if self.spectral.is_some() {
            "weight_orig"
        } else {
            "weight"
        };
        v.tensor(name, Role::Weight, Layout::Conv(self.kernel), &mut self.w);
        if let Some(b) = &mut self.b {
            v.tensor("bias", Role::Weight, Layout::Plain, b);
        }
        if let Some(spectral) = &mut self.spectral {
            spectral.visit(v);
        }
    }
}
