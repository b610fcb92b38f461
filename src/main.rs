//! The `ganas` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ganas::cli::run(std::env::args_os())
}
