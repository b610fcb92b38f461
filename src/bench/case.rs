//! What can be measured, and what came of it.

use serde_json::{Value, json};

use crate::device::Counters;
use crate::{Device, Rng};

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Floating-point operations, a multiply-add being two; those with padding that a kernel skips count too.
    Operations(f64),
    /// Bytes, each operand and result once.
    Bytes(f64),
}

impl Work {
    /// The number.
    pub fn amount(self) -> f64 {
        match self {
            Work::Operations(n) | Work::Bytes(n) => n,
        }
    }
}

/// Makes the operands of a piece of work on a device; what it gives does the work.
pub type Make = Box<dyn Fn(&Device, &mut Rng) -> Box<dyn Fn()>>;

/// A piece of work at a size.
pub struct Case {
    /// What it is.
    pub name: String,
    /// Its size.
    pub shape: String,
    /// What a call does; none for what [`Device::operations`] counts in one.
    pub work: Option<Work>,
    /// Pictures that go through in a call, 0 where there are none.
    pub images: usize,
    /// Its operands.
    pub make: Make,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Its size.
    pub shape: String,
    /// Milliseconds of a call.
    pub ms: f64,
    /// Milliseconds of the first call, which builds pipelines and takes memory.
    pub first_ms: f64,
    /// What it does in a call.
    pub work: Work,
    /// Its rate as a share of the device's best of the same sort, measured beside it.
    pub share: f64,
    /// Pictures that go through in a call, 0 where there are none.
    pub images: usize,
    /// Bytes that the device has taken from the system so far.
    pub bytes: u64,
    /// On a GPU: pipelines of the first call, launches and submissions of a later one.
    pub counters: Option<Counters>,
}

impl Row {
    /// In GFLOP/s or GB/s.
    pub fn rate(&self) -> f64 {
        self.work.amount() / self.ms / 1e6
    }

    /// Pictures a second, where there are some.
    pub fn images_per_s(&self) -> Option<f64> {
        (self.images > 0).then(|| self.images as f64 * 1e3 / self.ms)
    }

    /// As `ganas bench --json` prints it.
    pub fn to_json(&self) -> Value {
        let unit = match self.work {
            Work::Operations(_) => "gflops",
            Work::Bytes(_) => "gbytes_per_s",
        };
        let mut all = json!({
            "name": self.name,
            "shape": self.shape,
            "ms": self.ms,
            "first_ms": self.first_ms,
            unit: self.rate(),
            "share": self.share,
            "mbytes": self.bytes as f64 * 1e-6,
        });
        if let Some(rate) = self.images_per_s() {
            all["images_per_s"] = rate.into();
        }
        if let Some(counters) = self.counters {
            all["pipelines"] = counters.pipelines.into();
            all["dispatches"] = counters.dispatches.into();
            all["submissions"] = counters.submissions.into();
        }
        all
    }
}
