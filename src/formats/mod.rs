//! Files of named arrays: bytes to arrays and back. Knows nothing of networks.

pub mod atomic;
pub mod safetensors;

pub use safetensors::{Array, NamedArrays};
