//! Numbers that say how good and how varied generated pictures are: feature networks, and what is computed from their
//! features in `f64` on the host. Knows no architectures and no searches.
//!
//! A [`FeatureNetwork`] turns pictures into features; [`extract`] does so for a whole sequence and streams their
//! [`Moments`]. From these come the [`frechet_distance`], from whole [`FeatureSet`]s the kernel distance [`kid()`] and
//! [`prdc()`], from logits the [`inception_score()`].

mod cache;
pub mod classifier;
mod features;
mod frechet;
pub mod inception;
mod inception_score;
mod kid;
mod linalg;
mod moments;
mod network;
mod prdc;
mod statistics;
mod tiles;

pub use crate::formats::{NumberArray, Values};
pub use cache::{Cache, CacheKey};
pub use features::FeatureSet;
pub use frechet::{Frechet, frechet_distance, too_few};
pub use inception::{Inception, InceptionOptions};
pub use inception_score::{Score, inception_score};
pub use kid::{Kid, KidProtocol, kid, kid_of_subsets, squared_mmd};
pub use linalg::{Route, TraceSqrt, trace_sqrt_by_cholesky, trace_sqrt_by_eigenvalues, trace_sqrt_product};
pub use moments::{MomentSums, Moments};
pub use network::{Extracted, FeatureNetwork, Keep, NetworkInfo, NetworkKind, Output, extract};
pub use prdc::{Neighbours, Prdc, prdc};
pub use statistics::{FeatureProtocol, Statistics};
