//! Ranges of an axis, and tensors joined along one.

use ganas::{Device, Tensor};

use crate::check::{check_op, devices, normal};
use crate::reference::Array;

fn slice(x: &Array, axis: usize, start: usize, len: usize) -> Array {
    let inner: usize = x.shape[axis + 1..].iter().product();
    let mut shape = x.shape.clone();
    shape[axis] = len;
    let rows = x.data.chunks(x.shape[axis] * inner);
    let data = rows
        .flat_map(|row| row[start * inner..(start + len) * inner].to_vec())
        .collect();
    Array::new(&shape, data)
}

fn concat(x: &[Array], axis: usize) -> Array {
    let mut shape = x[0].shape.clone();
    shape[axis] = x.iter().map(|x| x.shape[axis]).sum();
    let rows: usize = shape[..axis].iter().product();
    let part = |x: &Array, row: usize| {
        let width = x.data.len() / rows;
        x.data[row * width..(row + 1) * width].to_vec()
    };
    let data = (0..rows).flat_map(|row| x.iter().flat_map(move |x| part(x, row))).collect();
    Array::new(&shape, data)
}

#[test]
fn slice_of_every_axis() {
    for axis in 0..4 {
        for (start, len) in [(0, 1), (1, 2), (0, 3), (2, 1)] {
            check_op(
                "slice",
                &[normal(&[3, 5, 3, 7])],
                1,
                |x| x[0].slice(axis, start, len),
                |x| slice(&x[0], axis, start, len),
            );
        }
    }
    check_op("slice", &[normal(&[1, 1])], 1, |x| x[0].slice(1, 0, 1), |x| x[0].clone());
    check_op("slice", &[normal(&[7])], 1, |x| x[0].slice(0, 2, 5), |x| slice(&x[0], 0, 2, 5));
    check_op("slice", &[normal(&[409, 211])], 1, |x| x[0].slice(0, 7, 400), |x| slice(&x[0], 0, 7, 400));
}

#[test]
fn concat_along_every_axis() {
    for axis in 0..4 {
        let sized = |n| {
            let mut shape = [2, 3, 5, 3];
            shape[axis] = n;
            normal(&shape)
        };
        let three = [sized(1), sized(4), sized(7)];
        check_op("concat", &three, 1, |x| Tensor::concat(&[&x[0], &x[1], &x[2]], axis), |x| concat(x, axis));
    }
    check_op("concat", &[normal(&[5])], 1, |x| Tensor::concat(&[&x[0]], 0), |x| x[0].clone());
    let many: Vec<_> = (0..13).map(|i| normal(&[29, 1 + i])).collect();
    check_op("concat", &many, 1, |x| Tensor::concat(&x.iter().collect::<Vec<_>>(), 1), |x| concat(x, 1));
}

#[test]
fn concat_of_large_tensors() {
    for (name, device) in devices() {
        let a = Tensor::full(device, [600, 1000], 1.0);
        let b = Tensor::full(device, [600, 900], 2.0);
        let y = Tensor::concat(&[&a, &b], 1);
        let back = y.slice(1, 999, 2).to_vec().unwrap();
        assert!(back.chunks(2).all(|p| p == [1.0, 2.0]), "{name}");
        assert!(y.to_vec().unwrap().iter().all(|&y| y == 1.0 || y == 2.0), "{name}");
    }
}

#[test]
fn concat_of_one_tensor_with_itself_adds_gradients() {
    check_op(
        "x, x",
        &[normal(&[3, 2])],
        1,
        |x| Tensor::concat(&[&x[0], &x[0]], 1),
        |x| concat(&[x[0].clone(), x[0].clone()], 1),
    );
}

#[test]
#[should_panic(expected = "slice: 3 places from 2 on of axis 1 of [2,4]")]
fn slice_past_the_end() {
    Tensor::zeros(&Device::cpu(), [2, 4]).slice(1, 2, 3);
}

#[test]
#[should_panic(expected = "concat: [2,4] and [3,4] along axis 1: other sizes differ")]
fn concat_of_sizes_that_disagree() {
    let device = Device::cpu();
    Tensor::concat(&[&Tensor::zeros(&device, [2, 4]), &Tensor::zeros(&device, [3, 4])], 1);
}
