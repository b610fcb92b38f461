//! The time of a call, by enough of them that the clock can tell.

use std::time::{Duration, Instant};

use crate::{Device, Error};

/// A measurement takes at least this long.
const LEAST: Duration = Duration::from_millis(20);

/// A piece of work, and how often it is done in one measurement.
pub(super) struct Repeated<'a> {
    device: &'a Device,
    /// Does it as often as told.
    call: Box<dyn Fn(usize) + 'a>,
    times: usize,
    first: Duration,
}

impl<'a> Repeated<'a> {
    /// Work that is repeated by calling it again.
    pub fn new(device: &'a Device, call: impl Fn() + 'a) -> Result<Repeated<'a>, Error> {
        Repeated::with_rounds(device, move |times| (0..times).for_each(|_| call()))
    }

    /// Work that repeats itself.
    pub fn with_rounds(device: &'a Device, call: impl Fn(usize) + 'a) -> Result<Repeated<'a>, Error> {
        let mut all = Repeated {
            device,
            call: Box::new(call),
            times: 1,
            first: Duration::ZERO,
        };
        // The first call may build a pipeline and take memory.
        all.first = all.run()?;
        while all.run()? < LEAST {
            all.times *= 2;
        }
        Ok(all)
    }

    /// Seconds of one call.
    pub fn seconds(&self) -> Result<f64, Error> {
        Ok(self.run()?.as_secs_f64() / self.times as f64)
    }

    /// The first call by itself.
    pub fn first(&self) -> Duration {
        self.first
    }

    fn run(&self) -> Result<Duration, Error> {
        self.device.sync()?;
        let start = Instant::now();
        (self.call)(self.times);
        self.device.sync()?;
        Ok(start.elapsed())
    }
}

/// The middle one of some values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
