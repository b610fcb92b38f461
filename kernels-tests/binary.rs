//! Arithmetic of two tensors: every way in which one side may be repeated.

use ganas::{Device, Tensor};

use crate::check::{Values, check_op, close, devices, input, normal};
use crate::reference::Array;

fn reference(x: &[Array], f: impl Fn(f64, f64) -> f64) -> Array {
    let (a, b) = (&x[0], &x[1]);
    let large =
        if b.data.len() > a.data.len() || b.data.len() == a.data.len() && b.shape.len() > a.shape.len() {
            b
        } else {
            a
        };
    let value = |i: usize| f(a.data[i % a.data.len()], b.data[i % b.data.len()]);
    Array::new(&large.shape, (0..large.data.len()).map(value).collect())
}

#[test]
fn binary_with_every_kind_of_repetition() {
    let shapes: [[&[usize]; 2]; 12] = [
        [&[1, 1], &[1, 1]],
        [&[7, 13], &[7, 13]],
        [&[2, 3, 5, 3], &[3]],
        [&[5], &[3, 2, 4, 5]],
        [&[4, 7], &[1]],
        [&[1], &[2, 3, 5]],
        [&[1, 1], &[6]],
        [&[1], &[1, 1]],
        [&[3, 1], &[1]],
        [&[11], &[11]],
        [&[1201, 17], &[17]],
        [&[1], &[130, 257]],
    ];
    for [a, b] in shapes {
        let both = [normal(a), normal(b)];
        let count = (a.iter().product::<usize>()).max(b.iter().product());
        check_op("add", &both, count, |x| &x[0] + &x[1], |x| reference(x, |a, b| a + b));
        check_op("sub", &both, count, |x| &x[0] - x[1].clone(), |x| reference(x, |a, b| a - b));
        check_op("mul", &both, count, |x| x[0].clone() * &x[1], |x| reference(x, |a, b| a * b));
        let both = [normal(a), input(b, Values::Positive)];
        check_op("div", &both, count, |x| x[0].clone() / x[1].clone(), |x| reference(x, |a, b| a / b));
    }
}

#[test]
fn binary_of_one_tensor_with_itself() {
    check_op("x * x", &[normal(&[5, 3])], 1, |x| &x[0] * &x[0], |x| x[0].map(|x| x * x));
    check_op(
        "x - x * 3",
        &[normal(&[5, 3])],
        1,
        |x| &x[0] - x[0].scale(3.0),
        |x| x[0].map(|x| -2.0 * x),
    );
}

#[test]
fn binary_gradient_of_one_side_only() {
    for (name, device) in devices() {
        let a = Tensor::full(device, [2, 3], 3.0);
        let b = Tensor::full(device, [3], 2.0).param();
        let y = &a / &b;
        let g = y.backward_from(&Tensor::full(device, [2, 3], 1.0), &[&b]);
        close(&format!("gradient of a divisor on {name}"), &g[&b].to_vec().unwrap(), &[-1.5; 3], 1e-6);
        let b = b.detach();
        let a = a.param();
        let g = (&b * &a).backward_from(&Tensor::full(device, [2, 3], 1.0), &[&a]);
        assert_eq!(g[&a].to_vec().unwrap(), [2.0; 6], "{name}");
    }
}

#[test]
fn binary_launch_that_folds_into_three_axes() {
    let (n, c) = (80_003, 15);
    let a: Vec<f32> = (0..n * c).map(|i| (i % 4001) as f32 * 0.001 - 2.0).collect();
    let b: Vec<f32> = (0..c).map(|i| i as f32 - 7.5).collect();
    let want: Vec<f64> = a.iter().enumerate().map(|(i, a)| f64::from(*a) * f64::from(b[i % c])).collect();
    for (name, device) in devices() {
        let y = Tensor::from_slice(device, [n, c], &a) * Tensor::from_slice(device, [c], &b);
        close(&format!("mul on {name}"), &y.to_vec().unwrap(), &want, 1e-6);
    }
}

#[test]
#[should_panic(expected = "add: a [2,3] and b [2]: shapes differ")]
fn binary_of_shapes_that_do_not_fit() {
    let device = Device::cpu();
    let _ = Tensor::zeros(&device, [2, 3]) + Tensor::zeros(&device, [2]);
}
