//! One file: tries, until the whole of it is here.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::address::{checked, redirected};
use super::part::Part;
use super::wire::{Failure, Head, Piece, ask};
use super::{Event, Patience, Remote, State, is_there};
use crate::Error;

/// Redirects that are followed.
const MOST_REDIRECTS: u32 = 5;
/// New bytes after which earlier failures are forgotten.
const PROGRESS: u64 = 1 << 20;
/// How often the wish to stop is looked at while nothing comes.
const GLANCE: Duration = Duration::from_millis(50);

pub(super) struct Download<'a> {
    pub file: &'a Remote,
    pub patience: &'a Patience,
    pub stop: &'a AtomicBool,
    pub watch: &'a mut dyn FnMut(Event),
}

/// Why a try did not bring the whole file.
enum Trouble {
    /// Another try may.
    Passing(String),
    /// Another try would not.
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Final(error)
    }
}

impl Download<'_> {
    /// Downloads the file to `target`, where nothing is.
    pub fn run(mut self, target: &Path) -> Result<State, Error> {
        let part = Part::open(target, self.stop)?;
        let mut part = part.ok_or_else(|| self.stopped())?;
        // While the part was not locked another process may have completed it.
        if is_there(self.file, target)? {
            part.remove()?;
            return Ok(State::Kept);
        }
        let wrong = part.len() == self.file.bytes && part.hash() != self.file.sha256;
        if wrong || part.len() > self.file.bytes {
            part.clear()?;
        }
        let begun = part.len();
        let mut resumed = begun > 0;
        if let Err(error) = self.tries(&mut part, &mut resumed) {
            if part.len() == 0 {
                part.remove()?;
            }
            return Err(error);
        }
        let found = part.hash();
        if found != self.file.sha256 {
            part.remove()?;
            let reason = format!(
                "what came has the SHA-256 {found}, the published file {}; it was removed: try again, or another address",
                self.file.sha256
            );
            return Err(self.error(reason));
        }
        part.finish(target)?;
        Ok(if resumed { State::Resumed } else { State::Fetched })
    }

    fn tries(&mut self, part: &mut Part, resumed: &mut bool) -> Result<(), Error> {
        let mut failures = 0;
        while part.len() < self.file.bytes {
            let before = part.len();
            let reason = match self.attempt(part, resumed) {
                Ok(()) => continue,
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(reason)) => reason,
            };
            if part.len() >= before + PROGRESS {
                failures = 0;
            }
            failures += 1;
            if failures >= self.patience.tries {
                let here = match part.len() {
                    0 => String::new(),
                    len => format!(" with {len} of {} bytes here; calling again resumes", self.file.bytes),
                };
                let reason = format!("{reason}; given up after {failures} tries{here}");
                return Err(self.error(reason));
            }
            (self.watch)(Event::Again { file: self.file, reason: &reason });
            self.pause(self.patience.pause * 2_u32.saturating_pow(failures - 1))?;
        }
        Ok(())
    }

    /// One request, with its redirects, from where the part ends.
    fn attempt(&mut self, part: &mut Part, resumed: &mut bool) -> Result<(), Trouble> {
        let mut address = checked(&self.file.address).map_err(|reason| self.error(reason))?;
        for _ in 0..=MOST_REDIRECTS {
            let pieces = ask(address.clone(), part.len(), self.patience);
            let head = match self.next(&pieces)? {
                Piece::Head(head) => head,
                Piece::Failed(failure) => return Err(self.trouble(failure)),
                Piece::Block(_) | Piece::End => return Err(self.error("no answer".to_owned()).into()),
            };
            if let (301 | 302 | 303 | 307 | 308, Some(location)) = (head.status, &head.location) {
                address = redirected(&address, location).map_err(|reason| self.error(reason))?;
                continue;
            }
            self.check(&head, part)?;
            *resumed &= part.len() > 0;
            return self.take(&pieces, part);
        }
        Err(self.error(format!("more than {MOST_REDIRECTS} redirects")).into())
    }

    /// Whether what follows the head goes on from where the part ends; a part that it does not fit is thrown away.
    fn check(&self, head: &Head, part: &mut Part) -> Result<(), Trouble> {
        let (len, bytes) = (part.len(), self.file.bytes);
        let rest = match head.status {
            200 => bytes,
            206 if len > 0 && head.range.as_deref().is_some_and(|range| goes_on(range, len, bytes)) => {
                bytes - len
            }
            206 | 416 if len > 0 => {
                part.clear()?;
                return Err(Trouble::Passing(format!(
                    "the server has no bytes from {len} on; starting over"
                )));
            }
            status @ (408 | 425 | 429 | 500..=599) => {
                return Err(Trouble::Passing(format!("the server answered {status}")));
            }
            status => {
                let remedy = if matches!(status, 404 | 410) {
                    ": the file is not there any more"
                } else {
                    ""
                };
                return Err(self.error(format!("the server answered {status}{remedy}")).into());
            }
        };
        if let Some(length) = head.length.filter(|length| *length != rest) {
            let reason =
                format!("the server offers {length} bytes, but {rest} of the published file are wanted");
            return Err(self.error(reason).into());
        }
        if head.kind.as_deref().is_some_and(|kind| kind.starts_with("text/html")) {
            return Err(self.error("the server answered with a web page".to_owned()).into());
        }
        if rest == bytes && len > 0 {
            part.clear()?;
        }
        Ok(())
    }

    fn take(&mut self, pieces: &Receiver<Piece>, part: &mut Part) -> Result<(), Trouble> {
        (self.watch)(Event::Here { file: self.file, bytes: part.len() });
        loop {
            match self.next(pieces)? {
                Piece::Block(block) if part.len() + block.len() as u64 > self.file.bytes => {
                    part.clear()?;
                    let reason =
                        format!("more than the {} bytes of the published file came", self.file.bytes);
                    return Err(self.error(reason).into());
                }
                Piece::Block(block) => {
                    part.add(&block)?;
                    (self.watch)(Event::Here { file: self.file, bytes: part.len() });
                }
                Piece::Failed(failure) => return Err(self.trouble(failure)),
                Piece::Head(_) | Piece::End if part.len() == self.file.bytes => return Ok(()),
                Piece::Head(_) | Piece::End => {
                    let reason = format!("the answer ended at {} of {} bytes", part.len(), self.file.bytes);
                    return Err(Trouble::Passing(reason));
                }
            }
        }
    }

    /// The next piece, unless stopping is wished.
    fn next(&self, pieces: &Receiver<Piece>) -> Result<Piece, Error> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(self.stopped());
            }
            match pieces.recv_timeout(GLANCE) {
                Ok(piece) => return Ok(piece),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let reason = "the connection ended without an answer".to_owned();
                    return Ok(Piece::Failed(Failure { reason, passing: true }));
                }
            }
        }
    }

    fn pause(&self, time: Duration) -> Result<(), Error> {
        let end = Instant::now() + time;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(self.stopped());
            }
            match end.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::sleep(left.min(GLANCE)),
                _ => return Ok(()),
            }
        }
    }

    fn trouble(&self, failure: Failure) -> Trouble {
        match failure.passing {
            true => Trouble::Passing(failure.reason),
            false => Trouble::Final(self.error(failure.reason)),
        }
    }

    fn error(&self, reason: String) -> Error {
        Error::Fetch { address: self.file.address.clone(), reason }
    }

    fn stopped(&self) -> Error {
        Error::Stopped {
            remedy: format!(
                "what came of {} is kept, and the same command goes on from there",
                self.file.name
            ),
        }
    }
}

/// Whether a `Content-Range` says that bytes from `from` to the end of a file of `bytes` follow.
fn goes_on(range: &str, from: u64, bytes: u64) -> bool {
    let parts = range.strip_prefix("bytes ").and_then(|range| range.split_once('/'));
    let Some((span, total)) = parts else {
        return false;
    };
    let total_fits = total == "*" || total.parse() == Ok(bytes);
    let fits = |(first, last): (&str, &str)| first.parse() == Ok(from) && last.parse() == Ok(bytes - 1);
    total_fits && span.split_once('-').is_some_and(fits)
}
