//! Rows by number, with rows named often and never.

use ganas::ops::RowSums;
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

/// The rows that are added up for one row of a result, with their weights.
type List = Vec<(usize, f32)>;

fn sums(x: &Array, lists: &[List]) -> Array {
    let width = x.data.len() / x.shape[0];
    let mut shape = x.shape.clone();
    shape[0] = lists.len();
    let mut y = vec![0.0; lists.len() * width];
    for (list, y) in lists.iter().zip(y.chunks_mut(width)) {
        for &(row, w) in list {
            for (j, y) in y.iter_mut().enumerate() {
                *y += f64::from(w) * x.data[row * width + j];
            }
        }
    }
    Array::new(&shape, y)
}

#[test]
fn gather_sums_of_empty_long_and_repeated_lists() {
    let cases: [(&[usize], Vec<List>); 4] = [
        (&[1], vec![vec![(0, 2.0)]]),
        (&[5, 3], vec![vec![], vec![(4, 0.5), (0, -1.0), (4, 0.25)], vec![(2, 1.0)]]),
        (&[4, 2, 3], vec![vec![(3, 1.0), (1, 1.0)], vec![]]),
        (&[2, 4], vec![vec![], vec![]]),
    ];
    let check = |shape: &[usize], lists: &[List]| {
        let mut all = RowSums::new();
        lists.iter().for_each(|list| all.push(list.iter().copied()));
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0).max(2);
        check_op(
            "gather_sums",
            &[normal(shape)],
            longest,
            |x| x[0].gather_sums(&all),
            |x| sums(&x[0], lists),
        );
    };
    for (shape, lists) in cases {
        check(shape, &lists);
    }
    let mut rng = Rng::seed(4);
    let list = |rng: &mut Rng| (0..rng.below(9)).map(|_| (rng.below(101), rng.normal())).collect();
    let lists: Vec<Vec<(usize, f32)>> = (0..700).map(|_| list(&mut rng)).collect();
    check(&[101, 37], &lists);
}

#[test]
#[should_panic(expected = "gather_rows: row 5 of [5,2]")]
fn gather_of_a_row_that_is_not_there() {
    Tensor::zeros(&Device::cpu(), [5, 2]).gather_rows(&[0, 5]);
}
