//! The command line: turns what was typed into one configuration and calls the library.

pub mod arch;
pub mod args;
pub mod bench;
pub mod convert;
pub mod data;
mod devices;
pub mod evaluate;
pub mod evolutionary;
pub mod fetch;
mod interrupt;
mod judge;
mod layers;
mod memory;
mod model;
mod output;
pub mod queries;
mod run;
pub mod sample;
pub mod search;
pub mod stats;
pub mod train;
pub mod train_classifier;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::Error;
use crate::data::OpenOptions;
use crate::search::adversarial::Adversarial;
use args::{Cli, Command, DataCommand, SearchCommand};

/// Does what `typed` asks for: 0 done, 1 failed, 2 wrong usage, 130 interrupted with a resumable run or download left behind.
pub fn run(typed: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(typed) {
        Ok(cli) => cli,
        Err(usage) => return explain(&usage),
    };
    match command(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            output::note(&format!("error: {e}"));
            exit_code(&e)
        }
    }
}

fn command(cli: &Cli) -> Result<(), Error> {
    let global = &cli.global;
    match &cli.command {
        Command::Devices => devices::run(global.json),
        Command::Data(DataCommand::Info(args)) => data::info(args, global.json, global.seed()),
        Command::Data(DataCommand::Fetch(args)) => fetch::run(args, global),
        Command::Search(SearchCommand::Adversarial(args)) => {
            search::adversarial(args, global, |device, config, seed| {
                let wanted = OpenOptions {
                    seed,
                    size: Some(config.image_size()),
                    ..OpenOptions::default()
                };
                let images = crate::data::open(&config.data, &wanted)?;
                Adversarial::new(device, images, config.clone(), seed)
            })
        }
        Command::Search(SearchCommand::Evolutionary(args)) => {
            evolutionary::run(args, evolutionary::Method::Evolutionary, global)
        }
        Command::Search(SearchCommand::Random(args)) => match args.queries()? {
            Some(args) => queries::run(&args, queries::Method::Random, global),
            None => evolutionary::run(&args.evolution, evolutionary::Method::Random, global),
        },
        Command::Search(SearchCommand::Generative(args)) => {
            queries::run(args, queries::Method::Generative, global)
        }
        Command::Search(SearchCommand::Aging(args)) => queries::run(args, queries::Method::Aging, global),
        Command::Search(SearchCommand::Local(args)) => queries::run(args, queries::Method::Local, global),
        Command::Search(SearchCommand::Cem(args)) => queries::run(args, queries::Method::Cem, global),
        Command::Search(SearchCommand::Reinforce(args)) => {
            queries::run(args, queries::Method::Reinforce, global)
        }
        Command::Convert(args) => convert::run(args, global),
        Command::Sample(args) => sample::run(args, global),
        Command::Evaluate(args) => evaluate::run(args, global),
        Command::Stats(args) => stats::run(args, global),
        Command::Train(args) => train::run(args, global),
        Command::TrainClassifier(args) => train_classifier::run(args, global),
        Command::Arch(what) => arch::run(what, global.json, global.seed()),
        Command::Bench(what) => bench::run(what, global),
    }
}

/// Shows help, version or what is wrong with the usage.
fn explain(usage: &clap::Error) -> ExitCode {
    match usage.print() {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            output::note(&format!("error: cannot write the help: {e}"));
            ExitCode::FAILURE
        }
        _ if usage.use_stderr() => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    }
}

fn exit_code(error: &Error) -> ExitCode {
    match error {
        Error::Interrupted { .. } | Error::Stopped { .. } => ExitCode::from(130),
        _ => ExitCode::FAILURE,
    }
}
