//! A progress bar for people.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::{End, Observer, Report, Work};
use crate::Error;

/// A progress bar with rate and time left on standard error if that is a terminal; else silence.
#[derive(Debug, Default)]
pub struct Console {
    bar: Option<ProgressBar>,
}

impl Console {
    /// A console that has not shown anything yet.
    pub fn new() -> Console {
        Console::default()
    }
}

impl Observer for Console {
    fn on_start(&mut self, search: &mut dyn Work, last_step: Option<u64>) -> Result<(), Error> {
        if !std::io::stderr().is_terminal() {
            return Ok(());
        }
        let (bar, template) = match last_step {
            Some(n) => (ProgressBar::new(n), "{bar:30} {pos}/{len} steps, {per_sec}, {eta} left  {msg}"),
            None => (ProgressBar::new_spinner(), "{spinner} {pos} steps, {per_sec}  {msg}"),
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the templates above are valid"));
        // Steps of an earlier process must not count into the rate.
        bar.set_position(search.steps_done());
        bar.reset_eta();
        self.bar = Some(bar);
        Ok(())
    }

    fn on_step(&mut self, search: &mut dyn Work, report: &Report) -> Result<(), Error> {
        if let Some(bar) = &self.bar {
            bar.set_position(search.steps_done());
            if let Some(message) = &report.message {
                bar.set_message(message.clone());
            }
        }
        Ok(())
    }

    fn on_end(&mut self, _search: &mut dyn Work, _end: End) -> Result<(), Error> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        Ok(())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
