//! Soft-max and its logarithm, and what large values make of them.

use ganas::Tensor;

use crate::check::{check_op, close, devices, normal};
use crate::reference::Array;

fn log_softmax(x: &Array) -> Array {
    let c = *x.shape.last().unwrap();
    let mut y = x.clone();
    for row in y.data.chunks_mut(c) {
        let m = row.iter().fold(f64::MIN, |m, &x| m.max(x));
        let log_s = row.iter().map(|x| (x - m).exp()).sum::<f64>().ln();
        row.iter_mut().for_each(|x| *x = (*x - m) - log_s);
    }
    y
}

#[test]
fn softmax_and_its_logarithm() {
    for shape in [&[1, 1][..], &[7], &[5, 7], &[2, 3, 4, 5], &[3, 1008], &[20_011, 3]] {
        let c = *shape.last().unwrap();
        check_op("softmax", &[normal(shape)], c, |x| x[0].softmax(), |x| log_softmax(&x[0]).map(f64::exp));
        check_op("log_softmax", &[normal(shape)], c, |x| x[0].log_softmax(), |x| log_softmax(&x[0]));
    }
}

#[test]
fn softmax_of_large_values_is_safe() {
    let x = [1e30, -1e30, 9.9e29, 300.0, 301.0, -300.0, -1e30, -1e30, -1e30];
    let want = Array::new(&[3, 3], x.iter().map(|&x| f64::from(x)).collect());
    let want = log_softmax(&want);
    for (name, device) in devices() {
        let x = Tensor::from_slice(device, [3, 3], &x);
        let y = x.softmax().to_vec().unwrap();
        close(&format!("softmax on {name}"), &y, &want.map(f64::exp).data, 1e-6);
        let y = x.log_softmax().to_vec().unwrap();
        close(&format!("log_softmax on {name}"), &y, &want.data, 1e-6);
        let nan = Tensor::from_slice(device, [2, 3], &[0.0, f32::NAN, 1.0, 0.0, 0.0, 0.0]);
        for y in [nan.softmax(), nan.log_softmax()] {
            let y = y.to_vec().unwrap();
            assert!(
                y[..3].iter().all(|y| y.is_nan()) && y[3..].iter().all(|y| y.is_finite()),
                "{name}: {y:?}"
            );
        }
    }
}
