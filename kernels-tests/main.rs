//! Everything that drives a device, in one binary, because each test binary links the whole driver stack: every
//! kernel on every device of this machine against an f64 reference.

mod accumulate;
mod adam;
mod adversarial;
mod batch_norm;
mod binary;
mod check;
mod cli;
mod conv2d;
mod conv_transpose;
mod device;
mod ema;
mod fixtures;
mod fixtures_conv;
mod fixtures_ops_a;
mod fixtures_ops_b;
mod fixtures_search;
mod gather;
mod layering;
mod matmul;
mod merge_taps;
mod networks;
mod permute;
mod pool;
mod reduce;
mod reference;
mod resize;
mod resume;
mod sample;
mod slice;
mod softmax;
mod spectral_norm;
mod training;
mod unary;
mod validate;
mod weighted_sum;
