//! Layers, initialisation, losses, spectral norm, optimisers. Knows no genotypes and no WGSL.

mod batch_norm;
mod conv;
mod dense;
mod grads;
mod init;
mod linear;
mod loss;
mod mmd;
mod module;
mod optimiser;
mod recurrent;
mod spectral;
mod state;
mod transposed;

pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use dense::{Dense, Embedding, Mlp};
pub use grads::GradSum;
pub use init::{Init, SpectralInit};
pub use linear::{ImageLinear, Linear};
pub use loss::{bernoulli_log_likelihood, generator_loss, hinge_loss};
pub use mmd::{discrepancy_loss, repulsive_loss};
pub use module::{
    Layout, Mode, Module, Role, Slot, Visitor, collect, count, freeze, restore, track, transfer, visit,
};
pub use optimiser::{Adam, AdamConfig, Ema, Moments};
pub use recurrent::{Gru, Lstm};
pub use spectral::Spectral;
pub use state::{export, export_tensor, file_shape, from_file, import};
pub use transposed::DepthwiseTransposed;
