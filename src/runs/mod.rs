//! One folder per run: configuration, journal, snapshots, lock; and the one loop that drives the work in it, with what it
//! takes of memory and which kernels are the fastest. Knows not what a search or a training is.
//!
//! A run can be killed at any moment. The journal is synced before the snapshot that covers it appears under its name,
//! and a resumed run cuts the journal back to the newest whole snapshot, so nothing is lost but the work since then.

pub mod bounds;
mod drive;
mod folder;
mod footprint;
mod lines;
mod lock;
mod snapshot;
mod tuning;

pub use drive::curves;
pub use drive::{Artifact, Candidate, Checkpoints, Console, End, Observer, Outcome, Report, Stop, Work, run};
pub use folder::{Resumed, RunFolder, newest_snapshot, read_config, read_journal};
pub use footprint::{Footprint, footprint};
pub use snapshot::Snapshot;
pub use tuning::tune;
