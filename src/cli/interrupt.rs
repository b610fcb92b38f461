//! Ctrl-C and a polite kill: the first asks the work to stop, the second ends the program.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::output::note;
use crate::Error;

static FLAG: OnceLock<Result<Arc<AtomicBool>, String>> = OnceLock::new();

/// A flag that the first interrupt sets.
///
/// # Errors
/// If the system does not let the program listen for interrupts.
pub(super) fn flag() -> Result<Arc<AtomicBool>, Error> {
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = flag.clone();
        let listen = ctrlc::set_handler(move || {
            if seen.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            note("stopping after this step; once more to stop at once");
        });
        listen.map(|()| flag).map_err(|e| e.to_string())
    });
    flag.clone()
        .map_err(|e| Error::io("interrupts", "listen for", &std::io::Error::other(e)))
}
