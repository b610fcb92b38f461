//! The ways that a convolution can go on a GPU: all give the bits of that in which an invocation owns a tile by itself.

use ganas::device::{Gpu, GpuOptions};
use ganas::ops::Conv2d;
use ganas::{Device, Rng, Tensor};

/// Forward and both gradients of a convolution of these sizes, `[n,h,w,cin]` to `cout`.
fn all([n, h, w, cin]: [usize; 4], cout: usize, conv: Conv2d, device: &Device) -> Vec<Vec<f32>> {
    let mut rng = Rng::seed(3);
    let x = Tensor::normal(device, [n, h, w, cin], &mut rng).param();
    let weights = Tensor::normal(device, [conv.kernel[0] * conv.kernel[1], cin, cout], &mut rng).param();
    let bias = Tensor::normal(device, [cout], &mut rng);
    let y = x.conv2d_bias(&weights, &bias, conv);
    let gy = Tensor::normal(device, y.shape(), &mut rng);
    let grads = y.backward_from(&gy, &[&x, &weights]);
    let rectified = x.conv2d_bias_relu(&weights, &bias, conv);
    [&y, &rectified, &grads[&x], &grads[&weights]]
        .map(|t| t.to_vec().unwrap())
        .into()
}

/// Compares `way` on every adapter that it fits with that of an invocation by itself; on how many.
pub fn compare(options: GpuOptions, way: &str, fits: fn(&Gpu) -> bool) -> usize {
    let strided = Conv2d { stride: 2, ..Conv2d::same(5) };
    let cases = [
        // Channels and pixels that fill no tile, rows of no multiple of four pixels, an odd number of eights.
        ([2, 5, 7, 19], 37, Conv2d::same(3)),
        ([1, 6, 6, 40], 33, strided),
        ([3, 4, 4, 64], 64, Conv2d::same(1)),
        ([1, 9, 3, 9], 70, Conv2d::same(3)),
        ([2, 9, 9, 72], 136, Conv2d::same(3)),
        // No tap reads the odd pixels.
        ([1, 20, 10, 24], 16, Conv2d { stride: 2, ..Conv2d::new(1) }),
    ];
    let mut compared = 0;
    for (i, adapter) in Gpu::adapters().iter().enumerate() {
        let open = |way: &str| {
            let gpu = Gpu::open(i, options).unwrap_or_else(|e| panic!("{}: {e}", adapter.name));
            gpu.prefer(way);
            let device = Device::Gpu(gpu.clone());
            device.poison();
            (gpu, device)
        };
        let (gpu, plain) = open("invocation");
        if !fits(&gpu) {
            continue;
        }
        let (_, other) = open(way);
        for (x, cout, conv) in cases {
            let (got, want) = (all(x, cout, conv, &other), all(x, cout, conv, &plain));
            assert!(got == want, "{x:?} to {cout} by {conv:?} on {}, by {way}", adapter.name);
        }
        compared += 1;
    }
    compared
}

pub const AS_IT_IS: GpuOptions = GpuOptions {
    minimum_limits: false,
    max_workgroups_per_axis: None,
    max_binding_bytes: None,
    kind: None,
    half: false,
};

/// With sums cut and all ways that a large card has.
pub const AS_A_CARD: GpuOptions = GpuOptions { kind: Some("discrete"), ..AS_IT_IS };
