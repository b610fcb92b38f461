//! Running averages of parameters.

use ganas::ops::ema_update;
use ganas::{Rng, Tensor};

use crate::check::{close, devices};

#[test]
fn ema() {
    for (name, device) in devices() {
        for n in [1, 7, 70_000] {
            let mut rng = Rng::seed(4);
            let (a, b) = (rng.normals(n), rng.normals(n));
            let want: Vec<f64> = a
                .iter()
                .zip(&b)
                .map(|(a, b)| 0.999 * f64::from(*a) + 0.001 * f64::from(*b))
                .collect();
            let of = |v: &[f32]| Tensor::from_slice(device, [n], v).param();
            let got = ema_update(&of(&a), &of(&b), 0.999);
            assert!(!got.tracked());
            close(&format!("ema of {n} on {name}"), &got.to_vec().unwrap(), &want, 1e-6);
        }
    }
}
