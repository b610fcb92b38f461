//! Fully connected layers.

use super::{Init, Layout, Mode, Module, Role, Spectral, Visitor};
use crate::Tensor;

/// A linear layer from a vector to an image: weight `[cin, h*w*c]`, bias `[h*w*c]`.
pub struct ImageLinear {
    w: Tensor,
    b: Tensor,
    image: [usize; 3],
}

impl ImageLinear {
    /// A layer from `cin` features to an image of `h`, `w`, `c`, with default weights.
    pub fn new(cin: usize, image: [usize; 3], init: &mut Init) -> ImageLinear {
        let out = image.iter().product();
        ImageLinear {
            w: init.fan_in([cin, out], cin),
            b: init.fan_in([out], cin),
            image,
        }
    }

    /// `x` `[n, cin]` -> `[n, h, w, c]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [h, w, c] = self.image;
        let y = &x.matmul(&self.w) + &self.b;
        y.reshape([x.shape()[0], h, w, c])
    }
}

impl Module for ImageLinear {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight", Role::Weight, Layout::Features(self.image), &mut self.w);
        v.tensor("bias", Role::Weight, Layout::Features(self.image), &mut self.b);
    }
}

/// A spectrally normalised linear layer without bias: the head of a discriminator. Weight `[cin, cout]`.
pub struct Linear {
    w: Tensor,
    spectral: Spectral,
}

impl Linear {
    /// A layer from `cin` to `cout` features, with default weights.
    pub fn spectral(cin: usize, cout: usize, init: &mut Init) -> Linear {
        Linear {
            w: init.fan_in([cin, cout], cin),
            spectral: Spectral::new([1, 1], cin, cout, init),
        }
    }

    /// `x` `[n, cin]` -> `[n, cout]`.
    pub fn forward(&mut self, x: &Tensor, mode: Mode) -> Tensor {
        let [cin, cout] = [self.w.shape()[0], self.w.shape()[1]];
        let sigma = self.spectral.sigma(&self.w.reshape([1, cin, cout]), mode);
        &x.matmul(&self.w) / &sigma
    }
}

impl Module for Linear {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight_orig", Role::Weight, Layout::Linear, &mut self.w);
        self.spectral.visit(v);
    }
}
