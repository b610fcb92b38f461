//! One weight of the weights of an edge's candidates.

use ganas::Tensor;
use ganas::ops::TapMerge;

use crate::check::{check_op, normal};
use crate::reference::Array;

fn check(maps: &[Vec<usize>], taps: usize, [cin, cout]: [usize; 2]) {
    let mut inputs = vec![normal(&[maps.len()])];
    inputs.extend(maps.iter().map(|map| normal(&[map.len(), cin, cout])));
    check_op(
        "merge_taps",
        &inputs,
        taps * cin * cout,
        |x| {
            let merge = TapMerge::new(&x[0].device(), maps, taps);
            merge.apply(&x[0], &x[1..].iter().collect::<Vec<&Tensor>>())
        },
        |x| {
            let mut y = Array::zeros(&[taps, cin, cout]);
            for (i, map) in maps.iter().enumerate() {
                for (j, t) in map.iter().enumerate() {
                    for q in 0..cin * cout {
                        y.data[t * cin * cout + q] += x[0].data[i] * x[i + 1].data[j * cin * cout + q];
                    }
                }
            }
            y
        },
    );
}

#[test]
fn merge_taps() {
    check(&[vec![0]], 1, [1, 1]);
    // A tap of no candidate is zero; the order of a candidate's taps is its own.
    check(&[vec![3, 0], vec![4]], 6, [3, 5]);
    // 1x1, 3x3 and its dilated form: five candidates fill one launch.
    let five = [
        vec![4],
        (0..9).collect(),
        vec![9, 10, 11, 12, 4, 13, 14, 15, 16],
        vec![4, 2],
        (3..12).collect(),
    ];
    check(&five, 17, [7, 5]);
    check(&five, 17, [32, 40]);
}

#[test]
fn more_candidates_than_one_launch_takes() {
    for k in [6, 9, 11] {
        let maps: Vec<Vec<usize>> = (0..k).map(|i| vec![i % 3, 3 + i % 2]).collect();
        check(&maps, 5, [3, 2]);
    }
}
