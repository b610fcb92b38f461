//! A run from the command line: settings in layers, a folder, the loop; begun or resumed.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::args::{Global, TUNING};
use super::layers::{self, Layers};
use super::{memory, output};
use crate::runs::{
    self, Checkpoints, Console, End, Footprint, Observer, Outcome, Report, RunFolder, Stop, Work,
};
use crate::{Device, Error};

/// Settings of a kind of work.
pub(super) trait Settings: Clone + PartialEq + Serialize + DeserializeOwned {
    /// What is typed to begin it.
    const COMMAND: &'static str;

    /// Looks at every value that could not work.
    fn check(&self) -> Result<(), Error>;

    /// The limit of steps, 0 for none.
    fn max_steps(&self) -> u64;

    /// Steps between snapshots.
    fn snapshot_every(&self) -> u64;

    /// Takes from `typed` what a resumed run may have otherwise than it was begun with.
    fn resumed_with(self, typed: &Self) -> Self;

    /// How much memory the work takes at most on a device like this one, where that is worth asking.
    ///
    /// # Errors
    /// If the settings cannot work.
    fn footprint(&self, device: &Device) -> Result<Option<Footprint>, Error>;

    /// Settings that take less memory and what is typed for them, if there are any.
    fn lighter(&self) -> Option<(Self, String)>;
}

/// Flags of every command that makes a run.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Settings that replace those of the preset, in TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Any setting by name (a wrong name lists them all); may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::layers::assignment)]
    pub set: Vec<(String, toml::Value)>,
    /// Folder of a new run [default: runs/, then the command, the preset and the seed]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub run: Option<PathBuf>,
    /// Go on with the run in this folder, with the settings stored there
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// Most memory that the run may take, as 8GB [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = super::memory::bytes)]
    pub memory: Option<u64>,
}

/// What was typed.
pub(super) struct Typed<'a> {
    pub preset: Option<&'a str>,
    pub args: &'a RunArgs,
    /// Settings that have a flag of their own and were given.
    pub flags: Table,
    pub global: &'a Global,
}

/// What a run folder stores in `config.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRun<C> {
    /// What was typed to begin it: `search adversarial`, `train`.
    pub command: String,
    /// Version of the program that began the run.
    pub version: String,
    /// The preset that the settings started from.
    pub preset: String,
    /// Seed of every random draw.
    pub seed: u64,
    /// The device that computes.
    pub device: StoredDevice,
    /// All settings.
    #[serde(alias = "search")]
    pub settings: C,
}

/// The device of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDevice {
    /// `cpu` or `gpu:N`.
    pub id: String,
    /// Name of the processor or adapter.
    pub name: String,
    /// Whether convolutions read halves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub half: bool,
}

impl fmt::Display for StoredDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = if self.half { " with halves" } else { "" };
        write!(f, "{} ({}){with}", self.id, self.name)
    }
}

/// What the typed `name` stands for among `all`; `key` is the flag.
///
/// # Errors
/// If there is none of that name.
pub(super) fn named<T: Copy>(all: &[(&str, T)], key: &str, name: &str) -> Result<T, Error> {
    let known = all.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, value)| *value)
        .ok_or_else(|| Error::config(key, format!("there is no `{name}`")))
}

/// Half of a discriminator's batch and of a generator's, neither below `least`, and what is typed for them; none if they
/// are that small.
pub(super) fn halved(batches: [usize; 2], least: usize) -> Option<([usize; 2], String)> {
    let half = batches.map(|n| (n / 2).max(least));
    let [batch, gen_batch] = half;
    (half != batches).then(|| (half, format!("--batch {batch} --gen-batch {gen_batch}")))
}

/// Begins or resumes a run and drives it to its end. `preset` gives the settings that a name stands for, `build` the
/// work of a device, settings and seed; `short` names a folder of its own.
///
/// # Errors
/// If a setting or a file is bad, the folder cannot be used, or the work fails; [`Error::Interrupted`] if it was
/// stopped by the user.
pub(super) fn drive<C: Settings, W: Work>(
    typed: &Typed,
    short: &str,
    preset: impl Fn(&str) -> Result<C, Error>,
    build: impl FnOnce(&Device, &C, u64) -> Result<W, Error>,
    flag: Arc<AtomicBool>,
) -> Result<(PathBuf, Outcome), Error> {
    let (mut work, folder, config) = match &typed.args.resume {
        Some(run) => resume(run, typed, build)?,
        None => begin(typed, short, preset, build)?,
    };
    let run = folder.path().to_path_buf();
    let mut checkpoints = Checkpoints::every(config.snapshot_every(), folder);
    let mut console = Console::new();
    let mut notes = Notes;
    let mut observers: Vec<&mut dyn Observer> = vec![&mut checkpoints, &mut notes];
    if !typed.global.quiet {
        observers.push(&mut console);
    }
    let limit = config.max_steps();
    let stop = match limit {
        0 => Stop::when_done(),
        n => Stop::steps(n),
    };
    let mut outcome = runs::run(&mut work, stop.or_on(flag), &mut observers)?;
    // Work counts its limit of steps as its end, but it could go on.
    if outcome.end == End::Done && outcome.steps == limit {
        outcome.end = End::Steps;
    }
    match outcome.end {
        End::Interrupted => Err(Error::Interrupted { run }),
        End::Done | End::Steps => Ok((run, outcome)),
    }
}

/// Shows warnings, on a terminal or not.
struct Notes;

impl Observer for Notes {
    fn on_step(&mut self, _work: &mut dyn Work, report: &Report) -> Result<(), Error> {
        report.notes.iter().for_each(|note| output::note(note));
        Ok(())
    }
}

/// How a run ended and where it lies, for people.
pub(super) fn ended(run: &Path, outcome: &Outcome) -> Vec<String> {
    let end = match outcome.end {
        End::Done => "done",
        End::Steps => "stopped at its limit of steps",
        End::Interrupted => "interrupted",
    };
    vec![
        format!("{end} after {} steps; {:.1} s", outcome.steps, outcome.seconds),
        format!("run   {}", run.display()),
    ]
}

/// Work, its folder and its settings.
type Begun<W, C> = (W, RunFolder, C);

fn begin<C: Settings, W: Work>(
    typed: &Typed,
    short: &str,
    preset: impl Fn(&str) -> Result<C, Error>,
    build: impl FnOnce(&Device, &C, u64) -> Result<W, Error>,
) -> Result<Begun<W, C>, Error> {
    let global = typed.global;
    let name = typed.preset.unwrap_or("smoke");
    let mut layers = Layers::over(preset(name)?)?;
    put_all(&mut layers, typed)?;
    let config = layers.value().clone();
    config.check()?;
    let device = global.open_device()?;
    memory::require(&config, &device, typed.args.memory, global.quiet)?;
    // Built before the folder is made: a bad image source leaves no folder behind.
    let work = build(&device, &config, global.seed())?;
    let path = match &typed.args.run {
        Some(path) => path.clone(),
        None => claim(Path::new("runs"), &format!("{short}-{name}-seed{}", global.seed()))?,
    };
    let stored = StoredRun {
        command: C::COMMAND.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        preset: name.to_owned(),
        seed: global.seed(),
        device: stored_device(&device),
        settings: config.clone(),
    };
    Ok((work, RunFolder::create(path, &stored)?, config))
}

fn resume<C: Settings, W: Work>(
    run: &Path,
    typed: &Typed,
    build: impl FnOnce(&Device, &C, u64) -> Result<W, Error>,
) -> Result<Begun<W, C>, Error> {
    let mut stored: StoredRun<C> = read_stored(run)?;
    let before = stored.clone();
    stored.settings = settings_of_resumed(&stored, typed)?;
    let device = device_of_resumed(run, &stored.device, typed.global)?;
    memory::require(&stored.settings, &device, typed.args.memory, typed.global.quiet)?;
    let resumed = RunFolder::resume(run)?;
    for note in &resumed.notes {
        output::note(&format!("warning: {note}"));
    }
    let mut work = build(&device, &stored.settings, stored.seed)?;
    if let Some(snapshot) = &resumed.snapshot {
        work.load(snapshot)?;
    }
    work.recall(&resumed.beyond);
    if stored != before {
        resumed.folder.replace_config(&stored)?;
    }
    Ok((work, resumed.folder, stored.settings))
}

/// The configuration of a run that was begun by the same command.
fn read_stored<C: Settings>(run: &Path) -> Result<StoredRun<C>, Error> {
    let any: StoredRun<Table> = runs::read_config(run)?;
    if any.command != C::COMMAND {
        let reason = format!("was begun by `ganas {}`; go on with that command", any.command);
        return Err(Error::run(run, reason));
    }
    runs::read_config(run)
}

/// Checks that what was typed agrees with what the run has stored; gives the settings with what may change.
fn settings_of_resumed<C: Settings>(stored: &StoredRun<C>, typed: &Typed) -> Result<C, Error> {
    let refuse = |key: &str, typed: &dyn std::fmt::Display, was: &dyn std::fmt::Display| {
        let reason =
            format!("{typed} contradicts the run, which has {was}; leave it out, or begin a new run");
        Err(Error::config(key, reason))
    };
    if let Some(preset) = typed.preset.filter(|p| *p != stored.preset) {
        return refuse("preset", &preset, &stored.preset);
    }
    if let Some(seed) = typed.global.seed.filter(|s| *s != stored.seed) {
        return refuse("seed", &seed, &stored.seed);
    }
    let mut layers = Layers::over(stored.settings.clone())?;
    put_all(&mut layers, typed)?;
    let now = stored.settings.clone().resumed_with(layers.value());
    if let Some((key, typed, was)) = layers.differing(&Layers::over(now.clone())?) {
        return refuse(key, typed, was);
    }
    Ok(now)
}

/// Opens the device of the run; another one would not end with the same journal.
fn device_of_resumed(run: &Path, was: &StoredDevice, global: &Global) -> Result<Device, Error> {
    let half = global.half || was.half;
    let device = global.open(global.device.as_deref().unwrap_or(&was.id), half, TUNING)?;
    let now = stored_device(&device);
    // Processors of one architecture compute alike, adapters need not.
    if now == *was || (now.id == "cpu" && was.id == "cpu") {
        return Ok(device);
    }
    let reason =
        format!("was begun on {was} and stays there, so that it ends as an unbroken run does; this is {now}");
    Err(Error::run(run, reason))
}

fn stored_device(device: &Device) -> StoredDevice {
    let info = device.info();
    StoredDevice { id: info.id, name: info.name, half: device.half() }
}

/// Puts the settings of the file, of `--set` and of the flags over the others.
fn put_all<C: Settings>(layers: &mut Layers<C>, typed: &Typed) -> Result<(), Error> {
    if let Some(path) = &typed.args.config {
        layers.put(&layers::read(path)?, &path.display().to_string())?;
    }
    for (key, value) in &typed.args.set {
        layers.put(&Table::from_iter([(key.clone(), value.clone())]), "--set")?;
    }
    layers.put(&typed.flags, "flag")
}

/// Makes the first folder of `name`, `name-2`, `name-3` ... that is not there yet.
pub(super) fn claim(parent: &Path, name: &str) -> Result<PathBuf, Error> {
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
