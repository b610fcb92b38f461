//! One folder per run: configuration, journal, snapshots, lock. Knows not what a search is.
