//! One folder per run: configuration, journal, snapshots, lock. Knows not what a search is.
//!
//! A run can be killed at any moment. The journal is synced before the snapshot that covers it appears under its name,
//! and a resumed run cuts the journal back to the newest whole snapshot, so nothing is lost but the work since then.

mod folder;
mod lines;
mod lock;
mod snapshot;

pub use folder::{Resumed, RunFolder, newest_snapshot, read_config};
pub use snapshot::Snapshot;
