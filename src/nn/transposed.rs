//! The depth-wise transposed convolution that doubles an image.

use super::{Init, Layout, Module, Role, Visitor};
use crate::Tensor;
use crate::ops::ConvTranspose;

/// 3x3, stride 2, one filter per channel, no bias: weight `[9, c]`.
pub struct DepthwiseTransposed(Tensor);

impl DepthwiseTransposed {
    /// A layer for `c` channels with default weights, whose fan-in is 9.
    pub fn new(c: usize, init: &mut Init) -> DepthwiseTransposed {
        DepthwiseTransposed(init.fan_in([9, c], 9))
    }

    /// `x` `[n,h,w,c]` -> `[n,2h,2w,c]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.conv_transpose(&self.0, ConvTranspose::double())
    }
}

impl Module for DepthwiseTransposed {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight", Role::Weight, Layout::Depthwise(3), &mut self.0);
    }
}
