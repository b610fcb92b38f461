//! `ganas` searches, trains, evaluates and exports generative adversarial networks on any Vulkan, Metal or DX12
//! GPU or on the CPU.
//!
//! Rooms, from the bottom: [`device`] (buffers, kernels), [`tensor`] (values, tape), [`ops`] (one differentiable
//! operation a file), [`nn`] (layers, optimisers), [`data`] (images), [`formats`] (files), [`fetch`] (downloads), [`metrics`]
//! (features and scores), [`space`] (architectures), [`tables`] (benchmarks of measured architectures), [`evaluation`] (how good a generator is), [`runs`] (run folders),
//! [`search`] (the algorithms), [`train`] (one architecture in full), [`bench`] (how fast kernels are), [`cli`] (the command line).

pub mod bench;
pub mod cli;
pub mod data;
pub mod device;
mod error;
pub mod evaluation;
pub mod fetch;
pub mod formats;
pub mod metrics;
pub mod nn;
pub mod ops;
mod rng;
pub mod runs;
pub mod search;
pub mod space;
pub mod tables;
pub mod tensor;
pub mod train;

pub use device::Device;
pub use error::Error;
pub use ops::{Conv2d, MatMul, Pool};
pub use rng::Rng;
pub use tensor::{Grads, Shape, Tensor};
