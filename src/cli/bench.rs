//! `ganas bench`: how fast a device is.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::Global;
use super::output::print;
use crate::Error;
use crate::bench::{self, Row, Work};

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time, rate and share of the device's best of every heavy kernel
    Kernels(KernelsArgs),
}

/// Which kernels.
#[derive(Debug, Args)]
pub struct KernelsArgs {
    /// Only kernels with this in their name or shape, as in `conv2d 3x3` or `x32x32x`
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub filter: String,
}

/// Measures, and prints what came of it.
///
/// # Errors
/// If there is no such device or kernel, or the device fails.
pub(super) fn run(what: &BenchCommand, global: &Global) -> Result<(), Error> {
    let BenchCommand::Kernels(args) = what;
    let device = global.open_device()?;
    let info = device.info();
    let name = format!("{} {}", info.id, info.name);
    let mut told = Ok(());
    let mut tell = |row: &Row| {
        if !global.json && told.is_ok() {
            told = print(&line(row));
        }
    };
    let (peak, rows) = bench::kernels(&device, &args.filter, &mut tell)?;
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
