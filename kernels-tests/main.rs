//! Everything that drives a device, in one binary, because each test binary links the whole driver stack: every
//! kernel on every device of this machine against an f64 reference.

mod check;
mod device;
mod fixtures;
mod reference;
mod validate;

mod accumulate;
mod binary;
mod fixtures_ops_a;
mod gather;
mod matmul;
mod permute;
mod reduce;
mod slice;
mod softmax;
mod unary;
