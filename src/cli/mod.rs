//! The command line: turns what was typed into one configuration and calls the library.
pub mod data;
