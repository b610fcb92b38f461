//! Rows by number, with rows named often and never.

use ganas::{Device, Rng, Tensor};

use crate::check::{check_op, normal};
use crate::reference::Array;

fn gather(x: &Array, rows: &[usize]) -> Array {
    let width = x.data.len() / x.shape[0];
    let mut shape = x.shape.clone();
    shape[0] = rows.len();
    Array::new(&shape, rows.iter().flat_map(|r| x.data[r * width..(r + 1) * width].to_vec()).collect())
}

#[test]
fn gather_rows_once_often_and_never() {
    let cases: [(&[usize], Vec<usize>); 5] = [
        (&[1, 1], vec![0, 0, 0]),
        (&[7], vec![6, 0, 3, 3]),
        (&[5, 3], vec![4, 4, 1, 4, 0, 1]),
        (&[4, 2, 3, 7], vec![2, 2, 0]),
        (&[3, 11], vec![1]),
    ];
    for (shape, rows) in cases {
        check_op(
            "gather_rows",
            &[normal(shape)],
            rows.len(),
            |x| x[0].gather_rows(&rows),
            |x| gather(&x[0], &rows),
        );
    }
    let mut rng = Rng::seed(3);
    let rows: Vec<usize> = (0..2003).map(|_| rng.below(101)).collect();
    check_op(
        "gather_rows",
        &[normal(&[101, 37])],
        20,
        |x| x[0].gather_rows(&rows),
        |x| gather(&x[0], &rows),
    );
}

#[test]
#[should_panic(expected = "gather_rows: row 5 of [5,2]")]
fn gather_of_a_row_that_is_not_there() {
    Tensor::zeros(&Device::cpu(), [5, 2]).gather_rows(&[0, 5]);
}
