//! `ganas search`: a run is begun or resumed, driven to its end, and summed up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::json;

use super::args::{AdversarialArgs, Global};
use super::run::{self, Settings, Typed, halved};
use super::{interrupt, output};
use crate::runs::Footprint;
use crate::search::adversarial::{AdversarialConfig, Preset};
use crate::search::{Outcome, Search};
use crate::space::GanGenotype;
use crate::{Device, Error};

impl Settings for AdversarialConfig {
    const COMMAND: &'static str = "search adversarial";

    fn check(&self) -> Result<(), Error> {
        AdversarialConfig::check(self)
    }

    fn max_steps(&self) -> u64 {
        self.max_steps
    }

    fn snapshot_every(&self) -> u64 {
        self.snapshot_every
    }

    fn resumed_with(self, typed: &AdversarialConfig) -> AdversarialConfig {
        AdversarialConfig { max_steps: typed.max_steps, ..self }
    }

    fn footprint(&self, device: &Device) -> Result<Option<Footprint>, Error> {
        AdversarialConfig::footprint(self, device).map(Some)
    }

    fn lighter(&self) -> Option<(AdversarialConfig, String)> {
        // Each half of a mini-batch is one of pictures.
        let ([batch, gen_batch], typed) = halved([self.batch, self.gen_batch], 2)?;
        Some((AdversarialConfig { batch, gen_batch, ..self.clone() }, typed))
    }
}

/// Runs `search adversarial`; `build` makes the search for a device, settings and seed.
///
/// # Errors
/// If a setting or a file is bad, the run folder cannot be used, or the search fails; [`Error::Interrupted`] if it
/// was stopped by the user.
pub fn adversarial<S: Search>(
    args: &AdversarialArgs,
    global: &Global,
    build: impl FnOnce(&Device, &AdversarialConfig, u64) -> Result<S, Error>,
) -> Result<(), Error> {
    let (run, outcome) = drive(args, global, build, interrupt::flag()?)?;
    show(&run, &outcome, global.json)
}

fn drive<S: Search>(
    args: &AdversarialArgs,
    global: &Global,
    build: impl FnOnce(&Device, &AdversarialConfig, u64) -> Result<S, Error>,
    flag: Arc<AtomicBool>,
) -> Result<(PathBuf, Outcome), Error> {
    let typed = Typed {
        preset: args.preset.as_deref(),
        args: &args.run,
        flags: args.flags(),
        global,
    };
    let preset = |typed: &str| Ok(run::named(&Preset::ALL, "preset", typed)?.config());
    run::drive(&typed, "adversarial", preset, build, flag)
}

/// Prints what came of a search.
///
/// # Errors
/// If standard output is closed.
pub(super) fn show(run: &Path, outcome: &Outcome, json: bool) -> Result<(), Error> {
    match json {
        true => output::print(&summary(run, outcome).to_string()),
        false => output::print(&text(run, outcome)),
    }
}

pub(super) fn summary(run: &Path, outcome: &Outcome) -> serde_json::Value {
    json!({
        "run": run.to_string_lossy(),
        "best": outcome.front.first().map(|best| &best.genotype),
        "front": outcome.front,
        "steps": outcome.steps,
        "seconds": outcome.seconds,
    })
}

fn text(run: &Path, outcome: &Outcome) -> String {
    let mut lines = run::ended(run, outcome);
    for (i, found) in outcome.front.iter().enumerate() {
        let what = if i == 0 { "best " } else { "also " };
        let named: Vec<String> = found
            .objectives
            .iter()
            .map(|(name, value)| format!("{name} {}", readable(*value)))
            .collect();
        lines.push(format!("{what} {}", named.join(", ")));
        // The others of a front are many; front.json has them whole.
        if i > 0 {
            continue;
        }
        match GanGenotype::from_json(&found.genotype) {
            Ok(gan) => lines.extend(gan.describe().lines().map(|line| format!("      {line}"))),
            // A searcher of another space has its own form.
            Err(_) => lines.push(format!("      {}", found.genotype)),
        }
    }
    lines.push(format!("look  {}", run.join("architecture.svg").display()));
    lines.push(format!("      ganas sample {} --grid samples.png", run.display()));
    lines.join("\n")
}

/// Counts in thousands and millions, other values to four digits.
fn readable(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        _ if value.fract() == 0.0 => format!("{value}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests;
