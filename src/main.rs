//! The `ganas` program.

fn main() {}
