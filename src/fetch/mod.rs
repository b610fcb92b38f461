//! Downloads of public data sets and weights. The only room that opens a connection.
//!
//! What a file must be is known before it is asked for: its size and its SHA-256. It is written aside, and gets its name
//! only when both fit, so that under that name there is the published file or nothing. A download that broke off goes on
//! where it ended. Nothing is printed here: who calls is told through [`Event`]s.

mod address;
mod download;
mod part;
mod sets;
mod wire;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::Error;
use crate::formats::sha256;

pub use sets::{NAMES, set};

/// A file that is published somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The name it gets, without folders.
    pub name: String,
    /// Where it is: `https://`, or `http://` on this machine.
    pub address: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// How patient a download is.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Longest time until a connection stands.
    pub connect: Duration,
    /// Longest time without a byte.
    pub idle: Duration,
    /// Times in a row that a file may fail to come before it is given up.
    pub tries: u32,
    /// Time before the second try; it doubles with every further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            tries: 5,
            pause: Duration::from_secs(1),
        }
    }
}

/// What happens during a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many bytes of a file are here, those of an earlier call included.
    Here {
        /// The file.
        file: &'a Remote,
        /// Its bytes that are here.
        bytes: u64,
    },
    /// A try failed, and another one follows.
    Again {
        /// The file.
        file: &'a Remote,
        /// Why the try failed.
        reason: &'a str,
    },
}

/// How a file came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was downloaded.
    Fetched,
    /// It was begun by an earlier call and completed.
    Resumed,
    /// It was there already.
    Kept,
}

/// A file that is there now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Got {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, which was computed from its content.
    pub sha256: String,
    /// How it came to be there.
    pub state: State,
}

/// Sees to it that `files` are in the folder `to`, which is made if it is missing. `stop` is looked at between blocks.
///
/// # Errors
/// [`Error::Fetch`] if a file cannot be had or is not the published one, [`Error::Stopped`] if `stop` was set,
/// [`Error::Format`] if another file has the name, [`Error::Io`] if the system refuses.
pub fn fetch(
    files: &[Remote],
    to: &Path,
    patience: &Patience,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Event),
) -> Result<Vec<Got>, Error> {
    std::fs::create_dir_all(to).map_err(|e| Error::io(to, "make", &e))?;
    let mut got = Vec::with_capacity(files.len());
    for file in files {
        let path = to.join(plain_name(&file.name)?);
        let state = match is_there(file, &path)? {
            true => State::Kept,
            false => download::Download { file, patience, stop, watch: &mut *watch }.run(&path)?,
        };
        watch(Event::Here { file, bytes: file.bytes });
        got.push(Got {
            path,
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            state,
        });
    }
    Ok(got)
}

fn plain_name(name: &str) -> Result<&str, Error> {
    match Path::new(name).file_name() {
        Some(file) if file == name && !name.contains('\\') => Ok(name),
        _ => Err(Error::config(name, "is no plain file name")),
    }
}

/// Whether the file is there. Another file under its name is an error: it is not ours to overwrite.
fn is_there(file: &Remote, path: &Path) -> Result<bool, Error> {
    let size = match std::fs::metadata(path) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Err(Error::format(path, "is there already, and no file; choose another folder")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::io(path, "open", &e)),
    };
    let remedy = "it is left as it is; move it away, or choose another folder";
    if size != file.bytes {
        let reason =
            format!("is there already, but has {size} bytes and the published file {}; {remedy}", file.bytes);
        return Err(Error::format(path, reason));
    }
    let found = sha256::of_file(path)?;
    if found != file.sha256 {
        let reason = format!(
            "is there already, but its SHA-256 is {found} and that of the published file {}; {remedy}",
            file.sha256
        );
        return Err(Error::format(path, reason));
    }
    Ok(true)
}
