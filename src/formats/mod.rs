//! Files of named arrays: bytes to arrays and back. Knows nothing of networks.
//!
//! Files come from anywhere, so no reader trusts a size in one with memory, or its nesting with the stack.

pub mod archive;
pub mod atomic;
mod floats;
pub mod limits;
pub mod npy;
pub mod npz;
pub mod numbers;
pub mod onnx;
pub mod pickle;
pub(crate) mod protobuf;
pub mod safetensors;
pub mod sha256;
pub mod tensorflow;
pub mod tfrecord;
pub mod torch;

pub use floats::Floats;
pub use numbers::{NumberArray, Values};
pub use safetensors::{Array, NamedArrays};
