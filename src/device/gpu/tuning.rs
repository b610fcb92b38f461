//! Which of several launches that write the same bits is the fastest on this adapter: measured at their first use, on
//! the operands at hand.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::kernel::{Kernel, Params};
use super::{Gpu, GpuBuffer, Grid};
use crate::Error;

/// One of several launches with the same parameters and buffers that write the same bits.
#[derive(Debug, Clone)]
pub struct Way {
    /// By which it is chosen and stored.
    pub name: &'static str,
    /// The kernel.
    pub kernel: Kernel,
    /// Over what.
    pub grid: Grid,
    /// Whether it is the fastest wherever it comes first, so that nothing need be measured.
    pub certain: bool,
}

/// The name of the fastest [`Way`] of each piece of work that was measured.
pub type Choices = BTreeMap<String, String>;

/// Gets all choices after each new one.
type Told = Box<dyn Fn(&Choices) + Send>;

/// What is known, and how much more may be measured.
#[derive(Default)]
pub(super) struct Tuning {
    choices: Choices,
    left: Duration,
    told: Option<Told>,
    preferred: Option<String>,
}

/// A way has to be faster by this than one that comes before it.
const CLEARLY: f64 = 0.97;
/// A measurement takes about this long, so that the clock can tell.
const ENOUGH: Duration = Duration::from_millis(2);
/// Most launches of a measurement.
const MOST_LAUNCHES: usize = 32;

impl Gpu {
    /// From now on, where there are several ways to the same bits, measures at the first use which is the fastest, for
    /// at most `most` in all; until then, and for what is left over, a fixed rule decides. `known` are choices of
    /// earlier runs; `told` gets all choices after each new one.
    pub fn tune(&self, most: Duration, known: Choices, told: impl Fn(&Choices) + Send + 'static) {
        let mut tuning = self.tuning();
        tuning.choices = known;
        tuning.left = most;
        tuning.told = Some(Box::new(told));
    }

    /// What was chosen so far, earlier runs included.
    pub fn choices(&self) -> Choices {
        self.tuning().choices.clone()
    }

    /// Takes the way of this name wherever there is one, else what the fixed rule takes. For tests.
    #[doc(hidden)]
    pub fn prefer(&self, way: &str) {
        self.tuning().preferred = Some(way.to_owned());
    }

    /// Launches one of `ways`, the first by the fixed rule. `work` and the powers of two of its `sizes` are what a choice
    /// is made for.
    ///
    /// # Panics
    /// As [`Gpu::launch`].
    #[track_caller]
    pub fn launch_fastest<P: Params>(
        &self,
        work: &str,
        sizes: &[usize],
        ways: &[Way],
        params: &P,
        buffers: &[(&str, &GpuBuffer)],
    ) {
        let launch = |way: &Way| self.launch(&way.kernel, params, buffers, way.grid);
        let at = match self.known(work, sizes, ways) {
            Some(at) => at,
            // The device's failure is reported at the next read.
            None => self.measure(&key(work, sizes), ways, launch).unwrap_or(0),
        };
        launch(&ways[at]);
    }

    /// Which way to take without measuring; none if it is to be measured.
    fn known(&self, work: &str, sizes: &[usize], ways: &[Way]) -> Option<usize> {
        if ways.len() == 1 || ways[0].grid.is_empty() || self.is_dry() {
            return Some(0);
        }
        let tuning = self.tuning();
        let named = |name: &String| ways.iter().position(|way| way.name == name);
        if let Some(name) = &tuning.preferred {
            return Some(named(name).unwrap_or(0));
        }
        if ways[0].certain || tuning.choices.is_empty() && tuning.left.is_zero() {
            return Some(0);
        }
        let chosen = tuning.choices.get(&key(work, sizes)).and_then(named);
        chosen.or_else(|| tuning.left.is_zero().then_some(0))
    }

    #[track_caller]
    fn measure(&self, key: &str, ways: &[Way], launch: impl Fn(&Way)) -> Result<usize, Error> {
        // Work recorded before is not part of it.
        self.sync()?;
        let began = Instant::now();
        let most = self.tuning().left;
        let timed = |way: &Way, times: usize| {
            let start = Instant::now();
            (0..times).for_each(|_| launch(way));
            self.sync()?;
            Ok::<_, Error>(start.elapsed() / times as u32)
        };
        let mut best = (0, Duration::MAX);
        for (at, way) in ways.iter().enumerate() {
            // The first launch builds the pipeline.
            timed(way, 1)?;
            let mut time = timed(way, 1)?;
            let hopeless = time / 2 > best.1;
            if !hopeless {
                let times = (ENOUGH.as_nanos() / time.as_nanos().max(1)) as usize;
                time = time.min(timed(way, times.clamp(1, MOST_LAUNCHES))?);
            }
            if at == 0 || time < best.1.mul_f64(CLEARLY) {
                best = (at, time);
            }
            if began.elapsed() > most && at + 1 < ways.len() {
                // A choice among some of the ways is none.
                self.tuning().left = Duration::ZERO;
                return Ok(0);
            }
        }
        let mut tuning = self.tuning();
        tuning.left = most.saturating_sub(began.elapsed());
        tuning.choices.insert(key.to_owned(), ways[best.0].name.to_owned());
        if let Some(told) = &tuning.told {
            told(&tuning.choices);
        }
        Ok(best.0)
    }

    fn tuning(&self) -> MutexGuard<'_, Tuning> {
        self.0.tuning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sizes that differ by less than a factor of two share a choice.
fn key(work: &str, sizes: &[usize]) -> String {
    let sizes = sizes.iter().map(|n| format!(" {}", n.next_power_of_two()));
    work.to_owned() + &sizes.collect::<String>()
}
