//! Everything that drives a device, in one binary.

mod device;
mod validate;
