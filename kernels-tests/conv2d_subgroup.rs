//! The convolution's kernels for small subgroups: the same bits as those that own a tile by themselves.

use ganas::ops::Conv2d;
use ganas::{Rng, Tensor};

use crate::check::subgroup_pairs;

/// Forward and both gradients of a convolution of these sizes, `[n,h,w,cin]` to `cout`.
fn all([n, h, w, cin]: [usize; 4], cout: usize, conv: Conv2d, device: &ganas::Device) -> Vec<Vec<f32>> {
    let mut rng = Rng::seed(3);
    let x = Tensor::normal(device, [n, h, w, cin], &mut rng).param();
    let weights = Tensor::normal(device, [conv.kernel[0] * conv.kernel[1], cin, cout], &mut rng).param();
    let bias = Tensor::normal(device, [cout], &mut rng);
    let y = x.conv2d_bias(&weights, &bias, conv);
    let gy = Tensor::normal(device, y.shape(), &mut rng);
    let grads = y.backward_from(&gy, &[&x, &weights]);
    [&y, &grads[&x], &grads[&weights]].map(|t| t.to_vec().unwrap()).into()
}

#[test]
fn tiles_of_a_subgroup_give_the_bits_of_tiles_of_an_invocation() {
    let strided = Conv2d { stride: 2, ..Conv2d::same(5) };
    let cases = [
        // Channels and pixels that fill no tile, rows of no multiple of four pixels.
        ([2, 5, 7, 19], 37, Conv2d::same(3)),
        ([1, 6, 6, 40], 33, strided),
        ([3, 4, 4, 64], 64, Conv2d::same(1)),
        ([1, 9, 3, 9], 70, Conv2d::same(3)),
    ];
    for (name, tiled, plain) in subgroup_pairs() {
        for (x, cout, conv) in cases {
            let (got, want) = (all(x, cout, conv, tiled), all(x, cout, conv, plain));
            assert!(got == want, "{x:?} to {cout} by {conv:?} on {name}");
        }
    }
}
