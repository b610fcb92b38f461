//! How fast the kernels, the training steps and the feature network of this library are on a device, beside what the
//! device can do at best in the same minute.

mod case;
mod inception;
mod kernels;
pub mod peak;
mod sample;
mod steps;

use serde::Serialize;

use crate::{Device, Error, Rng};
pub use case::{Case, Make, Row, Work};
pub use inception::inception;
pub use kernels::kernels;
use peak::Best;
use sample::Repeated;
pub use sample::median;
pub use steps::{StepSizes, steps};

/// Pairs of measurements, one of a case and one of the device's best, of which the medians are reported.
const SAMPLES: usize = 5;

/// What a device can do at best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Peak {
    /// Multiply-adds out of registers, in GFLOP/s; a multiply-add is two operations.
    pub gflops: f64,
    /// A copy of memory beyond every cache, in GB/s, read and written bytes both counted.
    pub gbytes_per_s: f64,
}

/// Measures every case whose name and shape hold `filter` and tells `each` at once.
///
/// # Errors
/// If nothing holds the filter, or the device failed.
pub fn measure(
    device: &Device,
    mut cases: Vec<Case>,
    filter: &str,
    mut each: impl FnMut(&Row),
) -> Result<(Peak, Vec<Row>), Error> {
    let full = |case: &Case| format!("{} {}", case.name, case.shape);
    if !cases.iter().any(|case| full(case).contains(filter)) {
        let names: Vec<String> = cases.iter().map(full).collect();
        let what = format!("nothing here has `{filter}` in its name or shape; there is {}", names.join(", "));
        return Err(Error::config("filter", what));
    }
    cases.retain(|case| full(case).contains(filter));
    let best = Best::new(device);
    let multiply_add = Repeated::with_rounds(device, |rounds| best.multiply_add(rounds))?;
    let copy = Repeated::new(device, || best.copy())?;
    let mut multiply_add = Rates::new(multiply_add, best.operations())?;
    let mut copy = Rates::new(copy, best.bytes())?;
    let mut rng = Rng::seed(1);
    let mut rows = Vec::new();
    for case in cases {
        let call = (case.make)(device, &mut rng);
        let before = device.counters();
        let kernel = Repeated::new(device, &*call)?;
        let (counted, between) = (device.operations(), device.counters());
        call();
        device.sync()?;
        let counted = (device.operations() - counted) as f64;
        let work = case.work.unwrap_or(Work::Operations(counted));
        let counters = before.zip(between).zip(device.counters()).map(|((before, between), after)| {
            let mut one = after - between;
            one.pipelines = between.pipelines - before.pipelines;
            one
        });
        let (mut seconds, mut shares) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let best = match work {
                Work::Operations(_) => multiply_add.again()?,
                Work::Bytes(_) => copy.again()?,
            };
            let each = kernel.seconds()?;
            seconds.push(each);
            shares.push(work.amount() / each / best);
        }
        let row = Row {
            name: case.name,
            shape: case.shape,
            ms: median(seconds) * 1e3,
            first_ms: kernel.first().as_secs_f64() * 1e3,
            work,
            share: median(shares),
            images: case.images,
            bytes: device.memory().bytes,
            counters,
        };
        each(&row);
        rows.push(row);
    }
    let peak = Peak {
        gflops: median(multiply_add.seen) / 1e9,
        gbytes_per_s: median(copy.seen) / 1e9,
    };
    Ok((peak, rows))
}

/// How often a kernel's work was done in a second, each time that it was measured.
struct Rates<'a> {
    kernel: Repeated<'a>,
    amount: f64,
    seen: Vec<f64>,
}

impl<'a> Rates<'a> {
    /// Measured once: what a filter leaves out is reported too.
    fn new(kernel: Repeated<'a>, amount: f64) -> Result<Rates<'a>, Error> {
        let seen = vec![amount / kernel.seconds()?];
        Ok(Rates { kernel, amount, seen })
    }

    fn again(&mut self) -> Result<f64, Error> {
        let rate = self.amount / self.kernel.seconds()?;
        self.seen.push(rate);
        Ok(rate)
    }
}
