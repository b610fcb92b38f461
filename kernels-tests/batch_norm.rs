//! Batch normalisation in both modes, its statistics and their running averages.

use ganas::ops::channel_moments;
use ganas::{Rng, Tensor};

use crate::check::{Values, check_op, close, devices, input, normal, tolerance};
use crate::reference::Array;

const EPS: f64 = 1e-5;

/// Mean and biased variance by channel.
fn moments(x: &[f64], c: usize) -> (Vec<f64>, Vec<f64>) {
    let rows = (x.len() / c) as f64;
    let of = |ch: usize| x.iter().skip(ch).step_by(c);
    let mean: Vec<f64> = (0..c).map(|ch| of(ch).sum::<f64>() / rows).collect();
    let var = (0..c)
        .map(|ch| of(ch).map(|x| (x - mean[ch]).powi(2)).sum::<f64>() / rows)
        .collect();
    (mean, var)
}

fn normalised(x: &Array, gamma: &Array, beta: &Array, mean: &[f64], var: &[f64]) -> Array {
    let c = gamma.data.len();
    let mut y = x.clone();
    for (i, y) in y.data.iter_mut().enumerate() {
        let ch = i % c;
        *y = (*y - mean[ch]) / (var[ch] + EPS).sqrt() * gamma.data[ch] + beta.data[ch];
    }
    y
}

/// Odd sizes (but not two values a channel: their gradient cancels to nothing), two axes, few and many channels, several slices, more than one row of workgroups.
const SHAPES: [&[usize]; 9] = [
    &[5, 1, 1, 1],
    &[5, 3],
    &[2, 2, 2, 3],
    &[3, 5, 7, 6],
    &[2, 5, 9, 12],
    &[3, 17, 19, 64],
    &[2, 3, 3, 131],
    &[4, 33, 31, 5],
    &[16, 32, 32, 1],
];

#[test]
fn batch_norm() {
    for shape in SHAPES {
        let c = shape[shape.len() - 1];
        let rows = shape.iter().product::<usize>() / c;
        check_op(
            "batch_norm",
            &[normal(shape), normal(&[c]), normal(&[c])],
            rows,
            |x| x[0].batch_norm(&x[1], &x[2], EPS).y,
            |x| {
                let (mean, var) = moments(&x[0].data, c);
                normalised(&x[0], &x[1], &x[2], &mean, &var)
            },
        );
    }
}

#[test]
fn batch_norm_eval() {
    for shape in SHAPES {
        let c = shape[shape.len() - 1];
        let rows = shape.iter().product::<usize>() / c;
        let mut rng = Rng::seed(5);
        let mean = rng.normals(c);
        let var = input(&[c], Values::Positive).draw(&mut rng);
        let exact = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        check_op(
            "batch_norm_eval",
            &[normal(shape), normal(&[c]), normal(&[c])],
            rows,
            |x| {
                let device = x[0].device();
                let mean = Tensor::from_slice(&device, [c], &mean);
                let var = Tensor::from_slice(&device, [c], &var);
                x[0].batch_norm_eval(&x[1], &x[2], &mean, &var, EPS)
            },
            |x| normalised(&x[0], &x[1], &x[2], &exact(&mean), &exact(&var)),
        );
    }
}

#[test]
fn moments_of_values_far_from_zero_are_accurate() {
    for (name, device) in devices() {
        let values: Vec<f32> = Rng::seed(2).normals(3 * 9000).iter().map(|x| x + 1000.0).collect();
        let exact: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        let (want_mean, want_var) = moments(&exact, 3);
        let x = Tensor::from_slice(device, [9000, 3], &values);
        let (mean, var) = channel_moments(&x);
        close(&format!("mean on {name}"), &mean.to_vec().unwrap(), &want_mean, tolerance(1));
        // The mean itself is rounded to 6e-5, so the variance about it cannot be better than that on a GPU.
        close(&format!("variance on {name}"), &var.to_vec().unwrap(), &want_var, 1e-4);
    }
}

#[test]
fn running_statistics_store_the_unbiased_variance() {
    for (name, device) in devices() {
        let x = Tensor::from_slice(device, [4, 1], &[1.0, 2.0, 3.0, 6.0]);
        let one = Tensor::full(device, [1], 1.0);
        let out = x.batch_norm(&one, &one, EPS);
        assert!(!out.mean.tracked() && !out.var.tracked());
        let (mean, var) = out.update_running(&one, &one, 0.1);
        close(name, &mean.to_vec().unwrap(), &[0.9 + 0.3], 1e-6);
        close(name, &var.to_vec().unwrap(), &[0.9 + 0.1 * 14.0 / 3.0], 1e-6);
    }
}
