//! 3x3 convolutions of ganas beside candle's on the CPU, taking turns in one process.
//!
//! `cargo run --release`. Each library gets its own layout and its own random input, keeps its own tensors between
//! calls, and is waited for before the clock stops.

#[path = "../../measure.rs"]
mod measure;

use candle_core::{Device as CandleDevice, Tensor as CandleTensor, Var};
use ganas::ops::conv2d::Conv2d;
use ganas::{Device, Rng, Tensor};
use measure::{median, time};

const ROUNDS: usize = 7;

/// Batch, side, input and output channels.
#[derive(Clone, Copy)]
struct Case {
    n: usize,
    side: usize,
    cin: usize,
    cout: usize,
}

struct Engine {
    name: &'static str,
    forward: Box<dyn FnMut()>,
    both: Box<dyn FnMut()>,
}

fn main() {
    let case = |n, side, cin, cout| Case { n, side, cin, cout };
    let cases = [case(16, 32, 256, 256), case(16, 16, 256, 256), case(16, 32, 32, 32)];
    println!(
        "| 3x3 convolution | engine | forward, GFLOP/s | ganas is faster by | forward + backward, GFLOP/s | ganas is faster by |"
    );
    println!("|---|---|---|---|---|---|");
    for case in cases {
        compare(case, &mut [ganas(Device::cpu(), case), candle(case)]);
    }
}

fn compare(case: Case, engines: &mut [Engine]) {
    let Case { n, side, cin, cout } = case;
    let flops = 2.0 * (n * side * side * 9 * cin * cout) as f64;
    let cores = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    let mut seconds = vec![[Vec::new(), Vec::new()]; engines.len()];
    // The first round builds pipelines, tunes kernels and fills memory pools.
    for round in 0..=ROUNDS {
        for (engine, seconds) in engines.iter_mut().zip(&mut seconds) {
            let times = [time(&mut engine.forward), time(&mut engine.both)];
            if round > 0 {
                for (all, time) in seconds.iter_mut().zip(times) {
                    all.push(time.threads / cores);
                }
            }
        }
    }
    let rates: Vec<[f64; 2]> = seconds
        .into_iter()
        .map(|[forward, both]| {
            [
                flops / median(forward) / 1e9,
                3.0 * flops / median(both) / 1e9,
            ]
        })
        .collect();
    for (engine, rate) in engines.iter().zip(&rates) {
        println!(
            "| {n}x{side}x{side}x{cin} to {cout} | {} | {:.1} | {:.2} | {:.1} | {:.2} |",
            engine.name,
            rate[0],
            rates[0][0] / rate[0],
            rate[1],
            rates[0][1] / rate[1]
        );
    }
}

fn ganas(device: Device, Case { n, side, cin, cout }: Case) -> Engine {
    let mut rng = Rng::seed(1);
    let x = Tensor::normal(&device, [n, side, side, cin], &mut rng).param();
    let w = Tensor::normal(&device, [9, cin, cout], &mut rng).param();
    let (x0, w0, device0) = (x.detach(), w.detach(), device.clone());
    Engine {
        name: "ganas",
        forward: Box::new(move || {
            x0.conv2d(&w0, Conv2d::same(3));
            device0.sync().expect("the device works");
        }),
        both: Box::new(move || {
            let loss = x.conv2d(&w, Conv2d::same(3)).sum_all();
            loss.backward(&[&x, &w]);
            device.sync().expect("the device works");
        }),
    }
}

fn candle(Case { n, side, cin, cout }: Case) -> Engine {
    let normal = |shape: [usize; 4]| {
        CandleTensor::randn(0.0_f32, 1.0, &shape[..], &CandleDevice::Cpu).expect("candle's input")
    };
    let (x0, w0) = (normal([n, cin, side, side]), normal([cout, cin, 3, 3]));
    let var = |tensor: &CandleTensor| Var::from_tensor(tensor).expect("candle's variable");
    let (x, w) = (var(&x0), var(&w0));
    Engine {
        name: "candle",
        forward: Box::new(move || {
            x0.conv2d(&w0, 1, 1, 1, 1).expect("candle's convolution");
        }),
        both: Box::new(move || {
            let y = x.conv2d(&w, 1, 1, 1, 1).expect("candle's convolution");
            y.sum_all()
                .and_then(|loss| loss.backward())
                .expect("candle's gradient");
        }),
    }
}
