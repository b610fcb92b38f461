//! What can go wrong in the world outside the program: one enum, each variant with its place and a remedy.

use std::path::{Path, PathBuf};

/// An error of the world: a device, a file, a configuration, a genotype. Bugs of the caller panic instead.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No device answers to the name that was asked for.
    #[error("no device `{wanted}`: {reason}")]
    NoDevice {
        /// What was asked for.
        wanted: String,
        /// Why it is not there, and what is.
        reason: String,
    },
    /// A device failed: lost, out of memory, or a kernel was refused. Every later use of it gives this error again.
    #[error("device {device}: {reason}")]
    Device {
        /// Name of the device.
        device: String,
        /// What it reported, with a remedy where one exists.
        reason: String,
    },
    /// The operating system refused a file operation.
    #[error("{path}: cannot {action}: {reason}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was attempted: `open`, `read`, `write`, ...
        action: &'static str,
        /// The system's reason.
        reason: String,
    },
    /// A file was read but its content is wrong.
    #[error("{path}{at}: {reason}", path = path.display(), at = offset.map(|o| format!(" at byte {o}")).unwrap_or_default())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes, if that is known.
        offset: Option<u64>,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// A setting has a value that cannot be used.
    #[error("`{key}`: {reason}")]
    Config {
        /// The flag or the key of the configuration file.
        key: String,
        /// What is wrong and which values are valid.
        reason: String,
    },
    /// An architecture that the space does not contain.
    #[error("genotype: {reason}")]
    Genotype {
        /// Which gene or node is wrong, and why.
        reason: String,
    },
    /// A run folder cannot be used as asked.
    #[error("run {path}: {reason}", path = path.display())]
    Run {
        /// The run folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A weights file does not fit the network it is loaded into.
    #[error("tensor `{name}`: {reason}")]
    Weights {
        /// Name of the tensor in the file.
        name: String,
        /// Both shapes, or what is missing.
        reason: String,
    },
    /// A training went bad: a loss is not a finite number any more.
    #[error("diverged at step {step}: {what}")]
    Diverged {
        /// Steps done.
        step: u64,
        /// What was seen and what may help.
        what: String,
    },
    /// The run was interrupted and can be resumed.
    #[error("interrupted; resume with --resume {}", run.display())]
    Interrupted {
        /// The run folder that `--resume` takes.
        run: PathBuf,
    },
    /// A file could not be downloaded.
    #[error("cannot fetch {address}: {reason}")]
    Fetch {
        /// Where it should come from.
        address: String,
        /// What happened and what may help.
        reason: String,
    },
    /// Something other than a run was interrupted.
    #[error("interrupted; {remedy}")]
    Stopped {
        /// How to go on.
        remedy: String,
    },
}

impl Error {
    /// An operating-system error at `path`.
    pub fn io(path: impl AsRef<Path>, action: &'static str, error: &std::io::Error) -> Error {
        Error::Io {
            path: path.as_ref().to_path_buf(),
            action,
            reason: error.to_string(),
        }
    }

    /// Wrong content of the file at `path`.
    pub fn format(path: impl AsRef<Path>, reason: impl Into<String>) -> Error {
        Error::Format {
            path: path.as_ref().to_path_buf(),
            offset: None,
            reason: reason.into(),
        }
    }

    /// Wrong content of the file at `path`, `offset` bytes from its start.
    pub fn format_at(path: impl AsRef<Path>, offset: u64, reason: impl Into<String>) -> Error {
        Error::Format {
            path: path.as_ref().to_path_buf(),
            offset: Some(offset),
            reason: reason.into(),
        }
    }

    /// A setting that cannot be used.
    pub fn config(key: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Config { key: key.into(), reason: reason.into() }
    }

    /// An invalid genotype.
    pub fn genotype(reason: impl Into<String>) -> Error {
        Error::Genotype { reason: reason.into() }
    }

    /// A run folder that cannot be used.
    pub fn run(path: impl AsRef<Path>, reason: impl Into<String>) -> Error {
        Error::Run {
            path: path.as_ref().to_path_buf(),
            reason: reason.into(),
        }
    }

    /// A tensor that does not fit.
    pub fn weights(name: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Weights { name: name.into(), reason: reason.into() }
    }
}
