//! Architectures as categorical choices: genotypes, validity, canonical form, cost, drawing, derivation.
//!
//! The room knows how an architecture is made of options; it does not know how anything is searched.

pub mod build;
pub mod cell;
mod cells;
mod chain;
pub mod check;
mod choice;
pub mod cost;
pub mod darts;
pub mod derive;
pub mod draw;
mod efficientnet;
pub mod export;
pub mod gan;
mod json;
pub mod live;
mod load;
pub mod mbconv;
pub mod names;
pub mod nasbench101;
pub mod nasbench201;
mod nasbench_macro;
mod npy;
pub mod primitive;
mod proxyless;
pub mod random;
pub mod sizes;

pub use cell::{CellKind, Gene};
pub use cells::GanCells;
pub use check::{check_cell, check_generator};
pub use choice::{Arc, Choice, Complexity, Dag, Genotype, Key, Node, Sketch, Space, Step, check_ranges};
pub use cost::{Cost, Form, FormName, LayerCost};
pub use darts::{Darts, DartsGenotype};
pub use derive::{DeriveAxis, derive_discriminator, derive_generator};
pub use efficientnet::EfficientNet;
pub use gan::{Discriminator, Family, GanGenotype, GeneratorArch, GeneratorGenes, Lineage, Part};
pub use nasbench_macro::NasBenchMacro;
pub use nasbench101::NasBench101;
pub use nasbench201::{NasBench201, Nb201Dataset};
pub use primitive::{ConvKind, OpKind, Primitive};
pub use proxyless::ProxylessNas;
