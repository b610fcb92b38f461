//! One differentiable operation per file: its rule once, its kernels for both devices.

pub mod conv2d;
mod tmp;
