//! Standard output and warnings.

use std::io::{self, Write};

use crate::Error;

/// Prints `text` and a line end on standard output. A reader that has gone away is no error.
///
/// # Errors
/// If the system refuses for another reason.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::io("standard output", "write", &e)),
        _ => Ok(()),
    }
}

/// Shows a line on standard error. Names from files may hold control characters, which a terminal would obey.
pub(super) fn note(text: &str) {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c })
        .collect();
    // There is nobody left to tell when standard error itself is gone, and no reason to stop the work.
    drop(writeln!(io::stderr(), "{text}"));
}
