//! Last stage of reductions.

use ganas::{Rng, Tensor};

use crate::check::{close, devices, tolerance};

#[test]
fn fold_sums_either_axis() {
    for (name, device) in devices() {
        for (a, b) in [(1, 1), (1, 7), (7, 1), (5, 300), (300, 5), (70, 71)] {
            let values = Rng::seed(3).normals(a * b);
            let x = Tensor::from_slice(device, [a, b], &values);
            let term = |i: usize, j: usize| f64::from(values[i * b + j]);
            let first: Vec<f64> = (0..b).map(|j| (0..a).map(|i| term(i, j)).sum()).collect();
            let last: Vec<f64> = (0..a).map(|i| (0..b).map(|j| term(i, j)).sum()).collect();
            let what = format!("fold [{a},{b}] on {name}");
            close(&what, &x.fold_first(a).to_vec().unwrap(), &first, tolerance(a));
            close(&what, &x.fold_last(b).to_vec().unwrap(), &last, tolerance(b));
        }
    }
}
