//! A run folder: made, resumed, written to.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::lines::Lines;
use super::lock::Lock;
use super::snapshot::{Covered, Snapshot};
use crate::Error;
use crate::formats::atomic;

const CONFIG: &str = "config.toml";
const JOURNAL: &str = "journal.jsonl";
const METRICS: &str = "metrics.jsonl";
/// Lines that were cut off the journal when a run was resumed.
const CUT: &str = "journal-cut.jsonl";
const SNAPSHOTS: &str = "snapshots";
const SAMPLES: &str = "samples";
/// Snapshots kept: should the newest turn out damaged, the run goes on from the one before.
const KEPT: usize = 2;

/// A run folder in use by this process and by no other.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    journal: Lines,
    metrics: Lines,
    _lock: Lock,
}

/// A run folder that was opened again.
#[derive(Debug)]
pub struct Resumed {
    /// The folder, its journal and metrics cut back to the snapshot.
    pub folder: RunFolder,
    /// Where the run goes on; `None`: from its beginning.
    pub snapshot: Option<Snapshot>,
    /// Lines that the journal held beyond the snapshot, this time and the times before.
    pub beyond: Vec<Value>,
    /// What the user should know: snapshots that were damaged and why.
    pub notes: Vec<String>,
}

impl RunFolder {
    /// Makes the folder of a new run and stores its configuration.
    ///
    /// # Errors
    /// If a run or anything else is there already, another process uses it, or the system refuses.
    pub fn create(path: impl AsRef<Path>, config: &impl Serialize) -> Result<RunFolder, Error> {
        let path = path.as_ref();
        let text = toml_text(config)?;
        fs::create_dir_all(path).map_err(|e| Error::io(path, "create", &e))?;
        refuse_foreign(path)?;
        let lock = Lock::take(path)?;
        // Looked at again under the lock: another process may have been faster.
        refuse_foreign(path)?;
        remove_unfinished(path)?;
        for folder in [SNAPSHOTS, SAMPLES] {
            let folder = path.join(folder);
            fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", &e))?;
        }
        let journal = Lines::open(path.join(JOURNAL), 0)?;
        let metrics = Lines::open(path.join(METRICS), 0)?;
        // Last of all: a folder with a configuration is a run, one without was abandoned while it was made.
        atomic::write(&path.join(CONFIG), text.as_bytes())?;
        Ok(RunFolder {
            path: path.to_path_buf(),
            journal,
            metrics,
            _lock: lock,
        })
    }

    /// Opens the run in `path` where its newest whole snapshot left it.
    ///
    /// # Errors
    /// If there is no run, another process uses it, or the system refuses.
    pub fn resume(path: impl AsRef<Path>) -> Result<Resumed, Error> {
        let path = path.as_ref();
        require_run(path)?;
        let lock = Lock::take(path)?;
        for folder in [path.to_path_buf(), path.join(SNAPSHOTS), path.join(SAMPLES)] {
            fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", &e))?;
            remove_unfinished(&folder)?;
        }
        let mut notes = Vec::new();
        let found = newest_usable(path, &mut notes)?;
        let covered = found.as_ref().map(|(_, covered)| *covered).unwrap_or_default();
        if found.is_none() && !notes.is_empty() {
            notes.push("no snapshot is left: the run starts again from its beginning".to_owned());
        }
        let beyond = keep_cut_lines(path, covered.journal)?;
        let folder = RunFolder {
            path: path.to_path_buf(),
            journal: Lines::open(path.join(JOURNAL), covered.journal)?,
            metrics: Lines::open(path.join(METRICS), covered.metrics)?,
            _lock: lock,
        };
        Ok(Resumed {
            folder,
            snapshot: found.map(|(snapshot, _)| snapshot),
            beyond,
            notes,
        })
    }

    /// Where the run lives.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stored configuration.
    ///
    /// # Errors
    /// If it does not have the form of a `T`.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read_config(&self.path)
    }

    /// Stores another configuration: a resumed run may be given a new end.
    ///
    /// # Errors
    /// If the system refuses; the old configuration then remains.
    pub fn replace_config(&self, config: &impl Serialize) -> Result<(), Error> {
        atomic::write(&self.path.join(CONFIG), toml_text(config)?.as_bytes())
    }

    /// Appends to the journal: what decides how the run goes on, without clock times.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn journal(&mut self, lines: &[Value]) -> Result<(), Error> {
        self.journal.append(lines)
    }

    /// Appends to the metrics.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn metrics(&mut self, lines: &[Value]) -> Result<(), Error> {
        self.metrics.append(lines)
    }

    /// All lines of the metrics.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn all_metrics(&self) -> Result<Vec<Value>, Error> {
        Lines::all(&self.path.join(METRICS))
    }

    /// Writes a snapshot of the run as it is now and forgets all but the last two.
    ///
    /// # Errors
    /// If the system refuses; the snapshots before it remain.
    pub fn snapshot(&mut self, snapshot: Snapshot) -> Result<PathBuf, Error> {
        self.journal.sync()?;
        self.metrics.sync()?;
        let covered = Covered {
            journal: self.journal.len(),
            journal_crc: self.journal.crc(),
            metrics: self.metrics.len(),
        };
        let name = format!("step-{:010}.safetensors", snapshot.step());
        let file = self.path.join(SNAPSHOTS).join(name);
        snapshot.write(&file, covered)?;
        for (_, old) in snapshots(&self.path)?.into_iter().skip(KEPT) {
            fs::remove_file(&old).map_err(|e| Error::io(&old, "remove", &e))?;
        }
        Ok(file)
    }

    /// Writes the file `name` (`best.json`, `samples/000100.png`).
    ///
    /// # Errors
    /// If the system refuses.
    ///
    /// # Panics
    /// If `name` leads out of the folder.
    #[track_caller]
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let inside = Path::new(name)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        assert!(inside && !name.is_empty(), "`{name}` does not name a file inside a run folder");
        let path = self.path.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
        }
        atomic::write(&path, bytes)
    }
}

/// The lines behind the first `keep` bytes of the journal, and those that were cut off before; kept in a file of their own, so
/// that they outlive the next interruption too.
fn keep_cut_lines(path: &Path, keep: u64) -> Result<Vec<Value>, Error> {
    let cut = Lines::beyond(&path.join(JOURNAL), keep)?;
    let mut all = Lines::beyond(&path.join(CUT), 0)?;
    for line in cut {
        if !all.contains(&line) {
            all.push(line);
        }
    }
    if !all.is_empty() {
        let text: String = all.iter().map(|line| format!("{line}\n")).collect();
        atomic::write(&path.join(CUT), text.as_bytes())?;
    }
    Ok(all)
}

/// The lines of the journal of the run in `folder`, the first one first.
///
/// # Errors
/// If it cannot be read, or a line is not JSON.
pub fn read_journal(folder: &Path) -> Result<Vec<Value>, Error> {
    let path = folder.join(JOURNAL);
    let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, "read", &e))?;
    let line = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| Error::format(&path, format!("line {}: {e}", i + 1)))
    };
    text.lines().enumerate().map(line).collect()
}

/// The configuration of the run in `folder`, whether or not a process is at work in it.
///
/// # Errors
/// If there is no run, or its configuration does not have the form of a `T`.
pub fn read_config<T: DeserializeOwned>(folder: &Path) -> Result<T, Error> {
    require_run(folder)?;
    let path = folder.join(CONFIG);
    let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, "read", &e))?;
    toml::from_str(&text).map_err(|e| {
        let at = e.span().map_or(0, |s| s.start as u64);
        Error::format_at(&path, at, e.message())
    })
}

/// The newest whole snapshot of the run in `folder`, whether or not a process is at work in it.
///
/// # Errors
/// If there is none, or the system refuses.
pub fn newest_snapshot(folder: &Path) -> Result<Snapshot, Error> {
    require_run(folder)?;
    let mut reasons = Vec::new();
    for (_, path) in snapshots(folder)? {
        match Snapshot::read(&path) {
            Ok(snapshot) => return Ok(snapshot),
            Err(e) => reasons.push(e.to_string()),
        }
    }
    let why = match reasons.is_empty() {
        true => "has no snapshot yet; let it run until it has written one".to_owned(),
        false => format!("has no whole snapshot: {}", reasons.join("; ")),
    };
    Err(Error::run(folder, why))
}

fn toml_text(config: &impl Serialize) -> Result<String, Error> {
    toml::to_string(config).map_err(|e| Error::config("config", format!("cannot be stored as TOML: {e}")))
}

/// An error unless `folder` holds a run.
fn require_run(folder: &Path) -> Result<(), Error> {
    if !folder.is_dir() {
        return Err(Error::run(folder, "there is no such folder; a new run is started with --run"));
    }
    if !folder.join(CONFIG).is_file() {
        let reason =
            "holds no config.toml: it is no run, or was killed while it was made; start it with --run";
        return Err(Error::run(folder, reason));
    }
    Ok(())
}

/// An error unless `folder` is empty or holds only what a run that was killed while it was made leaves behind.
fn refuse_foreign(folder: &Path) -> Result<(), Error> {
    if folder.join(CONFIG).exists() {
        let reason = "there is a run already; go on with it by --resume, or choose another folder";
        return Err(Error::run(folder, reason));
    }
    for path in files(folder)? {
        let name = name_of(&path);
        let ours = match name.as_str() {
            "lock" => true,
            JOURNAL | METRICS => fs::metadata(&path).is_ok_and(|m| m.len() == 0),
            SNAPSHOTS | SAMPLES => path.is_dir() && files(&path)?.is_empty(),
            other => other.starts_with(".config.toml.") && other.ends_with(atomic::UNFINISHED),
        };
        if !ours {
            let reason = format!("is no run and not empty (it holds `{name}`); choose another folder");
            return Err(Error::run(folder, reason));
        }
    }
    Ok(())
}

/// The newest snapshot that is whole and whose journal is still there; damaged ones are set aside and noted.
fn newest_usable(folder: &Path, notes: &mut Vec<String>) -> Result<Option<(Snapshot, Covered)>, Error> {
    for (_, path) in snapshots(folder)? {
        let reason = match Snapshot::read_covered(&path) {
            Ok((snapshot, covered)) => match journal_fits(folder, covered)? {
                true => return Ok(Some((snapshot, covered))),
                false => format!("{}: its part of {JOURNAL} is damaged", path.display()),
            },
            Err(e @ Error::Format { .. }) => e.to_string(),
            Err(e) => return Err(e),
        };
        // It must not count as one of the last two, nor be taken for newer than what comes now.
        let aside = path.with_extension("damaged");
        fs::rename(&path, &aside).map_err(|e| Error::io(&path, "rename", &e))?;
        notes.push(format!("{reason}; set aside as {}", name_of(&aside)));
    }
    Ok(None)
}

/// Whether the journal still starts with what the snapshot was taken after.
fn journal_fits(folder: &Path, covered: Covered) -> Result<bool, Error> {
    let path = folder.join(JOURNAL);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::io(&path, "read", &e)),
    };
    let part = usize::try_from(covered.journal).ok().and_then(|n| bytes.get(..n));
    Ok(part.is_some_and(|part| crc32fast::hash(part) == covered.journal_crc))
}

/// Snapshots of the run by step, newest first.
fn snapshots(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut found: Vec<(u64, PathBuf)> = Vec::new();
    for path in files(&folder.join(SNAPSHOTS))? {
        let name = name_of(&path);
        let step = name.strip_prefix("step-").and_then(|n| n.strip_suffix(".safetensors"));
        if let Some(Ok(step)) = step.map(str::parse) {
            found.push((step, path));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Removes what a killed process left half written.
fn remove_unfinished(folder: &Path) -> Result<(), Error> {
    for path in files(folder)? {
        let name = name_of(&path);
        if name.starts_with('.') && name.ends_with(atomic::UNFINISHED) {
            fs::remove_file(&path).map_err(|e| Error::io(&path, "remove", &e))?;
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |e: std::io::Error| Error::io(folder, "list", &e);
    let entries = fs::read_dir(folder).map_err(fail)?;
    entries.map(|entry| Ok(entry.map_err(fail)?.path())).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
