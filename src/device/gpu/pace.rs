//! How many dispatches a submission may have: as many as the device gets through in a tenth of a second by its own
//! measure, so that a desktop stays responsive and no watchdog takes the work for a hang.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::batch::BATCH;

/// The time that a submission should not exceed.
const LONGEST: Duration = Duration::from_millis(100);
/// Dispatches of the first submissions, of which nothing is known yet.
const FIRST: usize = 256;
/// Fewest dispatches: a submission costs something itself.
const FEWEST: usize = 16;

/// What the submissions so far took.
#[derive(Default)]
pub(super) struct Pace(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// When the device was done with the latest submission.
    done: Option<Instant>,
    /// Seconds of a dispatch, a running average.
    seconds: Option<f64>,
}

impl Pace {
    /// Most dispatches of the next submission.
    pub(super) fn most(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).most()
    }

    /// Notes when the device is done with what was just submitted.
    pub(super) fn measure(&self, queue: &wgpu::Queue, dispatches: usize) {
        let (seen, submitted) = (self.0.clone(), Instant::now());
        queue.on_submitted_work_done(move || {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.finished(submitted, Instant::now(), dispatches);
        });
    }
}

impl Seen {
    fn most(&self) -> usize {
        let fitting = self.seconds.map(|each| LONGEST.as_secs_f64() / each.max(1e-9));
        fitting.map_or(FIRST, |n| (n as usize).clamp(FEWEST, BATCH))
    }

    /// The device works on submissions one after the other, so this one began when it was handed over or the one
    /// before was done, whichever was later.
    fn finished(&mut self, submitted: Instant, now: Instant, dispatches: usize) {
        let began = self.done.map_or(submitted, |done| done.max(submitted));
        self.done = Some(now);
        if dispatches == 0 {
            return;
        }
        let each = now.saturating_duration_since(began).as_secs_f64() / dispatches as f64;
        self.seconds = Some(match self.seconds {
            Some(before) => 0.5 * (before + each),
            None => each,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_follow_the_pace_of_the_device() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut seen = Seen::default();
        assert_eq!(seen.most(), FIRST);
        // A slow device: 256 dispatches in 640 ms, so 40 in 100.
        seen.finished(at(0), at(640), 256);
        assert_eq!(seen.most(), 40);
        // Handed over at 100 but begun at 640, when the device was free.
        seen.finished(at(100), at(740), 40);
        assert_eq!(seen.most(), 40);
        // A fast one.
        let mut seen = Seen::default();
        seen.finished(at(0), at(5), 256);
        assert_eq!(seen.most(), BATCH);
        // Nothing is learned from copies alone, and one dispatch may take longer than all should.
        seen.finished(at(5), at(500), 0);
        assert_eq!(seen.most(), BATCH);
        let mut seen = Seen::default();
        seen.finished(at(0), at(900), 1);
        assert_eq!(seen.most(), FEWEST);
    }
}
