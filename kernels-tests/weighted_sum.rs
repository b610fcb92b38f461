//! Sum of tensors with weights that are values.

use ganas::Tensor;
use ganas::ops::weighted_sum;

use crate::check::{check_op, normal};
use crate::reference::Array;

#[test]
fn weighted_sum_of_any_number() {
    let cases: [(usize, &[usize]); 7] = [
        (1, &[1]),
        (2, &[3, 5]),
        (5, &[2, 3, 3, 7]),
        (6, &[7]),
        (7, &[11]),
        (13, &[2, 5]),
        (3, &[4, 32, 33, 5]),
    ];
    for (k, shape) in cases {
        let mut inputs = vec![normal(&[k])];
        inputs.extend((0..k).map(|_| normal(shape)));
        check_op(
            "weighted_sum",
            &inputs,
            shape.iter().product::<usize>().max(k),
            |x| weighted_sum(&x[0], &x[1..].iter().collect::<Vec<&Tensor>>()),
            |x| {
                let mut y = Array::zeros(shape);
                for (a, x) in x[0].data.iter().zip(&x[1..]) {
                    y.data.iter_mut().zip(&x.data).for_each(|(y, x)| *y += a * x);
                }
                y
            },
        );
    }
}
