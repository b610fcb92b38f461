//! Everything that drives a device, in one binary, because each test binary links the whole driver stack: every
//! kernel on every device of this machine against an f64 reference.

mod accumulate;
mod binary;
mod check;
mod conv2d;
mod device;
mod fixtures;
mod reduce;
mod reference;
mod softmax;
mod unary;
mod validate;
