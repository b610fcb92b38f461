//! Lesson 4: the same operations on every device of this machine.
//!
//! Every operation exists twice: as a native kernel on the CPU and as a WGSL kernel for any Vulkan, Metal or DX12
//! adapter. This program times some of them, each on two shapes, on the CPU and on every adapter, and shows how far
//! the results lie from those of the CPU, as a share of their largest value. Sums are added in another order on each
//! device, so differences near 1e-6 are rounding.
//!
//! A clock starts only after a first call that builds pipelines and fills the memory pool, and stops only once the
//! device has finished, since work is handed over and not waited for.
//!
//! Run with `cargo run --example 04_kernels_side_by_side`, add `--release` for the last per cents.

use std::time::{Duration, Instant};

use ganas::{Conv2d, Device, Error, Pool, Rng, Tensor};

/// Each operation is repeated for at least this long.
const PATIENCE: Duration = Duration::from_millis(150);

/// What one call costs.
enum Work {
    /// Multiplications and additions.
    Flops(usize),
    /// Bytes read and written.
    Bytes(usize),
}

/// A call with its inputs at hand.
type Call = Box<dyn Fn() -> Vec<Tensor>>;

/// An operation on inputs of certain shapes.
struct Case {
    name: &'static str,
    inputs: Vec<Vec<usize>>,
    work: Work,
    /// Prepares what is not timed, and returns what is.
    prepare: fn(Vec<Tensor>) -> Call,
}

fn main() -> Result<(), Error> {
    let mut devices = Vec::new();
    for info in Device::list() {
        devices.push(Device::open(&info.id)?);
        println!("{:6}  {} ({}) {}", info.id, info.name, info.backend, info.driver);
    }
    println!(
        "\n{:16}  {:36}  {:6}  {:>9}  {:>16}  {:>10}",
        "operation", "shapes", "device", "ms", "rate", "difference"
    );
    for case in cases() {
        let mut of_the_cpu: Option<Vec<f32>> = None;
        for device in &devices {
            let (values, seconds) = measure(&case, device)?;
            let difference = match &of_the_cpu {
                Some(want) => format!("{:.1e}", difference(&values, want)),
                None => "-".to_owned(),
            };
            let shapes: Vec<String> = case.inputs.iter().map(|s| format!("{s:?}").replace(' ', "")).collect();
            let (rate, unit) = match case.work {
                Work::Flops(n) => (n, "GFLOP/s"),
                Work::Bytes(n) => (n, "GB/s   "),
            };
            let (name, shapes) = if of_the_cpu.is_none() {
                (case.name, shapes.join(" "))
            } else {
                ("", String::new())
            };
            println!(
                "{name:16}  {shapes:36}  {:6}  {:9.3}  {:8.1} {unit}  {difference:>10}",
                device.info().id,
                1e3 * seconds,
                rate as f64 / seconds / 1e9
            );
            of_the_cpu.get_or_insert(values);
        }
    }
    if devices.len() == 1 {
        println!(
            "\nThere is no Vulkan, Metal or DX12 adapter on this machine, so only the CPU was measured."
        );
        println!(
            "On Debian and Ubuntu `eval \"$(scripts/install-vulkan)\"` installs software drivers, which run"
        );
        println!("the same kernels, slowly.");
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for [side, c] in [[16, 32], [32, 64]] {
        let (image, weight) = (vec![8, side, side, c], vec![9, c, c]);
        let elements = 8 * side * side * c;
        let flops = 2 * elements * 9 * c;
        all.push(Case {
            name: "conv2d",
            inputs: vec![image.clone(), weight.clone()],
            work: Work::Flops(flops),
            prepare: |x| Box::new(move || vec![x[0].conv2d(&x[1], Conv2d::same(3))]),
        });
        all.push(Case {
            name: "conv2d backward",
            inputs: vec![image.clone(), weight, image.clone()],
            work: Work::Flops(2 * flops),
            prepare: |x| {
                let (image, weight) = (x[0].param(), x[1].param());
                let y = image.conv2d(&weight, Conv2d::same(3));
                Box::new(move || {
                    let grads = y.backward_from(&x[2], &[&image, &weight]);
                    vec![grads[&image].clone(), grads[&weight].clone()]
                })
            },
        });
        let n = side * 16;
        all.push(Case {
            name: "matmul",
            inputs: vec![vec![n, n], vec![n, n]],
            work: Work::Flops(2 * n * n * n),
            prepare: |x| Box::new(move || vec![x[0].matmul(&x[1])]),
        });
        all.push(Case {
            name: "multiply",
            inputs: vec![image.clone(), image.clone()],
            work: Work::Bytes(4 * 3 * elements),
            prepare: |x| Box::new(move || vec![&x[0] * &x[1]]),
        });
        all.push(Case {
            name: "tanh",
            inputs: vec![image.clone()],
            work: Work::Bytes(4 * 2 * elements),
            prepare: |x| Box::new(move || vec![x[0].tanh()]),
        });
        all.push(Case {
            name: "avg_pool 2x2",
            inputs: vec![image],
            work: Work::Bytes(4 * (elements + elements / 4)),
            prepare: |x| Box::new(move || vec![x[0].avg_pool(Pool::blocks(2))]),
        });
    }
    all
}

/// The results of one call, and the mean time of a call.
fn measure(case: &Case, device: &Device) -> Result<(Vec<f32>, f64), Error> {
    let mut rng = Rng::seed(1); // drawn on the host: every device gets the same
    let inputs = case
        .inputs
        .iter()
        .map(|shape| Tensor::normal(device, &shape[..], &mut rng))
        .collect();
    let call = (case.prepare)(inputs);
    let mut values = Vec::new();
    for y in call() {
        values.extend(y.to_vec()?);
    }
    let (mut calls, mut batch) = (0, 1);
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        for _ in 0..batch {
            call();
        }
        device.sync()?;
        calls += batch;
        batch = 2 * batch.min(32);
    }
    Ok((values, start.elapsed().as_secs_f64() / f64::from(calls)))
}

/// The largest difference as a share of the largest value.
fn difference(got: &[f32], want: &[f32]) -> f32 {
    let largest = want.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    let worst = got.iter().zip(want).fold(0.0_f32, |m, (g, w)| m.max((g - w).abs()));
    worst / largest
}
