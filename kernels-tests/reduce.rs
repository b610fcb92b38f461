//! Sums and means over every set of axes, and the accuracy of long ones.

use ganas::Tensor;

use crate::check::{check_op, close, devices, normal};
use crate::reference::Array;

/// The sum over the axes marked in `reduced`, times `factor`.
fn sum(x: &Array, reduced: &[usize], factor: f64) -> Array {
    let kept: Vec<usize> = (0..x.shape.len()).filter(|a| !reduced.contains(a)).collect();
    let mut shape: Vec<usize> = kept.iter().map(|&a| x.shape[a]).collect();
    if shape.is_empty() {
        shape.push(1);
    }
    let mut y = Array::zeros(&shape);
    for (i, value) in x.data.iter().enumerate() {
        let mut at = vec![0; x.shape.len()];
        let mut rest = i;
        for axis in (0..at.len()).rev() {
            at[axis] = rest % x.shape[axis];
            rest /= x.shape[axis];
        }
        let out = kept.iter().fold(0, |o, &a| o * x.shape[a] + at[a]);
        y.data[out] += factor * value;
    }
    y
}

#[test]
fn reduce_over_every_set_of_axes() {
    for shape in [&[1, 1][..], &[5], &[3, 7], &[2, 3, 5], &[2, 3, 4, 7], &[2, 3, 4, 8], &[3, 1, 5, 2]] {
        for set in 1..1_usize << shape.len() {
            let axes: Vec<usize> = (0..shape.len()).filter(|a| set >> a & 1 == 1).collect();
            let count: usize = axes.iter().map(|&a| shape[a]).product();
            check_op(
                &format!("sum over {axes:?}"),
                &[normal(shape)],
                count,
                |x| x[0].sum(&axes),
                |x| sum(&x[0], &axes, 1.0),
            );
            let factor = 1.0 / count as f64;
            check_op(
                &format!("mean over {axes:?}"),
                &[normal(shape)],
                count,
                |x| x[0].mean(&axes),
                |x| sum(&x[0], &axes, factor),
            );
        }
    }
}

#[test]
fn reduce_of_many_rows_and_of_long_rows() {
    let cases: [(&[usize], &[usize]); 8] = [
        (&[3001, 17], &[0]),
        (&[2, 40, 41, 19], &[0, 1, 2]),
        (&[4, 23, 29, 33], &[1, 2]),
        (&[2, 40, 41, 20], &[0, 1, 2]),
        (&[3, 200, 24], &[1]),
        (&[5, 4099], &[1]),
        (&[3, 70, 2, 90], &[1, 3]),
        (&[40_009], &[0]),
    ];
    for (shape, axes) in cases {
        let count = axes.iter().map(|&a| shape[a]).product();
        check_op("sum", &[normal(shape)], count, |x| x[0].sum(axes), |x| sum(&x[0], axes, 1.0));
    }
    check_op(
        "mean_all",
        &[normal(&[211, 5, 7])],
        7385,
        |x| x[0].mean_all(),
        |x| sum(&x[0], &[0, 1, 2], 1.0 / 7385.0),
    );
}

#[test]
fn reduce_of_a_million_loses_nothing() {
    let n = 1_000_003;
    let values: Vec<f32> = (0..n).map(|i| 0.1 + (i % 1009) as f32 * 1e-3).collect();
    let all: f64 = values.iter().map(|&x| f64::from(x)).sum();
    let mut channels = vec![0.0; 20];
    for (i, x) in values[..n / 20 * 20].iter().enumerate() {
        channels[i % 20] += f64::from(*x);
    }
    for (name, device) in devices() {
        let x = Tensor::from_slice(device, [n], &values).param();
        let y = x.sum_all();
        close(&format!("sum_all on {name}"), &y.to_vec().unwrap(), &[all], 1e-5);
        let gx = y.backward(&[&x])[&x].to_vec().unwrap();
        assert!(gx.iter().all(|&g| g == 1.0), "gradient of sum_all on {name}");
        let mean = x.mean_all().to_vec().unwrap();
        close(&format!("mean_all on {name}"), &mean, &[all / n as f64], 1e-5);
        let rows = Tensor::from_slice(device, [n / 20, 20], &values[..n / 20 * 20]);
        let y = rows.sum(&[0]).to_vec().unwrap();
        close(&format!("sum over rows on {name}"), &y, &channels, 1e-5);
    }
}

#[test]
#[should_panic(expected = "sum: axis 2 of [3,4]")]
fn reduce_over_an_axis_that_is_not_there() {
    Tensor::zeros(&ganas::Device::cpu(), [3, 4]).sum(&[2]);
}
