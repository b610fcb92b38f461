//! Power iteration and the largest singular value.

use ganas::ops::power_iteration;
use ganas::{Rng, Tensor};

use crate::check::{check_op, close, devices, normal, tolerance};
use crate::reference::Array;

/// Weights for one workgroup, for several, with more channels than a workgroup has invocations, and many slices.
const SHAPES: [[usize; 3]; 8] = [
    [1, 1, 1],
    [1, 8, 8],
    [9, 7, 5],
    [1, 40, 1],
    [4, 30, 100],
    [25, 17, 61],
    [1, 131, 300],
    [9, 130, 130],
];

fn unit(x: &[f64]) -> Vec<f64> {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
    x.iter().map(|x| x / norm).collect()
}

/// One power iteration: `(u', v')`.
fn iterated(w: &[f64], u: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let c = u.len();
    let row = |row: &[f64]| row.iter().zip(u).map(|(w, u)| w * u).sum();
    let v = unit(&w.chunks(c).map(row).collect::<Vec<f64>>());
    let column = |ch: usize| w.chunks(c).zip(&v).map(|(row, v)| row[ch] * v).sum();
    (unit(&(0..c).map(column).collect::<Vec<f64>>()), v)
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

#[test]
fn power_iteration_of_small_and_large_weights() {
    for (name, device) in devices() {
        for shape in SHAPES {
            let [taps, cin, c] = shape;
            let mut rng = Rng::seed(8);
            let (w, u) = (rng.normals(taps * cin * c), rng.normals(c));
            let (want_u, want_v) = iterated(&exact(&w), &exact(&u));
            let (w, u) = (Tensor::from_slice(device, shape, &w).param(), Tensor::from_slice(device, [c], &u));
            let (new_u, new_v) = power_iteration(&w, &u, 1e-12);
            assert!(!new_u.tracked() && !new_v.tracked());
            let what = format!("power_iteration {shape:?} on {name}");
            close(&what, &new_u.to_vec().unwrap(), &want_u, tolerance(taps * cin));
            close(&what, &new_v.to_vec().unwrap(), &want_v, tolerance(c));
            let (again, _) = power_iteration(&w, &u, 1e-12);
            assert_eq!(again.to_vec().unwrap(), new_u.to_vec().unwrap(), "{what}, again");
        }
    }
}

#[test]
fn a_weight_of_zeros_gives_zeros() {
    for (name, device) in devices() {
        for shape in [[1, 3, 5], [9, 130, 130]] {
            let w = Tensor::zeros(device, shape);
            let u = Tensor::full(device, [shape[2]], 1.0);
            let (u, v) = power_iteration(&w, &u, 1e-12);
            let all = [u.to_vec().unwrap(), v.to_vec().unwrap()].concat();
            assert!(all.iter().all(|x| *x == 0.0), "{name}");
        }
    }
}

#[test]
fn spectral_sigma() {
    for shape in SHAPES {
        let [taps, cin, c] = shape;
        let mut rng = Rng::seed(9);
        let (u, v) = (rng.normals(c), rng.normals(taps * cin));
        check_op(
            "spectral_sigma",
            &[normal(&shape)],
            taps * cin * c,
            |x| {
                let device = x[0].device();
                let u = Tensor::from_slice(&device, [c], &u);
                let v = Tensor::from_slice(&device, [taps * cin], &v);
                x[0].spectral_sigma(&u, &v)
            },
            |x| {
                let term = |(i, w): (usize, &f64)| w * f64::from(u[i % c]) * f64::from(v[i / c]);
                Array::new(&[1], vec![x[0].data.iter().enumerate().map(term).sum()])
            },
        );
    }
}
