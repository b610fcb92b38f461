//! The product of matrices for small subgroups.

use ganas::device::{Gpu, GpuOptions};
use ganas::ops::MatMul;
use ganas::{Device, Rng, Tensor};

use crate::check::{close, subgroup_pairs, tolerance};

/// Compares a product of `[m, k]` and `[k, n]` in all its transpositions with the specification.
fn check(name: &str, device: &Device, [m, k, n]: [usize; 3]) {
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

#[test]
fn tiles_of_a_subgroup_give_the_plain_product() {
    for (name, device, _) in subgroup_pairs() {
        // Sizes that fill no tile, rows that are no vectors of four, an inner axis in chunks, and a result whose rows are none.
        for size in [[33, 21, 72], [64, 64, 64], [8, 1100, 12], [130, 18, 20], [34, 20, 70], [8, 1100, 13]] {
            check(name, device, size);
        }
    }
}

#[test]
fn groups_past_the_end_of_a_launch_that_folds_write_nothing() {
    let options = GpuOptions {
        max_workgroups_per_axis: Some(8),
        ..GpuOptions::default()
    };
    for (i, adapter) in Gpu::adapters().iter().enumerate() {
        let gpu = Gpu::open(i, options).unwrap_or_else(|e| panic!("{}: {e}", adapter.name));
        let device = Device::Gpu(gpu);
        device.poison();
        // 15 tiles of 32 by 32, 45 of 16 by 16, of which some go in chunks.
        for size in [[130, 20, 72], [130, 1100, 72]] {
            check(&adapter.name, &device, size);
        }
    }
}
