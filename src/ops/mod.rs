//! One differentiable operation per file: its rule once, its kernels for both devices.

mod binary;
mod gather;
mod matmul;
mod permute;
mod reduce;
mod reshape;
mod slice;
mod softmax;
mod unary;

pub use matmul::MatMul;
