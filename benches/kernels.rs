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
use ganas::ops::conv2d::Conv2d;
use ganas::{Device, Rng, Tensor};
use measure::{Time, median, time};

fn main() {
    let name = std::env::var("GANAS_DEVICE").unwrap_or_else(|_| "cpu".into());
    let device = Device::open(&name).expect("GANAS_DEVICE names a device");
    let mut bench = Bench::new(device);
    bench.convolutions();
    bench.products();
    bench.traffic();
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

    fn normal(&mut self, shape: &[usize]) -> Tensor {
        Tensor::normal(&self.device, shape, &mut self.rng)
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

    /// 3x3 convolutions, forward and both gradients.
    fn convolutions(&mut self) {
        let shapes: &[([usize; 4], usize)] = if self.device.info().kind == "software" {
            &[([4, 16, 16, 256], 256), ([4, 32, 32, 32], 32)]
        } else {
            &[
                ([16, 32, 32, 256], 256),
                ([16, 16, 16, 256], 256),
                ([16, 32, 32, 32], 32),
                ([16, 8, 8, 160], 160),
            ]
        };
        for &(shape, cout) in shapes {
            let [n, h, w, cin] = shape;
            let conv = Conv2d::same(3);
            let (x, weights) = (self.normal(&shape), self.normal(&[9, cin, cout]));
            let gy = self.normal(&[n, h, w, cout]);
            let flops = 2.0 * (n * h * w * 9 * cin * cout) as f64;
            let name = |part: &str| format!("conv2d 3x3 {part} {n}x{h}x{w}x{cin} to {cout}");
            self.case(&name("forward"), Peak::Product, flops, || {
                x.conv2d(&weights, conv);
            });
            let (x, weights) = (x.param(), weights.param());
            let y = x.conv2d(&weights, conv);
            self.case(&name("both gradients"), Peak::Product, 2.0 * flops, || {
                y.backward_from(&gy, &[&x, &weights]);
            });
        }
    }

    fn products(&mut self) {
        for [m, k, n] in [[512, 512, 512], [1024, 64, 1024], [64, 4096, 64]] {
            let (a, b) = (self.normal(&[m, k]), self.normal(&[k, n]));
            let flops = 2.0 * (m * k * n) as f64;
            self.case(&format!("matmul {m}x{k}x{n}"), Peak::Product, flops, || {
                a.matmul(&b);
            });
        }
    }

    /// Kernels that move more than they compute; bytes count each operand once.
    fn traffic(&mut self) {
        let x = self.normal(&[16, 32, 32, 256]);
        let z = self.normal(&[16, 32, 32, 256]);
        let (gamma, beta) = (self.normal(&[256]), self.normal(&[256]));
        let bytes = x.elements() as f64 * 4.0;
        self.case("relu 16x32x32x256", Peak::Copy, 2.0 * bytes, || {
            x.relu();
        });
        self.case("add 16x32x32x256", Peak::Copy, 3.0 * bytes, || drop(&x + &z));
        self.case("batch_norm 16x32x32x256", Peak::Copy, 3.0 * bytes, || {
            x.batch_norm(&gamma, &beta, 1e-5);
        });
        self.case("sum of channels 16x32x32x256", Peak::Copy, bytes, || {
            x.sum(&[0, 1, 2]);
        });
        self.case("upsample_nearest 16x32x32x256 by 2", Peak::Copy, 5.0 * bytes, || {
            x.upsample_nearest(2);
        });
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
