//! How fast the kernels of this library are on a device, beside what the device can do at best in the same minute.

mod kernels;
pub mod peak;
mod sample;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Device, Error, Rng};
pub use kernels::{Case, Work, cases};
use peak::Best;
use sample::Repeated;
pub use sample::median;

/// Pairs of measurements, one of the kernel and one of the device's best, of which the medians are reported.
const SAMPLES: usize = 5;

/// What a device can do at best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Peak {
    /// Multiply-adds out of registers, in GFLOP/s; a multiply-add is two operations.
    pub gflops: f64,
    /// A copy of memory beyond every cache, in GB/s, read and written bytes both counted.
    pub gbytes_per_s: f64,
}

/// What came of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The kernel.
    pub name: String,
    /// Its size.
    pub shape: String,
    /// Milliseconds of a call.
    pub ms: f64,
    /// What it does in a call.
    pub work: Work,
    /// Its rate as a share of the device's best of the same sort, measured beside it.
    pub share: f64,
}

impl Row {
    /// In GFLOP/s or GB/s.
    pub fn rate(&self) -> f64 {
        self.work.amount() / self.ms / 1e6
    }

    /// As `ganas bench --json` prints it.
    pub fn to_json(&self) -> Value {
        let unit = match self.work {
            Work::Operations(_) => "gflops",
            Work::Bytes(_) => "gbytes_per_s",
        };
        json!({"name": self.name, "shape": self.shape, "ms": self.ms, unit: self.rate(), "share": self.share})
    }
}

/// Measures every kernel whose name and shape hold `filter` and tells `each` at once.
///
/// # Errors
/// If nothing holds the filter, or the device failed.
pub fn kernels(device: &Device, filter: &str, mut each: impl FnMut(&Row)) -> Result<(Peak, Vec<Row>), Error> {
    let mut cases = cases(device.info().kind);
    cases.retain(|case| format!("{} {}", case.name, case.shape).contains(filter));
    if cases.is_empty() {
        return Err(Error::config("filter", format!("no kernel has `{filter}` in its name or shape")));
    }
    let best = Best::new(device);
    let multiply_add = Repeated::with_rounds(device, |rounds| best.multiply_add(rounds))?;
    let copy = Repeated::new(device, || best.copy())?;
    let mut multiply_add = Rates::new(multiply_add, best.operations())?;
    let mut copy = Rates::new(copy, best.bytes())?;
    let mut rng = Rng::seed(1);
    let mut rows = Vec::new();
    for case in cases {
        let call = (case.make)(device, &mut rng);
        let kernel = Repeated::new(device, &*call)?;
        let (mut seconds, mut shares) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let best = match case.work {
                Work::Operations(_) => multiply_add.again()?,
                Work::Bytes(_) => copy.again()?,
            };
            let each = kernel.seconds()?;
            seconds.push(each);
            shares.push(case.work.amount() / each / best);
        }
        let row = Row {
            name: case.name,
            shape: case.shape,
            ms: median(seconds) * 1e3,
            work: case.work,
            share: median(shares),
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
