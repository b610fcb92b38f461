//! The one loop that all searches run in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::{Candidate, Report, Work};
use crate::Error;

/// When to stop, besides the search being done by itself.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    steps: Option<u64>,
    flag: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// Only when the search is done.
    pub fn when_done() -> Stop {
        Stop::default()
    }

    /// After `n` steps, counted from the beginning of the search, those before a resume included.
    pub fn steps(n: u64) -> Stop {
        Stop { steps: Some(n), ..Stop::default() }
    }

    /// Also once `flag` is set: the step at hand is finished first.
    pub fn or_on(self, flag: Arc<AtomicBool>) -> Stop {
        Stop { flag: Some(flag), ..self }
    }

    /// Why to stop before the next step, if so.
    fn reached(&self, search: &dyn Work) -> Option<End> {
        if search.done() {
            return Some(End::Done);
        }
        if self.steps.is_some_and(|n| search.steps_done() >= n) {
            return Some(End::Steps);
        }
        let interrupted = self.flag.as_ref().is_some_and(|f| f.load(Ordering::Relaxed));
        interrupted.then_some(End::Interrupted)
    }

    /// Steps after which the loop will end, if that is known.
    fn last_step(&self, search: &dyn Work) -> Option<u64> {
        self.steps.into_iter().chain(search.total_steps()).min()
    }
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The search has nothing left to do.
    Done,
    /// The limit of steps was reached.
    Steps,
    /// The flag was set; the search can go on from here.
    Interrupted,
}

/// What came of a search.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Steps done since the beginning of the search.
    pub steps: u64,
    /// Wall time of this loop.
    pub seconds: f64,
    /// Best candidates, the very best first.
    pub front: Vec<Candidate>,
    /// Why the loop ended.
    pub end: End,
}

/// Watches a search.
pub trait Observer {
    /// Before the first step; `last_step` is where the loop will end, if that is known.
    ///
    /// # Errors
    /// Whatever stands in the way; the loop ends with it.
    fn on_start(&mut self, search: &mut dyn Work, last_step: Option<u64>) -> Result<(), Error> {
        let _ = (search, last_step);
        Ok(())
    }

    /// After each step.
    ///
    /// # Errors
    /// Whatever stands in the way; the loop ends with it.
    fn on_step(&mut self, search: &mut dyn Work, report: &Report) -> Result<(), Error>;

    /// After the last step, unless something failed.
    ///
    /// # Errors
    /// Whatever stands in the way; the loop ends with it.
    fn on_end(&mut self, search: &mut dyn Work, end: End) -> Result<(), Error> {
        let _ = (search, end);
        Ok(())
    }
}

/// Steps `search` until it is done or `stop` says so, showing every step to the observers.
///
/// An interruption is an ordinary end here: [`Outcome::end`] says so after the observers have saved their work.
///
/// # Errors
/// The first error of the search or of an observer.
pub fn run(search: &mut dyn Work, stop: Stop, observers: &mut [&mut dyn Observer]) -> Result<Outcome, Error> {
    let began = Instant::now();
    let last_step = stop.last_step(search);
    for observer in observers.iter_mut() {
        observer.on_start(search, last_step)?;
    }
    let end = loop {
        if let Some(end) = stop.reached(search) {
            break end;
        }
        let report = search.step()?;
        for observer in observers.iter_mut() {
            observer.on_step(search, &report)?;
        }
        if let Some(failure) = report.failure {
            return Err(failure);
        }
    };
    for observer in observers.iter_mut() {
        observer.on_end(search, end)?;
    }
    Ok(Outcome {
        steps: search.steps_done(),
        seconds: began.elapsed().as_secs_f64(),
        front: search.front(),
        end,
    })
}
