//! `ganas search`: a run is begun or resumed, driven to its end, and summed up.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::args::{AdversarialArgs, Global};
use super::layers::{self, Layers};
use super::{interrupt, output};
use crate::runs::{self, RunFolder};
use crate::search::adversarial::{AdversarialConfig, Preset};
use crate::search::{self, Checkpoints, Console, End, Observer, Outcome, Search, Stop};
use crate::space::GanGenotype;
use crate::{Device, Error};

/// What a run folder stores in `config.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRun {
    /// `search adversarial`.
    pub command: String,
    /// Version of the program that began the run.
    pub version: String,
    /// The preset that the settings started from.
    pub preset: Preset,
    /// Seed of every random draw.
    pub seed: u64,
    /// The device that computes.
    pub device: StoredDevice,
    /// All settings.
    pub search: AdversarialConfig,
}

/// The device of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDevice {
    /// `cpu` or `gpu:N`.
    pub id: String,
    /// Name of the processor or adapter.
    pub name: String,
}

const ADVERSARIAL: &str = "search adversarial";

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
    match global.json {
        true => output::print(&summary(&run, &outcome).to_string()),
        false => output::print(&text(&run, &outcome)),
    }
}

fn drive<S: Search>(
    args: &AdversarialArgs,
    global: &Global,
    build: impl FnOnce(&Device, &AdversarialConfig, u64) -> Result<S, Error>,
    flag: Arc<AtomicBool>,
) -> Result<(PathBuf, Outcome), Error> {
    let (mut search, folder, config) = match &args.resume {
        Some(run) => resume(run, args, global, build)?,
        None => begin(args, global, build)?,
    };
    let run = folder.path().to_path_buf();
    let mut checkpoints = Checkpoints::every(config.snapshot_every, folder);
    let mut console = Console::new();
    let mut observers: Vec<&mut dyn Observer> = vec![&mut checkpoints];
    if !global.quiet {
        observers.push(&mut console);
    }
    let stop = match config.max_steps {
        0 => Stop::when_done(),
        n => Stop::steps(n),
    };
    let mut outcome = search::run(&mut search, stop.or_on(flag), &mut observers)?;
    // A search counts its limit of steps as its end, but it could go on.
    if outcome.end == End::Done && outcome.steps == config.max_steps {
        outcome.end = End::Steps;
    }
    match outcome.end {
        End::Interrupted => Err(Error::Interrupted { run }),
        End::Done | End::Steps => Ok((run, outcome)),
    }
}

/// A search, its folder and its settings.
type Begun<S> = (S, RunFolder, AdversarialConfig);

fn begin<S: Search>(
    args: &AdversarialArgs,
    global: &Global,
    build: impl FnOnce(&Device, &AdversarialConfig, u64) -> Result<S, Error>,
) -> Result<Begun<S>, Error> {
    let preset = preset(args).unwrap_or(Preset::Smoke);
    let mut layers = Layers::over(preset.config())?;
    put_all(&mut layers, args)?;
    let config = layers.value().clone();
    config.check()?;
    let device = global.open_device()?;
    // Built before the folder is made: a bad image source leaves no folder behind.
    let search = build(&device, &config, global.seed())?;
    let path = match &args.run {
        Some(path) => path.clone(),
        None => claim(Path::new("runs"), &format!("adversarial-{}-seed{}", preset.name(), global.seed()))?,
    };
    let stored = StoredRun {
        command: ADVERSARIAL.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        preset,
        seed: global.seed(),
        device: stored_device(&device),
        search: config.clone(),
    };
    Ok((search, RunFolder::create(path, &stored)?, config))
}

fn resume<S: Search>(
    run: &Path,
    args: &AdversarialArgs,
    global: &Global,
    build: impl FnOnce(&Device, &AdversarialConfig, u64) -> Result<S, Error>,
) -> Result<Begun<S>, Error> {
    let mut stored: StoredRun = runs::read_config(run)?;
    let before = stored.clone();
    stored.search.max_steps = settings_of_resumed(&stored, args, global)?;
    let device = device_of_resumed(run, &stored, global)?;
    let resumed = RunFolder::resume(run)?;
    for note in &resumed.notes {
        output::note(&format!("warning: {note}"));
    }
    let mut search = build(&device, &stored.search, stored.seed)?;
    if let Some(snapshot) = &resumed.snapshot {
        search.load(snapshot)?;
    }
    if stored != before {
        resumed.folder.replace_config(&stored)?;
    }
    Ok((search, resumed.folder, stored.search))
}

/// Checks that what was typed agrees with what the run has stored; gives the limit of steps, which alone may change.
fn settings_of_resumed(stored: &StoredRun, args: &AdversarialArgs, global: &Global) -> Result<u64, Error> {
    let refuse = |key: &str, typed: &dyn std::fmt::Display, was: &dyn std::fmt::Display| {
        let reason =
            format!("{typed} contradicts the run, which has {was}; leave it out, or begin a new run");
        Err(Error::config(key, reason))
    };
    if stored.command != ADVERSARIAL {
        return refuse("resume", &format!("`{ADVERSARIAL}`"), &format!("`{}`", stored.command));
    }
    if let Some(preset) = preset(args).filter(|p| *p != stored.preset) {
        return refuse("preset", &preset.name(), &stored.preset.name());
    }
    if let Some(seed) = global.seed.filter(|s| *s != stored.seed) {
        return refuse("seed", &seed, &stored.seed);
    }
    let mut typed = Layers::over(stored.search.clone())?;
    put_all(&mut typed, args)?;
    let max_steps = typed.value().max_steps;
    let same_end = AdversarialConfig { max_steps, ..stored.search.clone() };
    if let Some((key, typed, was)) = typed.differing(&Layers::over(same_end)?) {
        return refuse(key, typed, was);
    }
    Ok(max_steps)
}

/// Opens the device of the run; another one would not end with the same journal.
fn device_of_resumed(run: &Path, stored: &StoredRun, global: &Global) -> Result<Device, Error> {
    let was = &stored.device;
    let device = Device::open(global.device.as_deref().unwrap_or(&was.id))?;
    let now = stored_device(&device);
    // Processors of one architecture compute alike, adapters need not.
    if now == *was || (now.id == "cpu" && was.id == "cpu") {
        return Ok(device);
    }
    let reason = format!(
        "was begun on {} ({}) and stays there, so that it ends as an unbroken run does; this is {} ({})",
        was.id, was.name, now.id, now.name
    );
    Err(Error::run(run, reason))
}

fn stored_device(device: &Device) -> StoredDevice {
    let info = device.info();
    StoredDevice { id: info.id, name: info.name }
}

fn preset(args: &AdversarialArgs) -> Option<Preset> {
    let typed = args.preset.as_deref()?;
    Preset::ALL.iter().find(|(name, _)| *name == typed).map(|(_, preset)| *preset)
}

/// Puts the settings of the file, of `--set` and of the flags over the others.
fn put_all(layers: &mut Layers<AdversarialConfig>, args: &AdversarialArgs) -> Result<(), Error> {
    if let Some(path) = &args.config {
        layers.put(&layers::read(path)?, &path.display().to_string())?;
    }
    for (key, value) in &args.set {
        layers.put(&toml::Table::from_iter([(key.clone(), value.clone())]), "--set")?;
    }
    layers.put(&args.flags(), "flag")
}

/// Makes the first folder of `name`, `name-2`, `name-3` ... that is not there yet.
fn claim(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    fs::create_dir_all(parent).map_err(|e| Error::io(parent, "create", &e))?;
    let mut path = parent.join(name);
    let mut next = 2;
    loop {
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => path = parent.join(format!("{name}-{next}")),
            Err(e) => return Err(Error::io(&path, "create", &e)),
        }
        next += 1;
    }
}

fn summary(run: &Path, outcome: &Outcome) -> serde_json::Value {
    json!({
        "run": run.to_string_lossy(),
        "best": outcome.front.first().map(|best| &best.genotype),
        "front": outcome.front,
        "steps": outcome.steps,
        "seconds": outcome.seconds,
    })
}

fn text(run: &Path, outcome: &Outcome) -> String {
    let end = match outcome.end {
        End::Done => "done",
        End::Steps => "stopped at its limit of steps",
        End::Interrupted => "interrupted",
    };
    let mut lines = vec![
        format!("{end} after {} steps; {:.1} s", outcome.steps, outcome.seconds),
        format!("run   {}", run.display()),
    ];
    for (i, found) in outcome.front.iter().enumerate() {
        let what = if i == 0 { "best " } else { "also " };
        let named: Vec<String> = found
            .objectives
            .iter()
            .map(|(name, value)| format!("{name} {}", readable(*value)))
            .collect();
        lines.push(format!("{what} {}", named.join(", ")));
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
