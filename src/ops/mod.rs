//! One differentiable operation per file: its rule once, its kernels for both devices.

mod binary;
mod reduce;
mod softmax;
mod unary;
