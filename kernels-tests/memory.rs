//! What a dry run foretells is what a real one takes, and a run that cannot fit says so before it begins.

use ganas::data::Blank;
use ganas::device::{Gpu, GpuOptions};
use ganas::evaluation::Evaluator;
use ganas::runs::{Stop, Work, run};
use ganas::search::adversarial::{self, Adversarial};
use ganas::search::evolutionary::{self, Evolution};
use ganas::space::GanGenotype;
use ganas::train::{self, TrainConfig, Trainer};
use ganas::{Conv2d, Device, Rng, Tensor};

use crate::cli::{failure, text};

/// A fresh device of every kind, whose pool holds nothing yet.
fn fresh() -> Vec<Device> {
    std::iter::once(Device::cpu()).chain(adapters(GpuOptions::default())).collect()
}

fn adapters(options: GpuOptions) -> impl Iterator<Item = Device> {
    (0..Gpu::adapters().len()).map(move |i| Device::Gpu(Gpu::open(i, options).expect("it opens")))
}

/// A convolution and its gradients, and how much memory the device holds then.
fn convolved(device: &Device, side: usize, channels: usize) -> u64 {
    let mut rng = Rng::seed(1);
    let x = Tensor::normal(device, [3, side, side, channels], &mut rng).param();
    let w = Tensor::normal(device, [25, channels, channels], &mut rng).param();
    let y = x.conv2d(&w, Conv2d::same(5)).relu();
    let loss = y.square().sum_all();
    let grads = loss.backward(&[&x, &w]);
    assert_eq!(grads.get(&w).expect("was asked for").to_vec().unwrap().len(), 25 * channels * channels);
    device.memory().bytes
}

#[test]
fn a_dry_device_counts_every_buffer_of_a_convolution() {
    // The direct way and the one with fewer multiplications.
    for (side, channels) in [(7, 8), (12, 50)] {
        let halves = adapters(GpuOptions { half: true, ..GpuOptions::default() });
        for device in fresh().into_iter().chain(halves) {
            let dry = device.dry();
            assert!(dry.is_dry() && !dry.same(&device));
            let foretold = convolved(&dry, side, channels);
            assert_eq!(device.memory().created, if device.counters().is_some() { 1 } else { 0 });
            assert_eq!(convolved(&device, side, channels), foretold, "{device:?}");
            let zeros = Tensor::normal(&dry, [4], &mut Rng::seed(2)).to_vec().unwrap();
            assert_eq!(zeros, [0.0; 4]);
            assert!(dry.counters().is_none_or(|done| done.dispatches == 0));
        }
    }
}

/// Runs `work` to its end; what it took must be what was foretold, to a tenth.
fn compare(what: &str, mut work: impl Work, device: &Device, foretold: u64) {
    run(&mut work, Stop::when_done(), &mut []).unwrap();
    let taken = device.memory().bytes;
    let ratio = foretold as f64 / taken as f64;
    println!("{what} on {device:?}: {foretold} foretold, {taken} taken, {ratio:.3}");
    assert!((0.9..1.1).contains(&ratio), "{what} on {device:?}: {foretold} foretold, {taken} taken");
}

#[test]
fn searches_and_trainings_take_what_was_foretold() {
    for device in fresh() {
        let mut config = adversarial::Preset::Smoke.config();
        config.max_steps = 7;
        let foretold = config.footprint(&device).unwrap();
        let images = Blank::new(config.image_size(), 200);
        let search = Adversarial::new(&device, Box::new(images), config, 3).unwrap();
        compare("adversarial search", search, &device, foretold.device);
    }
    for device in fresh() {
        let genotype = GanGenotype::load("adversarialnas+autogan-d").unwrap();
        let mut config = TrainConfig {
            genotype: genotype.to_json().to_string(),
            ..train::Preset::Smoke.config(genotype.lineage())
        };
        config.max_steps = 7;
        let foretold = config.footprint(&device).unwrap();
        let images = Blank::new(config.image_size(), 200);
        let training = Trainer::new(&device, Box::new(images), None, config, 3).unwrap();
        compare("training", training, &device, foretold.device);
    }
    let device = Device::cpu();
    let config = evolutionary::Preset::Smoke.config();
    let foretold = config.footprint(&device).unwrap();
    let images = Blank::new(config.image_size(), 320);
    let evaluator = Evaluator::blind(config.eval_images);
    let search = Evolution::new(&device, Box::new(images), evaluator, config, 3, None).unwrap();
    compare("evolution", search, &device, foretold.device);
}

#[test]
fn a_run_that_cannot_fit_says_what_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let run = path.to_str().unwrap();
    let train = [
        "train",
        "adversarialnas",
        "--preset",
        "smoke",
        "--device",
        "cpu",
        "--steps",
        "2",
        "--run",
        run,
        "--batch",
        "64",
        "--gen-batch",
        "128",
        "--memory",
        "58MB",
    ];
    let told = failure(&train);
    assert!(told.contains("`memory`") && told.contains("58 MB were allowed"), "{told}");
    assert!(!path.exists(), "nothing is begun");
    let advice = told
        .split('`')
        .find(|part| part.starts_with("--accumulate"))
        .expect(&told)
        .to_owned();
    let advised: Vec<&str> = advice.split(' ').collect();
    text(&[&train[..], &advised[..]].concat());
    assert!(path.exists());
    let search = ["search", "adversarial", "--preset", "smoke", "--device", "cpu", "--memory", "1MB"];
    let told = failure(&search);
    assert!(told.contains("fewer channels"), "{told}");
}
