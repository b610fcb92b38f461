//! Architectures as categorical choices: genotypes, validity, canonical form, cost, drawing, derivation.
//!
//! The room knows how an architecture is made of options; it does not know how anything is searched.

pub mod build;
pub mod cell;
mod cells;
pub mod check;
mod choice;
pub mod cost;
pub mod derive;
pub mod draw;
pub mod export;
pub mod gan;
mod json;
pub mod live;
mod load;
pub mod names;
mod npy;
pub mod primitive;
pub mod random;
pub mod sizes;

pub use cell::{CellKind, Gene};
pub use cells::GanCells;
pub use check::{check_cell, check_generator};
pub use choice::{Arc, Choice, Dag, Genotype, Key, Node, Space, check_ranges};
pub use cost::{Cost, Form, FormName, LayerCost};
pub use derive::{DeriveAxis, derive_discriminator, derive_generator};
pub use gan::{Discriminator, Family, GanGenotype, GeneratorArch, GeneratorGenes, Lineage, Part};
pub use primitive::{ConvKind, OpKind, Primitive};
