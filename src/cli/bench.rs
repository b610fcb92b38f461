//! `ganas bench`: how fast a device is.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::Global;
use super::output::print;
use crate::Error;
use crate::bench::{self, Row, StepSizes, Work};

/// Everything is tuned here: a benchmark is of the kernels that work would end up with.
const TUNING: Duration = Duration::from_secs(600);

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time, rate and share of the device's best of every heavy kernel; on a GPU the fastest ways are kept for later runs
    Kernels(KernelsArgs),
    /// The four updates of an adversarial search and the two of a training, with their memory
    Step(StepArgs),
    /// Features of pictures by the Inception network
    Inception(InceptionArgs),
}

/// Which kernels.
#[derive(Debug, Args)]
pub struct KernelsArgs {
    /// Only kernels with this in their name or shape, as in `conv2d 3x3` or `x32x32x`
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub filter: String,
}

/// Which updates of which networks.
#[derive(Debug, Args)]
pub struct StepArgs {
    /// Channels of the generator [default: 160 in the search, 256 in the training]
    #[arg(long, value_name = "N")]
    pub width: Option<usize>,
    /// Channels of the discriminator [default: 80 in the search, 128 in the training]
    #[arg(long, value_name = "N")]
    pub disc_width: Option<usize>,
    /// Pictures of a mini-batch: a search's discriminator sees half of them an update, a training's generator makes
    /// twice as many [default: 16 in the search, 40 in the training]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Only updates with this in their name or shape, as in `arch` or `g `
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub filter: String,
}

/// How many pictures.
#[derive(Debug, Args)]
pub struct InceptionArgs {
    /// Pictures of a call
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub batch: usize,
}

/// Measures, and prints what came of it.
///
/// # Errors
/// If there is no such device or kernel, a size cannot work, or the device fails.
pub(super) fn run(what: &BenchCommand, global: &Global) -> Result<(), Error> {
    let device = global.open(global.device.as_deref().unwrap_or("auto"), global.half, TUNING)?;
    let info = device.info();
    let with = if device.half() { ", halves" } else { "" };
    let name = format!("{} {}{with}", info.id, info.name);
    let (cases, filter, line): (_, _, fn(&Row) -> String) = match what {
        BenchCommand::Kernels(args) => (bench::kernels(info.kind), args.filter.as_str(), line),
        BenchCommand::Step(args) => {
            let sizes = StepSizes {
                width: args.width,
                disc_width: args.disc_width,
                batch: args.batch,
            };
            (bench::steps(sizes)?, args.filter.as_str(), long_line)
        }
        BenchCommand::Inception(args) => {
            if args.batch == 0 {
                return Err(Error::config("batch", "0 pictures cannot be measured; 1 or more"));
            }
            (bench::inception(args.batch), "", long_line)
        }
    };
    let mut told = Ok(());
    let mut tell = |row: &Row| {
        if !global.json && told.is_ok() {
            told = print(&line(row));
        }
    };
    let (peak, rows) = bench::measure(&device, cases, filter, &mut tell)?;
    told?;
    if global.json {
        let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
        return print(&json!({"device": name, "peak": peak, "rows": rows}).to_string());
    }
    print(&format!(
        "{name}: multiply-adds {:.0} GFLOP/s, copy {:.1} GB/s",
        peak.gflops, peak.gbytes_per_s
    ))
}

fn line(row: &Row) -> String {
    let (unit, best) = match row.work {
        Work::Operations(_) => ("GFLOP/s", "multiply-adds"),
        Work::Bytes(_) => ("GB/s", "copy"),
    };
    let (name, shape) = (&row.name, &row.shape);
    let (ms, rate, share) = (row.ms, row.rate(), row.share * 100.0);
    format!("{name:22} {shape:>15}  {ms:9.3} ms  {rate:8.1} {unit:7}  {share:4.0} % of {best}")
}

/// With what matters for work of many kernels.
fn long_line(row: &Row) -> String {
    let mut text = line(row);
    if let Some(rate) = row.images_per_s() {
        text += &format!("  {rate:8.2} images/s");
    }
    text += &format!("  {:6.0} MB", row.bytes as f64 * 1e-6);
    if let Some(counters) = row.counters {
        let (launches, submissions) = (counters.dispatches, counters.submissions);
        text +=
            &format!("  {launches} launches in {submissions} submissions, {} pipelines", counters.pipelines);
    }
    text + &format!("  (first call {:.2} s)", row.first_ms * 1e-3)
}
