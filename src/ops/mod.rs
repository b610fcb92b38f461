//! One differentiable operation per file: its rule once, its kernels for both devices.

mod binary;
mod gather;
mod permute;
mod reduce;
mod reshape;
mod slice;
mod softmax;
mod unary;
