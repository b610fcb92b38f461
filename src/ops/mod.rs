//! One differentiable operation per file: its rule once, its kernels for both devices.

mod adam;
mod batch_norm;
mod binary;
pub mod conv2d;
mod conv_transpose;
mod elementary;
mod ema;
mod fours;
mod gather;
mod matmul;
mod merge_taps;
mod parts;
mod permute;
mod pool;
mod reduce;
mod reshape;
mod resize;
mod slice;
mod softmax;
mod spectral_norm;
mod subgroup;
mod unary;
mod weighted_sum;

pub use adam::{AdamStep, adam_step};
pub use batch_norm::{BatchNormOut, channel_moments};
pub use conv_transpose::ConvTranspose;
pub use conv2d::{Conv2d, TapConv};
pub use ema::ema_update;
pub use gather::RowSums;
pub use matmul::MatMul;
pub use merge_taps::TapMerge;
pub use pool::Pool;
pub use resize::Coordinates;
pub use spectral_norm::power_iteration;
pub use weighted_sum::weighted_sum;
