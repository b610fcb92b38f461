//! The product of matrices for small subgroups.

use ganas::ops::MatMul;
use ganas::{Rng, Tensor};

use crate::check::{close, subgroup_pairs, tolerance};

#[test]
fn tiles_of_a_subgroup_give_the_plain_product() {
    for (name, device, _) in subgroup_pairs() {
        // Sizes that fill no tile, rows that are no vectors of four, an inner axis in chunks, and a result whose rows are none.
        for [m, k, n] in
            [[33, 21, 72], [64, 64, 64], [8, 1100, 12], [130, 18, 20], [34, 20, 70], [8, 1100, 13]]
        {
            for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut rng = Rng::seed(4);
                let pick = |turned: bool, size: [usize; 2]| if turned { [size[1], size[0]] } else { size };
                let a = Tensor::normal(device, pick(transpose_a, [m, k]), &mut rng);
                let b = Tensor::normal(device, pick(transpose_b, [k, n]), &mut rng);
                let how = MatMul { transpose_a, transpose_b };
                let want: Vec<f64> = a
                    .matmul_plain(&b, how)
                    .to_vec()
                    .unwrap()
                    .iter()
                    .map(|&v| f64::from(v))
                    .collect();
                let what = format!("{m}x{k}x{n} {how:?} on {name}");
                close(&what, &a.matmul_with(&b, how).to_vec().unwrap(), &want, tolerance(k));
            }
        }
    }
}
