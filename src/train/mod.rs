//! One fixed generator put to use: pictures drawn from it by the published protocol. Knows no searches.

mod sampler;

pub use sampler::{BATCH, Sampler};
