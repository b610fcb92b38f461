//! 3x3 convolutions, a product and updates of a supernet of ganas beside burn's on a software Vulkan adapter, taking turns
//! in one process.
//!
//! `cargo run --release [ROUNDS] [kernels] [steps]`, both parts by default, with `VK_DRIVER_FILES` naming the driver where
//! there are several. Each library gets its own layout and random input, keeps its tensors between calls, and is waited for
//! before the clock stops. The first call of each is timed by itself: it builds pipelines, and burn tunes its kernels.

mod supernet;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device as BurnDevice, DeviceKind, Distribution, Tensor as BurnTensor};
use ganas::bench::{StepSizes, steps};
use ganas::ops::conv2d::Conv2d;
use ganas::{Device, Rng, Tensor};
use supernet::Supernet;

/// A call that has finished when it returns.
struct Case {
    name: String,
    /// Floating-point operations, where they are known.
    work: Option<f64>,
    ours: Box<dyn FnMut()>,
    theirs: Box<dyn FnMut()>,
}

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(7, |n| n.parse().expect("a number of rounds"));
    let parts: Vec<String> = std::env::args().skip(2).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    let ours = Device::open("gpu").expect("an adapter");
    let theirs = BurnDevice::wgpu(DeviceKind::Cpu);
    println!("ganas: {ours:?}; burn: {theirs:?}\n");
    println!(
        "| what | ganas, ms | first, s | GFLOP/s | burn, ms | first, s | GFLOP/s | ganas is faster by |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut all = Vec::new();
    if wanted("kernels") {
        all.extend(kernels(&ours, &theirs));
    }
    if wanted("steps") {
        all.extend(updates(&ours, &theirs));
    }
    for case in all {
        compare(case, rounds);
    }
}

/// Channels of the generator and the discriminator of a supernet, and its batch.
const SUPERNET: [usize; 3] = [16, 8, 4];

/// Updates of the weights in AdversarialNAS's search.
fn updates(ours: &Device, theirs: &BurnDevice) -> Vec<Case> {
    let [width, disc_width, batch] = SUPERNET;
    let net = Rc::new(RefCell::new(Supernet::new(theirs, width, disc_width, batch)));
    let sizes = StepSizes {
        width: Some(width),
        disc_width: Some(disc_width),
        batch: Some(batch),
    };
    let all = steps(sizes).expect("sizes that work");
    let case = |name: &str, theirs: fn(&mut Supernet)| {
        let update = all.iter().find(|case| case.name == name).expect("an update of this name");
        let update = (update.make)(ours, &mut Rng::seed(1));
        let (ours, net) = (ours.clone(), net.clone());
        Case {
            name: format!("{name}, {width} and {disc_width} channels, batch {batch}"),
            work: None,
            ours: Box::new(move || {
                update();
                ours.sync().expect("the device works");
            }),
            theirs: Box::new(move || theirs(&mut net.borrow_mut())),
        }
    };
    vec![case("d_weight", Supernet::d_weight), case("g_weight", Supernet::g_weight)]
}

fn kernels(ours: &Device, theirs: &BurnDevice) -> Vec<Case> {
    let mut all = vec![product(ours, theirs, 512)];
    for [n, side, channels] in
        [[2, 8, 128], [2, 8, 256], [2, 16, 32], [2, 16, 128], [2, 16, 256], [16, 16, 128]]
    {
        all.push(forward(ours, theirs, [n, side, channels]));
        all.push(both(ours, theirs, [n, side, channels]));
    }
    all
}

fn compare(case: Case, rounds: usize) {
    let Case { name, work, mut ours, mut theirs } = case;
    let first = [seconds(&mut ours), seconds(&mut theirs)];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(seconds(&mut ours));
        times[1].push(seconds(&mut theirs));
    }
    let [a, b] = times.map(median);
    let rate = |seconds: f64| work.map_or(String::new(), |work| format!("{:.1}", work / seconds / 1e9));
    println!(
        "| {name} | {:.2} | {:.2} | {} | {:.2} | {:.2} | {} | {:.1} |",
        1e3 * a,
        first[0],
        rate(a),
        1e3 * b,
        first[1],
        rate(b),
        b / a
    );
}

fn seconds(call: &mut Box<dyn FnMut()>) -> f64 {
    let began = Instant::now();
    call();
    began.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn normal<const D: usize>(shape: [usize; D], device: &BurnDevice) -> BurnTensor<D> {
    BurnTensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn product(ours: &Device, theirs: &BurnDevice, n: usize) -> Case {
    let mut rng = Rng::seed(1);
    let (a, b) = (Tensor::normal(ours, [n, n], &mut rng), Tensor::normal(ours, [n, n], &mut rng));
    let (c, d) = (normal([n, n], theirs), normal([n, n], theirs));
    let (ours, theirs) = (ours.clone(), theirs.clone());
    Case {
        name: format!("product {n}x{n}x{n}"),
        work: Some(2.0 * (n * n * n) as f64),
        ours: Box::new(move || {
            a.matmul(&b);
            ours.sync().expect("the device works");
        }),
        theirs: Box::new(move || {
            let y = c.clone().matmul(d.clone());
            theirs.sync().expect("the device works");
            drop(y);
        }),
    }
}

fn work([n, side, channels]: [usize; 3]) -> f64 {
    2.0 * (n * side * side * 9 * channels * channels) as f64
}

fn same() -> ConvOptions<2> {
    ConvOptions::new([1, 1], [1, 1], [1, 1], 1)
}

fn forward(ours: &Device, theirs: &BurnDevice, sizes: [usize; 3]) -> Case {
    let [n, side, c] = sizes;
    let mut rng = Rng::seed(1);
    let x = Tensor::normal(ours, [n, side, side, c], &mut rng);
    let w = Tensor::normal(ours, [9, c, c], &mut rng);
    let (v, u) = (normal([n, c, side, side], theirs), normal([c, c, 3, 3], theirs));
    let (ours, theirs) = (ours.clone(), theirs.clone());
    Case {
        name: format!("3x3 {n}x{side}x{side}x{c}, forward"),
        work: Some(work(sizes)),
        ours: Box::new(move || {
            x.conv2d(&w, Conv2d::same(3));
            ours.sync().expect("the device works");
        }),
        theirs: Box::new(move || {
            let y = conv2d(v.clone(), u.clone(), None, same());
            theirs.sync().expect("the device works");
            drop(y);
        }),
    }
}

fn both(ours: &Device, theirs: &BurnDevice, sizes: [usize; 3]) -> Case {
    let [n, side, c] = sizes;
    let mut rng = Rng::seed(1);
    let x = Tensor::normal(ours, [n, side, side, c], &mut rng).param();
    let w = Tensor::normal(ours, [9, c, c], &mut rng).param();
    let theirs = theirs.clone().autodiff();
    let v = normal([n, c, side, side], &theirs).require_grad();
    let u = normal([c, c, 3, 3], &theirs).require_grad();
    let ours = ours.clone();
    Case {
        name: format!("3x3 {n}x{side}x{side}x{c}, forward and both gradients"),
        work: Some(3.0 * work(sizes)),
        ours: Box::new(move || {
            let grads = x.conv2d(&w, Conv2d::same(3)).sum_all().backward(&[&x, &w]);
            ours.sync().expect("the device works");
            drop(grads);
        }),
        theirs: Box::new(move || {
            let grads = conv2d(v.clone(), u.clone(), None, same()).sum().backward();
            let both = (v.grad(&grads), u.grad(&grads));
            theirs.sync().expect("the device works");
            drop(both);
        }),
    }
}
