//! Networks from architectures: supernets and derived networks come from the same code, since an edge is either
//! fixed or mixed and everything around it is the same.

mod autogan;
mod autogan_cell;
mod cells;
mod discriminator;
mod edge;
mod generator;
mod images;
mod layer;
mod load;
mod mix;
mod simple;
#[cfg(test)]
mod tests;

pub use autogan::AutoGanDiscriminator;
pub use discriminator::{AdversarialDiscriminator, Discriminator, Trace, discriminator};
pub use edge::{Edge, Mixed, Mixing, SinglePath};
pub use generator::{Generator, GeneratorSize, GeneratorTrace};
pub use layer::{Candidate, Layer, Signal, built_in};
pub use load::{GENOTYPE, Networks, SKIPS, describe};
pub use mix::{GumbelInput, Logits, Mix, Noise, Relaxation, mixing_weights};
pub use simple::SimpleDiscriminator;
