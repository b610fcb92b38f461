//! What an evaluation costs: Inception's features, the algebra of FID, kernel distances and neighbours of large sets.
//!
//! `cargo bench --bench metrics [-- --device NAME --rounds N --part NAME]`. Each part runs in a process of its own, since
//! a process's peak memory cannot be reset. `--part inception` prints the images per second alone.

mod measure;
mod process;

use std::process::Command;

use ganas::data::ImageShape;
use ganas::metrics::{
    FeatureNetwork, FeatureSet, Inception, InceptionOptions, KidProtocol, Moments, Neighbours, Values,
    frechet_distance, kid, prdc, squared_mmd, trace_sqrt_by_cholesky, trace_sqrt_by_eigenvalues,
};
use ganas::{Device, Rng, Tensor};
use measure::{median, time};
use process::{option, peak_megabytes};

/// Images that go through Inception at once.
const BATCH: usize = 32;
/// Dimensions of FID's features.
const DIMS: usize = 2048;
/// Images on either side of the kernel distance and the neighbours.
const IMAGES: usize = 10_000;
/// Images behind a covariance.
const SAMPLES: usize = 5_000;

const PARTS: [&str; 4] = ["inception", "algebra", "kid", "prdc"];

fn main() {
    let device = option("--device").unwrap_or_else(|| "cpu".into());
    let rounds = option("--rounds").map_or(5, |n| n.parse().expect("--rounds N"));
    match option("--part").as_deref() {
        Some("inception") => inception(&device, rounds),
        Some("algebra") => algebra(rounds),
        Some("kid") => kernel_distance(),
        Some("prdc") => neighbours(),
        Some(other) => panic!("--part {other}; parts are {PARTS:?}"),
        None => all(&device, rounds),
    }
}

fn all(device: &str, rounds: usize) {
    println!("| what | figure |\n|---|---|");
    for part in PARTS {
        let program = std::env::current_exe().expect("the path of this program");
        let rounds = rounds.to_string();
        let status = Command::new(program)
            .args(["--part", part, "--device", device, "--rounds", &rounds])
            .status();
        assert!(status.expect("this program starts").success(), "{part} failed");
    }
}

/// Images per second, and the rate beside that of a large matrix product measured in turn with it.
fn inception(device: &str, rounds: usize) {
    let device = Device::open(device).expect("the device opens");
    let mut rng = Rng::seed(1);
    let net = Inception::random(&device, InceptionOptions::default(), &mut rng);
    let shape = ImageShape { h: 32, w: 32, c: 3 };
    // A software adapter takes a minute for what the processor does in a second.
    let (images, n) = if device.info().kind == "cpu" {
        (BATCH, 2048)
    } else {
        (4, 512)
    };
    let pixels: Vec<u8> = (0..images * shape.values()).map(|_| rng.below(256) as u8).collect();
    let square = Tensor::normal(&device, [n, n], &mut rng);
    let threads = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    net.forward(&pixels, shape).expect("the device works");
    let (mut walls, mut rates, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let features = time(|| drop(net.forward(&pixels, shape).expect("the device works")));
        let product = time(|| {
            let _result = square.matmul(&square);
            device.sync().expect("the device works");
        });
        // By the seconds that the threads ran, which another process does not lengthen.
        let rate = 2e-9 * (net.multiply_adds() * images as u64) as f64 * threads / features.threads;
        let peak = 2e-9 * (n as f64).powi(3) * threads / product.threads;
        walls.push(images as f64 / features.wall);
        rates.push(rate);
        shares.push(rate / peak);
    }
    println!("| Inception, batch {images}, images/s by the wall clock | {:.2} |", median(walls));
    println!(
        "| ... {:.2} G multiply-adds an image, GFLOP/s by thread seconds | {:.1} |",
        1e-9 * net.multiply_adds() as f64,
        median(rates)
    );
    println!("| ... share of a {n}-cubed matrix product | {:.0} % |", 100.0 * median(shares));
    println!("| ... peak resident, MB | {:.0} |", peak_megabytes().unwrap_or(f64::NAN));
}

/// Rows like those of Inception: not negative, correlated, of unequal spread.
fn features(n: usize, d: usize, seed: u64) -> FeatureSet {
    let mut rng = Rng::seed(seed);
    let mut values = Vec::with_capacity(n * d);
    for _ in 0..n {
        let common = rng.normal();
        let row = (0..d).map(|j| (rng.normal() + 0.3 * common).max(0.0) * (0.1 + (j % 17) as f32 * 0.05));
        values.extend(row);
    }
    FeatureSet::new(d, Values::F32(values)).expect("finite values")
}

fn algebra(rounds: usize) {
    let sets = [features(SAMPLES, DIMS, 1), features(SAMPLES, DIMS, 2)];
    let moments = |set: &FeatureSet| Moments::of(set).expect("many rows");
    let mut times = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    let mut apart = 0.0_f64;
    for _ in 0..rounds {
        let mut both = None;
        times[0].push(time(|| both = Some(sets.each_ref().map(moments))).wall);
        let [a, b] = both.expect("they were just computed");
        times[1].push(time(|| assert!(frechet_distance(&a, &b).expect("finite").distance > 0.0)).wall);
        let (mut by_cholesky, mut by_eigenvalues) = (None, None);
        times[2].push(time(|| by_cholesky = trace_sqrt_by_cholesky(&a.covariance, &b.covariance, DIMS)).wall);
        times[3].push(
            time(|| by_eigenvalues = Some(trace_sqrt_by_eigenvalues(&a.covariance, &b.covariance, DIMS)))
                .wall,
        );
        apart =
            apart.max((by_cholesky.expect("full rank") / by_eigenvalues.expect("just computed") - 1.0).abs());
    }
    let [moments, distance, cholesky, eigenvalues] = times.map(median);
    println!("| moments of {SAMPLES} + {SAMPLES} images at {DIMS} dimensions, s | {moments:.2} |");
    println!("| Fréchet distance at {DIMS} dimensions, s | {distance:.2} |");
    println!("| ... its root by Cholesky, s | {cholesky:.2} |");
    println!("| ... its root by eigenvalues, s | {eigenvalues:.2} |");
    println!("| ... the two differ, relatively, by | {apart:.1e} |");
}

fn kernel_distance() {
    let (x, y) = (features(IMAGES, DIMS, 1), features(IMAGES, DIMS, 2));
    let subsets =
        time(|| drop(kid(&x, &y, KidProtocol::default(), &mut Rng::seed(1)).expect("enough images")));
    let whole = time(|| assert!(squared_mmd(&x, &y).expect("enough images").is_finite()));
    println!("| KID, 100 subsets of 1000 of {IMAGES} x {DIMS} a side, s | {:.1} |", subsets.wall);
    println!("| KID, all {IMAGES} x {IMAGES} pairs, s | {:.1} |", whole.wall);
    println!("| ... peak resident, MB | {:.0} |", peak_megabytes().unwrap_or(f64::NAN));
}

fn neighbours() {
    let (x, y) = (features(IMAGES, DIMS, 1), features(IMAGES, DIMS, 2));
    let taken = time(|| assert!(prdc(&x, &y, Neighbours::default()).expect("enough images").density > 0.0));
    println!(
        "| precision, recall, density, coverage of {IMAGES} x {IMAGES} x {DIMS}, s | {:.1} |",
        taken.wall
    );
    println!("| ... peak resident, MB | {:.0} |", peak_megabytes().unwrap_or(f64::NAN));
}
