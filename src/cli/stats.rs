//! `ganas stats`: mean and covariance of features, kept for later comparisons.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::Global;
use super::evaluate::{FeatureArgs, OpenNetwork, SideArgs, SideOptions, measure};
use super::output;
use crate::Error;
use crate::formats::npz;
use crate::metrics::{Keep, NumberArray, Statistics};

/// Flags of `stats`.
#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    /// A folder or source of images, a run, snapshot or weights file, or a feature file
    #[arg(value_name = "SRC")]
    source: String,
    /// Write the arrays `mu` and `sigma` to this file
    #[arg(long, value_name = "F.npz")]
    out: PathBuf,
    /// Write the features of every image, the array `features` [n, d], to this file
    #[arg(long, value_name = "F.npz")]
    save_features: Option<PathBuf>,
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    side: SideArgs,
}

/// Measures the source and writes what was asked for.
///
/// # Errors
/// If the source cannot be read or measured, or a file cannot be written.
pub fn run(args: &StatsArgs, global: &Global) -> Result<(), Error> {
    if args.out.extension().is_none_or(|e| e != "npz") {
        return Err(Error::config("out", format!("`{}` must end in .npz", args.out.display())));
    }
    let mut network = OpenNetwork::new(&args.features, global);
    let keep = Keep {
        features: args.save_features.is_some(),
        logits: false,
    };
    let options = SideOptions { args: &args.side, global, role: "source", keep };
    let side = measure(&args.source, &options, &mut network)?;
    let stored = Statistics {
        moments: side.moments()?.clone(),
        protocol: side.protocol.clone(),
    };
    stored.save(&args.out)?;
    if let Some(path) = &args.save_features {
        let features = side.features()?;
        let array = NumberArray::new(&[features.n(), features.d()], features.values().clone());
        npz::write(path, &[("features", &array)], false)?;
    }
    let (n, d) = (side.n, stored.moments.d());
    match global.json {
        true => output::print(
            &json!({
                "out": args.out, "features": args.save_features, "images": n, "dims": d, "protocol": side.protocol,
            })
            .to_string(),
        ),
        false => {
            let count = n.map_or("an unknown number of".to_owned(), |n| n.to_string());
            output::print(&format!("{}: {d} features of {count} images", args.out.display()))
        }
    }
}
