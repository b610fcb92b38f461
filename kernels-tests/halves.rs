//! Convolutions that read halves: what they round, that all else is as with floats, and runs that ask for it.

use std::fs;
use std::path::Path;

use ganas::device::{Gpu, GpuOptions};
use ganas::metrics::{CacheKey, FeatureNetwork, FeatureProtocol, Inception, InceptionOptions};
use ganas::ops::Conv2d;
use ganas::{Device, Rng, Tensor};
use half::f16;

use crate::cli::{failure, json, text};
use crate::cli_bench::adapter;
use crate::conv2d_ways::{AS_A_CARD, AS_IT_IS, compare};

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().map(|&v| f16::from_f32(v).to_f32()).collect()
}

/// Every adapter with these options, floats first, then halves.
fn pairs(options: GpuOptions) -> Vec<[Device; 2]> {
    let open = |i: usize, half: bool| {
        let device = Device::Gpu(Gpu::open(i, GpuOptions { half, ..options }).unwrap());
        device.poison();
        device
    };
    (0..Gpu::adapters().len()).map(|i| [open(i, false), open(i, true)]).collect()
}

#[test]
fn numbers_become_the_nearest_halves() {
    let mut values = vec![
        0.0,
        1.0,
        65504.0,
        65519.9,
        65520.0,
        -1e9,
        f32::INFINITY,
        6.1035156e-5,
        6.1e-5,
        5.9604645e-8,
        2.9802322e-8,
        2.980_232_6e-8,
        1e-30,
    ];
    // Half-way between two halves, and beside that.
    values.extend([1.0 + 4.8828125e-4, 1.0 + 1.4648438e-3, 1.000_488_4, -1.000_488]);
    let mut rng = Rng::seed(1);
    values.extend(
        rng.normals(500)
            .iter()
            .enumerate()
            .map(|(i, v)| v * (i as f32 / 12.0 - 26.0).exp2()),
    );
    let want = rounded(&values);
    for [_, device] in pairs(AS_IT_IS) {
        // Three channels, of which the weights take each as it is.
        let one = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let w = Tensor::from_slice(&device, [1, 3, 3], &one);
        let finite: Vec<f32> = values
            .iter()
            .zip(&want)
            .filter(|(_, w)| w.is_finite())
            .map(|(v, _)| *v)
            .collect();
        for shift in 0..3 {
            let mut turned = finite.clone();
            turned.rotate_left(shift);
            turned.truncate(finite.len() / 3 * 3);
            let x = Tensor::from_slice(&device, [1, 1, turned.len() / 3, 3], &turned);
            let y = x.conv2d(&w, Conv2d::same(1)).to_vec().unwrap();
            assert_eq!(y, rounded(&turned), "{device:?}");
        }
        // Nothing is added to a product with 1.
        let x = Tensor::from_slice(&device, [1, 1, values.len(), 1], &values);
        let y = x.conv2d(&Tensor::from_slice(&device, [1, 1, 1], &[1.0]), Conv2d::same(1));
        for ((value, want), got) in values.iter().zip(&want).zip(y.to_vec().unwrap()) {
            assert_eq!(got, *want, "{value:e} on {device:?}");
        }
        let x = Tensor::from_slice(&device, [1, 1, 1, 1], &[f32::NAN]);
        let y = x.conv2d(&Tensor::from_slice(&device, [1, 1, 1], &[1.0]), Conv2d::same(1));
        assert!(y.to_vec().unwrap()[0].is_nan(), "{device:?}");
    }
}

/// Output and gradients of a convolution of these values.
fn all(device: &Device, size: [usize; 4], cout: usize, conv: Conv2d, [x, w]: [&[f32]; 2]) -> Vec<Vec<f32>> {
    let mut rng = Rng::seed(7);
    let x = Tensor::from_slice(device, size, x).param();
    let w = Tensor::from_slice(device, [conv.taps(), size[3], cout], w).param();
    let bias = Tensor::normal(device, [cout], &mut rng);
    let y = x.conv2d_bias_relu(&w, &bias, conv);
    // Most of it is below the least half.
    let gy = Tensor::normal(device, y.shape(), &mut rng).scale(1e-9);
    let grads = y.backward_from(&gy, &[&x, &w]);
    [&y, &grads[&x], &grads[&w]].map(|t| t.to_vec().unwrap()).into()
}

#[test]
fn weights_and_copied_images_are_rounded_and_nothing_else() {
    for options in [AS_IT_IS, AS_A_CARD] {
        for [floats, halves] in pairs(options) {
            for (size, cout, conv) in [
                ([2, 5, 7, 19], 37, Conv2d::same(3)),
                ([1, 6, 6, 40], 33, Conv2d::same(5).stride(2)),
                ([2, 9, 9, 72], 136, Conv2d::same(3)),
                ([3, 8, 8, 6], 24, Conv2d::same(1)),
            ] {
                let mut rng = Rng::seed(2);
                let [x, w] = [size.iter().product(), conv.taps() * size[3] * cout].map(|n| rng.normals(n));
                let [of_x, of_w] = [rounded(&x), rounded(&w)];
                let got = all(&halves, size, cout, conv, [&x, &w]);
                let want = all(&floats, size, cout, conv, [&of_x, &of_w]);
                assert!(got == want, "{size:?} to {cout} by {conv:?} on {halves:?}");
            }
            // An image that needs no copy is read as it is.
            let (size, conv) = ([1, 4, 4, 16], Conv2d::same(1));
            let mut rng = Rng::seed(3);
            let [x, w] = [256, 256].map(|n| rng.normals(n));
            let got = all(&halves, size, 16, conv, [&x, &w]);
            assert!(got == all(&floats, size, 16, conv, [&x, &rounded(&w)]), "{halves:?}");
        }
    }
}

#[test]
fn every_way_reads_the_same_halves() {
    let halves = |options| GpuOptions { half: true, ..options };
    assert!(compare(halves(AS_IT_IS), "subgroup", |gpu| gpu.small_subgroup().is_some()) > 0);
    assert!(compare(halves(AS_A_CARD), "workgroup", |_| true) > 0);
}

#[test]
fn the_cpu_has_none_and_says_so() {
    let told = failure(&["--device", "cpu", "--half", "bench", "kernels", "--filter", "relu"]);
    assert!(told.contains("the CPU computes with floats only"), "{told}");
}

/// Step and loss of every step of a small training that is begun or resumed.
fn losses(run: &Path, steps: &str, more: &[&str]) -> Vec<String> {
    let settings = "data=shapes?size=16&limit=44 channels=4 disc_channels=4 latent=6 batch=8 gen_batch=8 metrics_every=1";
    let at = run.to_str().unwrap();
    let mut typed = vec!["train", "--quiet", "--steps", steps];
    match more {
        [] => typed.extend(["--resume", at]),
        more => {
            typed.extend(settings.split(' ').flat_map(|pair| ["--set", pair]));
            typed.extend(["adversarialnas", "--run", at]);
            typed.extend(more);
        }
    }
    text(&typed);
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .map(|line| format!("{} {}", line["step"], line["d"].as_f64().unwrap()))
        .collect()
}

#[test]
fn a_run_keeps_to_halves() {
    let id = adapter();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let config = |name: &str| fs::read_to_string(at(name).join("config.toml")).unwrap();
    let whole = losses(&at("whole"), "4", &["--device", &id, "--half"]);
    losses(&at("broken"), "2", &["--device", &id, "--half"]);
    assert!(config("broken").contains("half = true"), "{}", config("broken"));
    assert_eq!(losses(&at("broken"), "4", &[]), whole);
    assert_ne!(losses(&at("floats"), "4", &["--device", &id]), whole);
    assert!(!config("floats").contains("half"), "{}", config("floats"));
    let told = failure(&["train", "--half", "--resume", at("floats").to_str().unwrap()]);
    let both = told.contains("was begun on gpu:") && told.contains("with halves");
    assert!(both, "{told}");
}

/// A cache and statistics files keep features, which must not pass for those of the other kind.
#[test]
fn features_of_halves_are_of_their_own_kind() {
    let [floats, halves] = pairs(AS_IT_IS).pop().unwrap().map(|device| {
        let network = Inception::random(&device, InceptionOptions::default(), &mut Rng::seed(1))
            .info()
            .clone();
        FeatureProtocol { network, dims: 64 }
    });
    assert!(floats.agrees(&floats) && halves.agrees(&halves) && !floats.agrees(&halves));
    assert!(floats.require_same(&halves).is_err());
    let images = ganas::data::open("shapes?size=8&limit=2", &Default::default()).unwrap();
    let [a, b] = [&floats, &halves].map(|protocol| CacheKey::of(images.as_ref(), protocol).unwrap());
    assert_ne!(a, b);
}

#[test]
fn bench_tells_of_halves() {
    let id = adapter();
    let out = json(&["--device", &id, "--half", "bench", "kernels", "--filter", "conv2d 3x3 2x8x8x32"]);
    assert!(out["device"].as_str().unwrap().ends_with(", halves"), "{out}");
}
