//! Exact sizes of convolutional layers and of the inverted bottleneck block (MBConv) that mobile networks are
//! made of.
//!
//! Convolutions have no bias and batch norms have two numbers a channel; multiply-adds are those of
//! convolutions and dense layers, without biases. `side` is that of the square image a layer writes.

use super::choice::Complexity;

/// A `kernel x kernel` convolution from `input` to `output` channels.
pub fn conv(kernel: u64, input: u64, output: u64, side: u64) -> Complexity {
    let params = kernel * kernel * input * output;
    Complexity { params, macs: params * side * side }
}

/// A batch norm over `channels`.
pub fn norm(channels: u64) -> Complexity {
    Complexity { params: 2 * channels, macs: 0 }
}

/// [`conv`], then [`norm`].
pub fn conv_norm(kernel: u64, input: u64, output: u64, side: u64) -> Complexity {
    [conv(kernel, input, output, side), norm(output)].into_iter().sum()
}

/// A dense layer with bias.
pub fn dense(input: u64, output: u64) -> Complexity {
    Complexity {
        params: input * output + output,
        macs: input * output,
    }
}

/// One inverted bottleneck: 1x1 convolution to `expansion * input` channels, absent at expansion 1;
/// depth-wise convolution; squeeze-and-excitation, if any; 1x1 convolution to `output` channels. Batch norm
/// after every convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MbConv {
    /// Side of the depth-wise kernel.
    pub kernel: u64,
    /// Hidden channels per input channel.
    pub expansion: u64,
    /// Channels read.
    pub input: u64,
    /// Channels written.
    pub output: u64,
    /// Stride of the depth-wise convolution.
    pub stride: u64,
    /// Whether there is squeeze-and-excitation, of width `input / 4`, its two layers with bias.
    pub squeeze: bool,
}

impl MbConv {
    /// Its size on images of side `side`, those that the block reads; the stride rounds up.
    pub fn complexity(&self, side: u64) -> Complexity {
        let hidden = self.input * self.expansion;
        let written = side.div_ceil(self.stride);
        let mut parts = Vec::new();
        if self.expansion != 1 {
            parts.push(conv_norm(1, self.input, hidden, side));
        }
        // Depth-wise: every channel reads only itself.
        parts.extend([conv(self.kernel, 1, hidden, written), norm(hidden)]);
        if self.squeeze {
            let width = self.input / 4;
            parts.extend([dense(hidden, width), dense(width, hidden)]);
        }
        parts.push(conv_norm(1, hidden, self.output, written));
        parts.into_iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_block_formula() {
        // The first two rows of EfficientNet-B0, by the formula of its description, written out.
        let first = MbConv {
            kernel: 3,
            expansion: 1,
            input: 32,
            output: 16,
            stride: 1,
            squeeze: true,
        };
        assert_eq!(
            first.complexity(112),
            Complexity {
                params: 32 * 9 + 64 + (32 * 8 + 8 + 8 * 32 + 32) + 32 * 16 + 32,
                macs: (32 * 9 + 32 * 16) * 112 * 112 + 2 * 32 * 8
            }
        );
        let second = MbConv {
            kernel: 3,
            expansion: 6,
            input: 16,
            output: 24,
            stride: 2,
            squeeze: false,
        };
        assert_eq!(
            second.complexity(112),
            Complexity {
                params: 16 * 96 + 192 + 96 * 9 + 192 + 96 * 24 + 48,
                macs: 16 * 96 * 112 * 112 + (96 * 9 + 96 * 24) * 56 * 56
            }
        );
    }
}
