//! The kernels by which others are judged compute what they say, so that their time is the time of that.

use ganas::bench::peak;
use ganas::{Device, Rng, Tensor};

use crate::check::devices;

#[test]
fn multiply_adds_are_done_as_often_as_asked() {
    let x = Rng::seed(4).normals(1003 * 4);
    for (name, device) in devices() {
        let Device::Gpu(gpu) = device else { continue };
        let y = peak::multiply_add(gpu, &Tensor::from_slice(device, [1003, 4], &x), 5, 0.75, 0.5);
        for (x, y) in x.iter().zip(y.to_vec().unwrap()) {
            let sequence = |s: f64| (0..5).fold(s, |s, _| s * 0.75 + 0.5);
            let want: f64 = (0..8).map(|i| sequence(f64::from(*x) + f64::from(i))).sum();
            assert!((f64::from(y) - want).abs() < 1e-5 * want.abs().max(1.0), "{name}: {y} for {want}");
        }
    }
}

#[test]
fn copies_are_equal_and_elsewhere() {
    for shape in [vec![4], vec![70_001, 4]] {
        let x = Rng::seed(5).normals(shape.iter().product());
        for (name, device) in devices() {
            let tensor = Tensor::from_slice(device, &shape[..], &x);
            assert_eq!(peak::copy(&tensor).to_vec().unwrap(), x, "{name}");
        }
    }
}
