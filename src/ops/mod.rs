//! One differentiable operation per file: its rule once, its kernels for both devices.

mod adam;
mod batch_norm;
mod conv_transpose;
mod ema;
mod pool;
mod reduce;
mod resize;
mod unary;
mod weighted_sum;

pub use adam::{AdamStep, adam_step};
pub use batch_norm::{BatchNormOut, channel_moments};
pub use conv_transpose::ConvTranspose;
pub use ema::ema_update;
pub use pool::Pool;
pub use resize::Coordinates;
pub use weighted_sum::weighted_sum;
