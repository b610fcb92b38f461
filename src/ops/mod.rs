//! One differentiable operation per file: its rule once, its kernels for both devices.

mod reduce;
mod unary;
