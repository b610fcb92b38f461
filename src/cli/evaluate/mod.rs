//! `ganas evaluate`: how near generated pictures are to real ones, and how varied.

mod network;
mod report;
mod side;

use std::path::PathBuf;

use clap::Args;

use super::args::Global;
use super::output;
use crate::metrics::{
    FeatureSet, Frechet, Keep, Kid, KidProtocol, Neighbours, Prdc, Score, frechet_distance, inception_score,
    kid, prdc,
};
use crate::{Error, Rng};
pub(super) use network::{FeatureArgs, OpenNetwork, protocol_of};
use report::Report;
pub(super) use side::{Measured, SideArgs, SideOptions, measure};

/// Flags of `evaluate`.
#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// The generated side: a folder or source of images, a run, snapshot or weights file, a feature file (.npz, .npy,
    /// .safetensors) or statistics (.npz)
    #[arg(value_name = "A")]
    generated: Option<String>,
    /// The reference, in the same forms; not needed for the score alone
    #[arg(value_name = "B")]
    reference: Option<String>,
    /// What to compute: fid (or frechet), is (or score), kid, prdc [default: fid, or what the files given allow]
    #[arg(long, value_delimiter = ',', value_name = "LIST", value_parser = Metric::of_name)]
    metrics: Vec<Metric>,
    #[command(flatten)]
    features: FeatureArgs,
    /// Take the logits of the generated side from this file's array `logits` [n, classes]
    #[arg(long, value_name = "F")]
    logits: Option<PathBuf>,
    #[command(flatten)]
    side: SideArgs,
    /// Chunks of the score, whose spread is given
    #[arg(long, default_value_t = 10, value_name = "N")]
    splits: usize,
    /// Shuffle the images before they are cut into chunks
    #[arg(long)]
    shuffle: bool,
    /// Random subsets of the kernel distance
    #[arg(long, default_value_t = 100, value_name = "N")]
    kid_subsets: usize,
    /// Images of each side in a subset; fewer where a side has fewer
    #[arg(long, default_value_t = 1000, value_name = "N")]
    kid_subset_size: usize,
    /// The nearest neighbour that gives the radius for precision and recall
    #[arg(long, default_value_t = 3, value_name = "K")]
    precision_k: usize,
    /// The nearest neighbour that gives the radius for density and coverage
    #[arg(long, default_value_t = 5, value_name = "K")]
    density_k: usize,
}

/// What can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Frechet,
    Score,
    Kid,
    Prdc,
}

impl Metric {
    fn of_name(name: &str) -> Result<Metric, String> {
        match name {
            "fid" | "frechet" => Ok(Metric::Frechet),
            "is" | "score" => Ok(Metric::Score),
            "kid" => Ok(Metric::Kid),
            "prdc" => Ok(Metric::Prdc),
            _ => Err("valid are fid, is, kid and prdc, joined by commas".to_owned()),
        }
    }
}

/// Computes what was asked for and prints it with its protocol.
///
/// # Errors
/// If a side cannot be read or measured, or has not what a metric takes.
pub fn run(args: &EvaluateArgs, global: &Global) -> Result<(), Error> {
    let metrics = wanted(args)?;
    let has = |metric| metrics.contains(&metric);
    let both = has(Metric::Frechet) || has(Metric::Kid) || has(Metric::Prdc);
    if both && (args.generated.is_none() || args.reference.is_none()) {
        return Err(Error::config(
            "metrics",
            "a distance takes two sides: ganas evaluate GENERATED REFERENCE",
        ));
    }
    let logits = args.logits.as_deref().map(side::logits_of).transpose()?;
    if has(Metric::Score) && logits.is_none() && args.generated.is_none() {
        return Err(Error::config(
            "metrics",
            "the score takes generated images, or their logits by --logits F",
        ));
    }
    let mut network = OpenNetwork::new(&args.features, global);
    let pairs = has(Metric::Kid) || has(Metric::Prdc);
    let mut side =
        |text: &Option<String>, logits: bool, role: &'static str| -> Result<Option<Measured>, Error> {
            let Some(text) = text else {
                return Ok(None);
            };
            let keep = Keep { features: pairs, logits };
            let options = SideOptions { args: &args.side, global, role, keep };
            measure(text, &options, &mut network).map(Some)
        };
    let own_logits = has(Metric::Score) && logits.is_none();
    // Without a distance the generated side is looked at only for its logits.
    let a = if both || own_logits {
        side(&args.generated, own_logits, "generated")?
    } else {
        None
    };
    let b = if both {
        side(&args.reference, false, "reference")?
    } else {
        None
    };
    let mut report = Report::new(a.as_ref(), b.as_ref(), global.seed())?;
    if let (Some(a), Some(b)) = (&a, &b) {
        distances(args, &metrics, a, b, global.seed(), &mut report)?;
    }
    if has(Metric::Score) {
        let own = a.as_ref().and_then(|a| a.logits.as_ref());
        let logits = logits.as_ref().or(own).ok_or_else(|| {
            Error::config("metrics", "the score takes images or --logits F; this side has neither")
        })?;
        report.score(score(args, logits, global.seed())?, args, logits);
    }
    match global.json {
        true => output::print(&report.json().to_string()),
        false => output::print(&report.text()),
    }
}

/// The metrics that were asked for, or those that the sides allow.
fn wanted(args: &EvaluateArgs) -> Result<Vec<Metric>, Error> {
    match (args.metrics.as_slice(), &args.generated, &args.reference, &args.logits) {
        ([], None, _, None) => Err(Error::config(
            "evaluate",
            "nothing to evaluate: give GENERATED and REFERENCE, or --logits F",
        )),
        ([], None, _, Some(_)) => Ok(vec![Metric::Score]),
        ([], Some(_), _, _) => Ok(vec![Metric::Frechet]),
        (typed, ..) => Ok(typed.to_vec()),
    }
}

fn distances(
    args: &EvaluateArgs,
    metrics: &[Metric],
    a: &Measured,
    b: &Measured,
    seed: u64,
    report: &mut Report,
) -> Result<(), Error> {
    if metrics.contains(&Metric::Frechet) {
        let found: Frechet = frechet_distance(a.moments()?, b.moments()?)?;
        report.frechet(found, a, b);
    }
    if metrics.contains(&Metric::Kid) {
        let (x, y) = (a.features()?, b.features()?);
        let size = args.kid_subset_size.min(x.n()).min(y.n());
        let protocol = KidProtocol { subsets: args.kid_subsets, size };
        let found: Kid = kid(x, y, protocol, &mut Rng::stream(seed, "kid subsets"))?;
        report.kid(found, protocol, args.kid_subset_size);
    }
    if metrics.contains(&Metric::Prdc) {
        let neighbours = Neighbours {
            precision: args.precision_k,
            density: args.density_k,
        };
        let found: Prdc = prdc(a.features()?, b.features()?, neighbours)?;
        report.prdc(found, neighbours);
    }
    Ok(())
}

fn score(args: &EvaluateArgs, logits: &FeatureSet, seed: u64) -> Result<Score, Error> {
    let order = args.shuffle.then(|| Rng::stream(seed, "score order").permutation(logits.n()));
    inception_score(logits, args.splits, order.as_deref())
}
