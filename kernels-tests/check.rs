//! The one helper that checks an operation on every device: value, gradient, repeatability.
//!
//! Every device has a poisoned pool: each buffer is full of NaN before its kernel runs, so an element that a
//! kernel leaves unwritten, or reads without right, shows as NaN in the result.

use std::sync::OnceLock;

use ganas::device::{DeviceInfo, Gpu, GpuOptions};
use ganas::{Device, Rng, Tensor};

use crate::reference::Array;

/// What the values of an input are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values {
    Normal,
    /// At least 0.1 away from 0, so that a central difference does not cross a kink there.
    AwayFromZero,
    /// In 0.2..2.
    Positive,
    /// All different by at least 0.01 and away from 0: no ties for a maximum, none within a central difference.
    Distinct,
}

/// One input of the operation under test.
#[derive(Debug, Clone)]
pub struct Input {
    pub shape: Vec<usize>,
    pub values: Values,
}

pub fn input(shape: &[usize], values: Values) -> Input {
    Input { shape: shape.to_vec(), values }
}

pub fn normal(shape: &[usize]) -> Input {
    input(shape, Values::Normal)
}

impl Input {
    pub fn draw(&self, rng: &mut Rng) -> Vec<f32> {
        let n = self.shape.iter().product();
        match self.values {
            Values::Normal => rng.normals(n),
            Values::AwayFromZero => rng.normals(n).iter().map(|x| x + 0.1_f32.copysign(*x)).collect(),
            Values::Positive => (0..n).map(|_| 0.2 + 1.8 * rng.uniform()).collect(),
            Values::Distinct => {
                let order = rng.permutation(n);
                order.iter().map(|&i| (i as f32 + 0.5 - n as f32 / 2.0) * 0.01).collect()
            }
        }
    }
}

/// The devices under test, opened once, each with a poisoned pool: the CPU; every adapter as it is; and the first
/// adapter with WebGPU's minimum limits, 64 workgroups an axis and 8 MiB bindings, so that large launches fold.
pub fn devices() -> &'static [(String, Device)] {
    static ALL: OnceLock<Vec<(String, Device)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let adapters = Gpu::adapters();
        assert!(
            !adapters.is_empty(),
            "no Vulkan, Metal or DX12 adapter: run scripts/install-vulkan to install a software driver"
        );
        let mut all = vec![("cpu".to_owned(), Device::cpu())];
        for (i, adapter) in adapters.iter().enumerate() {
            let gpu = Gpu::open(i, GpuOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", adapter.name));
            all.push((format!("{} ({})", adapter.id, adapter.name), Device::Gpu(gpu)));
        }
        let small = GpuOptions {
            minimum_limits: true,
            max_workgroups_per_axis: Some(64),
            max_binding_bytes: Some(8 << 20),
            kind: None,
            half: false,
        };
        let gpu = Gpu::open(0, small).unwrap_or_else(|e| panic!("small limits: {e}"));
        all.push((format!("{} with small limits", adapters[0].id), Device::Gpu(gpu)));
        for (_, device) in &all {
            device.poison();
        }
        all
    })
}

/// Adapters with small subgroups, each as it is and without any features, that is without subgroups. There is one on
/// every machine that has a software adapter.
pub fn subgroup_pairs() -> &'static [(String, Device, Device)] {
    static ALL: OnceLock<Vec<(String, Device, Device)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let open = |i: usize, minimum_limits: bool| {
            let options = GpuOptions { minimum_limits, ..GpuOptions::default() };
            Gpu::open(i, options).unwrap_or_else(|e| panic!("adapter {i}: {e}"))
        };
        let pair = |(i, info): (usize, &DeviceInfo)| {
            let (with, without) = (open(i, false), open(i, true));
            assert!(without.small_subgroup().is_none(), "{} has features that nobody asked for", info.name);
            let size = with.small_subgroup()?;
            let name = format!("{} ({}), subgroups of {size}", info.id, info.name);
            Some((name, Device::Gpu(with), Device::Gpu(without)))
        };
        let adapters = Gpu::adapters();
        let all: Vec<_> = adapters.iter().enumerate().filter_map(pair).collect();
        let software = adapters.iter().any(|info| info.kind == "software");
        assert!(!software || !all.is_empty(), "no software adapter has small subgroups");
        for (_, with, without) in &all {
            with.poison();
            without.poison();
        }
        all
    })
}

/// Largest allowed difference, as a share of the largest wanted value, for sums of `summed` terms.
pub fn tolerance(summed: usize) -> f64 {
    (1e-6 * (summed as f64).sqrt()).max(1e-5)
}

/// Fails unless `max|got - want| <= tol * max|want|`.
#[track_caller]
pub fn close(what: &str, got: &[f32], want: &[f64], tol: f64) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    let scale = want.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
    let bound = tol * scale + 1e-12;
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let difference = (f64::from(*g) - w).abs();
        // Written so that a NaN fails.
        assert!(
            difference <= bound,
            "{what}: element {i} of {}: got {g}, want {w} (difference {difference:.3e}, allowed {bound:.3e})",
            want.len()
        );
    }
}

/// Most elements of each input at which central differences are taken, spread evenly.
const DIFFERENCED: usize = 48;

/// How many of them a reference of this many multiply-adds affords.
fn affordable(multiply_adds: usize) -> usize {
    (20_000_000 / multiply_adds.max(1)).clamp(4, DIFFERENCED)
}

/// Checks `op` against `reference` on every device: the value, the gradient of each input against central
/// differences of the reference, and that a second run gives the same bits. `summed` is the number of terms behind
/// one output or gradient element.
#[track_caller]
pub fn check_op(
    name: &str,
    inputs: &[Input],
    summed: usize,
    op: impl Fn(&[Tensor]) -> Tensor,
    reference: impl Fn(&[Array]) -> Array,
) {
    let mut rng = Rng::stream(1, name);
    let drawn: Vec<Vec<f32>> = inputs.iter().map(|i| i.draw(&mut rng)).collect();
    let exact: Vec<Array> = inputs
        .iter()
        .zip(&drawn)
        .map(|(i, v)| Array::new(&i.shape, v.iter().map(|&x| f64::from(x)).collect()))
        .collect();
    let want = reference(&exact);
    let cotangent = rng.normals(want.data.len());
    let differences: Vec<Vec<(usize, f64)>> = (0..inputs.len())
        .map(|i| central_differences(&exact, i, affordable(want.data.len() * summed), &cotangent, &reference))
        .collect();

    for (device_name, device) in devices() {
        let what =
            format!("{name} {:?} on {device_name}", inputs.iter().map(|i| &i.shape).collect::<Vec<_>>());
        let first = run(device, inputs, &drawn, &cotangent, &want.shape, &op, &what);
        let again = run(device, inputs, &drawn, &cotangent, &want.shape, &op, &what);
        for (a, b) in first.iter().zip(&again) {
            assert!(a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()), "{what}: a second run differs");
        }
        close(&format!("{what}, value"), &first[0], &want.data, tolerance(summed));
        for (i, differences) in differences.iter().enumerate() {
            let got: Vec<f32> = differences.iter().map(|&(at, _)| first[i + 1][at]).collect();
            let want: Vec<f64> = differences.iter().map(|d| d.1).collect();
            assert!(first[i + 1].iter().all(|g| g.is_finite()), "{what}: gradient {i} is not finite");
            close(&format!("{what}, gradient {i}"), &got, &want, tolerance(summed));
        }
    }
}

/// The value and the gradient of each input on one device.
fn run(
    device: &Device,
    inputs: &[Input],
    drawn: &[Vec<f32>],
    cotangent: &[f32],
    out: &[usize],
    op: &impl Fn(&[Tensor]) -> Tensor,
    what: &str,
) -> Vec<Vec<f32>> {
    let x: Vec<Tensor> = inputs
        .iter()
        .zip(drawn)
        .map(|(i, v)| Tensor::from_slice(device, &i.shape[..], v).param())
        .collect();
    let y = op(&x);
    assert_eq!(y.shape().sizes(), out, "{what}: shape");
    let gy = Tensor::from_slice(device, out, cotangent);
    let leaves: Vec<&Tensor> = x.iter().collect();
    let grads = y.backward_from(&gy, &leaves);
    let read = |t: &Tensor| t.to_vec().unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut all = vec![read(&y)];
    for (i, x) in x.iter().enumerate() {
        let g = grads.get(x).unwrap_or_else(|| panic!("{what}: no gradient for input {i}"));
        all.push(read(g));
    }
    all
}

/// Derivative of `sum(reference * cotangent)` by element of input `i`, at evenly spread elements.
fn central_differences(
    x: &[Array],
    i: usize,
    samples: usize,
    cotangent: &[f32],
    reference: &impl Fn(&[Array]) -> Array,
) -> Vec<(usize, f64)> {
    let n = x[i].data.len();
    let step = n.div_ceil(samples).max(1);
    let mut moved = x.to_vec();
    (0..n)
        .step_by(step)
        .map(|at| {
            let h = 1e-4;
            let mut side = |sign: f64| {
                moved[i].data[at] = x[i].data[at] + sign * h;
                let y = reference(&moved);
                moved[i].data[at] = x[i].data[at];
                y.data.iter().zip(cotangent).map(|(y, c)| y * f64::from(*c)).sum::<f64>()
            };
            (at, (side(1.0) - side(-1.0)) / (2.0 * h))
        })
        .collect()
}
