//! One differentiable operation per file: its rule once, its kernels for both devices.

mod conv_transpose;
mod fold;
mod pool;
mod reduce;
mod resize;
mod unary;

pub use conv_transpose::ConvTranspose;
pub use pool::Pool;
pub use resize::Coordinates;
