//! What the benches share: clocks that a loaded machine does not distort, and memory.

use std::fs;
use std::time::Instant;

pub use ganas::bench::median;

/// Times of a piece of work, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// By the clock on the wall.
    pub wall: f64,
    /// Summed over all threads of this process; the wall clock where the system does not tell.
    pub threads: f64,
}

/// Runs `work`, which must wait for the device, and measures it.
pub fn time(work: impl FnOnce()) -> Time {
    let (start, before) = (Instant::now(), thread_seconds());
    work();
    let wall = start.elapsed().as_secs_f64();
    let threads = match (before, thread_seconds()) {
        (Some(before), Some(after)) if after > before => after - before,
        _ => wall,
    };
    Time { wall, threads }
}

/// Seconds that the threads of this process have run; `None` where the system has no such file.
fn thread_seconds() -> Option<f64> {
    let mut nanoseconds = 0_u64;
    for task in fs::read_dir("/proc/self/task").ok()? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task.ok()?.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(nanoseconds as f64 * 1e-9)
}
