//! Inception against the numbers of the reference programs, on every device. The weights come from a formula.

use std::sync::OnceLock;

use ganas::Device;
use ganas::data::ImageShape;
use ganas::formats::NamedArrays;
use ganas::metrics::inception::{InputRule, Tap};
use ganas::metrics::{FeatureNetwork, Inception, InceptionOptions, NetworkInfo, NetworkKind, Output};

use crate::check::{close, devices};
use crate::fixtures::{Arrays, load, path};

const SEED: u64 = 1;

fn name_hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The value of every weight follows from its name and place.
fn value(name: &str, hash: u64, i: usize, scale: f64) -> f32 {
    let u = (mix(hash.wrapping_add(SEED).wrapping_add(i as u64)) >> 40) as f64 / (1u64 << 24) as f64;
    let v = match name.rsplit('.').next() {
        Some("running_var") => 0.5 + u,
        Some("weight") if name.ends_with("bn.weight") => 0.5 + u,
        _ => (2.0 * u - 1.0) * scale,
    };
    v as f32
}

/// All 472 arrays, made once; `None`, with a printed line, where the list of names is missing.
pub fn weights() -> Option<&'static NamedArrays> {
    static ALL: OnceLock<Option<NamedArrays>> = OnceLock::new();
    let made = ALL.get_or_init(|| {
        let text = std::fs::read_to_string(path("inception_tensors.json")?).expect("the list of names");
        let list: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(list.len(), 472);
        let mut arrays = NamedArrays::new();
        for (name, shape) in list {
            let shape: Vec<usize> = shape
                .as_array()
                .expect("a shape")
                .iter()
                .map(|n| n.as_u64().expect("a size") as usize)
                .collect();
            let n: usize = shape.iter().product();
            let scale = match name.as_str() {
                "fc.weight" => (3.0_f64 / 2048.0).sqrt(),
                conv if conv.ends_with("conv.weight") => (6.0 / (n / shape[0]) as f64).sqrt(),
                _ => 0.1,
            };
            let hash = name_hash(&name);
            arrays.insert(&name, &shape, (0..n).map(|i| value(&name, hash, i, scale)).collect::<Vec<_>>());
        }
        Some(arrays)
    });
    made.as_ref()
}

fn info() -> NetworkInfo {
    NetworkInfo {
        name: "formula".into(),
        file: String::new(),
        sha256: String::new(),
        input: String::new(),
        logits: String::new(),
        kind: NetworkKind::Inception,
    }
}

pub fn network(device: &Device, weights: &NamedArrays, options: InceptionOptions) -> Inception {
    Inception::from_arrays(device, weights, options, info()).unwrap()
}

/// The stored images as interleaved bytes.
fn images(all: &Arrays) -> (Vec<u8>, ImageShape) {
    let stored = &all["in.images"];
    let [n, c, h, w] = stored.shape[..] else {
        panic!("images of shape {:?}", stored.shape)
    };
    let mut bytes = vec![0; stored.data.len()];
    for i in 0..n * h * w {
        for channel in 0..c {
            let (image, pixel) = (i / (h * w), i % (h * w));
            bytes[i * c + channel] = stored.data[(image * c + channel) * h * w + pixel] as u8;
        }
    }
    (bytes, ImageShape { h, w, c })
}

#[test]
fn shared_fixtures_weights_by_formula() {
    let Some(weights) = weights() else {
        return;
    };
    assert_eq!(name_hash("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    let text = std::fs::read_to_string(path("inception_seed1_weights_check.json").unwrap()).unwrap();
    let checks: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    for (name, check) in checks {
        let values = &weights.get(&name).expect("it is in the list").values;
        for (got, want) in values.iter().zip(check["first4"].as_array().unwrap()) {
            assert!((f64::from(*got) - want.as_f64().unwrap()).abs() < 1e-7, "{name}");
        }
        let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
        assert!((sum - check["sum_f64"].as_f64().unwrap()).abs() < 1e-3, "{name}: {sum}");
    }
}

#[test]
fn shared_fixtures_inception() {
    let (Some(weights), Some(all)) = (weights(), load("inception_seed1.safetensors")) else {
        return;
    };
    for (name, device) in devices() {
        // Software adapters are slow: there a noisy and a smooth image stand for the four, one at a time for the sake of
        // the one with small bindings. The fused sums of a GPU are allowed twice the difference.
        let (which, tolerance): (&[usize], f64) = match device {
            Device::Cpu(_) => (&[0, 1, 2, 3], 1e-5),
            Device::Gpu(_) => (&[0, 2], 2e-5),
        };
        for rule in [("pytorch_fid", InputRule::PyTorch), ("torch_fidelity", InputRule::TensorFlow)] {
            for image in which {
                check_image(&all, weights, (name, device), rule, *image, tolerance);
            }
        }
    }
}

/// Every stored number of one image.
fn check_image(
    all: &Arrays,
    weights: &NamedArrays,
    (name, device): (&str, &Device),
    (tag, input): (&str, InputRule),
    image: usize,
    tolerance: f64,
) {
    // Differences are relative to the largest value over all four images.
    let same = |group: &str, part: &str, got: &[f32], tolerance: f64| {
        let want = &all[&format!("{group}.{tag}.{part}")];
        let d = want.shape[1];
        let scale = want.data.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        assert_eq!(got.len(), d);
        for (i, (got, want)) in got.iter().zip(&want.data[image * d..][..d]).enumerate() {
            let off = (f64::from(*got) - want).abs() / scale;
            // Written so that a NaN fails.
            assert!(
                off <= tolerance,
                "{part}[{image},{i}] of {tag} on {name}: got {got}, want {want}, off by {off:.2e} of the largest"
            );
        }
    };
    let (bytes, shape) = images(all);
    let bytes = &bytes[image * shape.values()..][..shape.values()];
    let net = network(device, weights, InceptionOptions { input, ..InceptionOptions::default() });
    let seen = net.input(bytes, shape);
    let values = seen.to_vec().unwrap();
    same("out", "input_samples", &samples(&values, all), 5e-6);
    let (mean, std) = moments(&values);
    same("out", "input_mean", &mean, 5e-6);
    same("out", "input_std", &std, 5e-6);
    let mut layers = 0;
    let (features, logits) = net.forward_seen(&seen, &mut |layer, y| {
        let mean = y.mean(&[1, 2]).to_vec().unwrap();
        match layer {
            "pool1" => same("out", "feat64", &mean, tolerance),
            "pool2" => same("out", "feat192", &mean, tolerance),
            _ => same("mid", layer, &mean, tolerance),
        }
        if layer == "Mixed_6e" {
            same("out", "feat768", &mean, tolerance);
        }
        layers += 1;
    });
    assert_eq!(layers, 18);
    same("out", "feat2048", &features.to_vec().unwrap(), tolerance);
    same("out", "logits_no_bias", &logits.unwrap().to_vec().unwrap(), tolerance);
    same("out", "logits", &net.logits(&features, true).to_vec().unwrap(), tolerance);
}

/// What `evaluate` calls: each tap ends where the whole network has it, and an image's numbers are the same whatever the
/// batch it is in.
#[test]
fn shared_fixtures_inception_taps_and_batches() {
    let (Some(weights), Some(all)) = (weights(), load("inception_seed1.safetensors")) else {
        return;
    };
    let device = Device::cpu();
    let (bytes, shape) = images(&all);
    for (tap, part) in [(Tap::First64, "feat64"), (Tap::Second192, "feat192"), (Tap::Mixed768, "feat768")] {
        let net = network(&device, weights, InceptionOptions { tap, ..InceptionOptions::default() });
        let output = net.forward(&bytes, shape).unwrap();
        close(part, &output.features, &all[&format!("out.torch_fidelity.{part}")].data, 1e-5);
        assert!(output.logits.is_empty() && net.classes().is_none());
        assert_eq!(output.features.len(), 4 * net.dims());
    }
    let net = network(&device, weights, InceptionOptions::default());
    let together = net.forward(&bytes.repeat(3), shape).unwrap();
    let mut apart = Output::default();
    for pictures in [&bytes[..shape.values()], &bytes[shape.values()..]] {
        let output = net.forward(pictures, shape).unwrap();
        apart.features.extend(output.features);
        apart.logits.extend(output.logits);
    }
    assert!(together.features == apart.features.repeat(3) && together.logits == apart.logits.repeat(3));
}

/// The input at the stored positions (channel, row, column).
fn samples(seen: &[f32], all: &Arrays) -> Vec<f32> {
    let at = |p: &[f64]| seen[(p[1] as usize * 299 + p[2] as usize) * 3 + p[0] as usize];
    all["in.sample_positions"].data.chunks(3).map(at).collect()
}

/// Mean and deviation of each channel.
fn moments(seen: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let one = |c: usize| {
        let values = || seen.iter().skip(c).step_by(3).map(|v| f64::from(*v));
        let n = (seen.len() / 3) as f64;
        let mean = values().sum::<f64>() / n;
        let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        (mean as f32, variance.sqrt() as f32)
    };
    (0..3).map(one).unzip()
}
