//! A few honest shapes of the heavy kernels: time, GFLOP/s or GB/s, and the share of what this device reaches at best.
//!
//! `cargo bench --bench kernels [-- FILTER]`; `GANAS_DEVICE` names the device, `cpu` by default. Arithmetic is
//! compared with the device's rate for a large matrix product, traffic with a copy, both measured beside each kernel.
//! Rates are per second of the threads of this process times their number, so that a busy machine does not distort
//! them; on a real GPU, where the host's threads say nothing, by the wall clock.

mod measure;

use std::cell::RefCell;
use std::time::Duration;

use criterion::Criterion;
use ganas::bench::{Work, kernels};
use ganas::{Device, Rng, Tensor};
use measure::{Time, median, time};

fn main() {
    let name = std::env::var("GANAS_DEVICE").unwrap_or_else(|_| "cpu".into());
    let device = Device::open(&name).expect("GANAS_DEVICE names a device");
    let mut bench = Bench::new(device);
    bench.cases();
    bench.criterion.final_summary();
    bench.print();
}

/// What a kernel is compared with.
#[derive(Clone, Copy, PartialEq)]
enum Peak {
    Product,
    Copy,
}

struct Row {
    name: String,
    peak: Peak,
    seconds: f64,
    rate: f64,
    share: f64,
}

struct Bench {
    device: Device,
    by_threads: bool,
    threads: f64,
    rng: Rng,
    criterion: Criterion,
    rows: Vec<Row>,
    product: [Tensor; 2],
    copied: Tensor,
}

impl Bench {
    fn new(device: Device) -> Bench {
        let mut rng = Rng::seed(1);
        let native = device.info().kind == "cpu";
        // Large enough for the peak, small enough for a software adapter.
        let n = if native { 2048 } else { 512 };
        let (product, copied) = {
            let mut normal = |shape: &[usize]| Tensor::normal(&device, shape, &mut rng);
            ([normal(&[n, n]), normal(&[n, n])], normal(&[1 << 24]))
        };
        Bench {
            by_threads: matches!(device.info().kind, "cpu" | "software"),
            threads: std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64),
            rng,
            criterion: Criterion::default()
                .sample_size(10)
                .warm_up_time(Duration::from_millis(300))
                .measurement_time(Duration::from_secs(2))
                .configure_from_args(),
            rows: Vec::new(),
            product,
            copied,
            device,
        }
    }

    /// Seconds of a piece of work, by the clock that fits the device.
    fn seconds(&self, work: impl FnOnce()) -> f64 {
        let Time { wall, threads } = time(|| {
            work();
            self.device.sync().expect("the device works");
        });
        if self.by_threads { threads / self.threads } else { wall }
    }

    fn peak(&self, peak: Peak) -> f64 {
        match peak {
            Peak::Product => {
                let [a, b] = &self.product;
                let n = a.shape()[0] as f64;
                2.0 * n.powi(3) / self.seconds(|| drop(a.matmul(b)))
            }
            Peak::Copy => {
                let bytes = self.copied.elements() as f64 * 8.0;
                bytes / self.seconds(|| drop(self.copied.scale(1.0)))
            }
        }
    }

    /// Measures `work`, which does `amount` floating-point operations or moves that many bytes.
    fn case(&mut self, name: &str, peak: Peak, amount: f64, work: impl Fn()) {
        let samples = RefCell::new(Vec::new());
        let mut criterion = std::mem::take(&mut self.criterion);
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|n| {
                let best = self.peak(peak);
                let seconds = self.seconds(|| (0..n).for_each(|_| work()));
                let each = seconds / n as f64;
                samples.borrow_mut().push((each, amount / each / best));
                Duration::from_secs_f64(seconds)
            });
        });
        self.criterion = criterion;
        let samples = samples.into_inner();
        // A filter on the command line leaves cases out.
        if samples.is_empty() {
            return;
        }
        let seconds = median(samples.iter().map(|s| s.0).collect());
        self.rows.push(Row {
            name: name.into(),
            peak,
            seconds,
            rate: amount / seconds / 1e9,
            share: median(samples.iter().map(|s| s.1).collect()),
        });
    }

    /// The kernels of `ganas bench kernels`.
    fn cases(&mut self) {
        for case in kernels(self.device.info().kind) {
            let call = (case.make)(&self.device, &mut self.rng);
            let work = case.work.expect("a kernel's work is known");
            let peak = match work {
                Work::Operations(_) => Peak::Product,
                Work::Bytes(_) => Peak::Copy,
            };
            self.case(&format!("{} {}", case.name, case.shape), peak, work.amount(), call);
        }
    }

    fn print(&self) {
        println!("\n{:?}, medians", self.device);
        println!("| kernel | ms | rate | share |");
        println!("|---|---|---|---|");
        for row in &self.rows {
            let (unit, of) = match row.peak {
                Peak::Product => ("GFLOP/s", "matmul"),
                Peak::Copy => ("GB/s", "copy"),
            };
            println!(
                "| {} | {:.3} | {:.1} {unit} | {:.0} % of {of} |",
                row.name,
                row.seconds * 1e3,
                row.rate,
                row.share * 100.0
            );
        }
    }
}
