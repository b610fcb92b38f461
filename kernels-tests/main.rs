//! Everything that drives a device, in one binary, because each test binary links the whole driver stack: every
//! kernel on every device of this machine against an f64 reference.

mod check;
mod device;
mod fixtures;
mod reference;
mod validate;

mod accumulate;
mod adam;
mod batch_norm;
mod conv_transpose;
mod ema;
mod merge_taps;
mod pool;
mod reduce;
mod resize;
mod spectral_norm;
mod unary;
mod weighted_sum;
