//! One differentiable operation per file: its rule once, its kernels for both devices.

mod binary;
pub mod conv2d;
mod reduce;
mod softmax;
mod unary;
