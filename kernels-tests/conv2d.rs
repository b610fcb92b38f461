//! Convolution: every kernel of the searches and of Inception, forward and both gradients.

use ganas::device::{Gpu, GpuOptions};
use ganas::ops::conv2d::{Conv2d, TapConv, conv2d_plain, goes_by_squares, with_squares};
use ganas::{Device, Tensor};

use crate::check::{check_op, close, devices, normal, tolerance};
use crate::reference::Array;

/// x `[n,h,w,cin]`, w `[taps,cin,cout]`, optional bias.
fn reference(conv: &TapConv, x: &Array, w: &Array, bias: Option<&Array>) -> Array {
    let [n, h, width, cin] = x.shape[..] else {
        panic!("{:?}", x.shape)
    };
    let cout = w.shape[2];
    let [oh, ow] = conv.out(h, width);
    let mut y = Array::zeros(&[n, oh, ow, cout]);
    let inside = |at: usize, d: i32, size: usize| {
        let at = (at * conv.stride) as i32 + d;
        (0..size as i32).contains(&at).then_some(at as usize)
    };
    for b in 0..n {
        for i in 0..oh {
            for j in 0..ow {
                for o in 0..cout {
                    let mut sum = bias.map_or(0.0, |b| b.data[o]);
                    for (t, &(dy, dx)) in conv.taps.iter().enumerate() {
                        let (Some(r), Some(c)) = (inside(i, dy, h), inside(j, dx, width)) else {
                            continue;
                        };
                        let pixel = &x.data[x.index(&[b, r, c, 0])..][..cin];
                        let column = w.data[t * cin * cout + o..].iter().step_by(cout);
                        sum += pixel.iter().zip(column).map(|(x, w)| x * w).sum::<f64>();
                    }
                    y.set(&[b, i, j, o], sum);
                }
            }
        }
    }
    y
}

#[track_caller]
fn check(conv: impl Into<TapConv>, x: [usize; 4], cout: usize) {
    let conv = conv.into();
    let taps = conv.taps.len();
    let inputs = [normal(&x), normal(&[taps, x[3], cout]), normal(&[cout])];
    let summed = taps * x[3];
    check_op(
        &format!("conv2d {taps} taps"),
        &inputs,
        summed.max(x[0] * x[1] * x[2]),
        |t| t[0].conv2d_bias(&t[1], &t[2], conv.clone()),
        |a| reference(&conv, &a[0], &a[1], Some(&a[2])),
    );
}

#[test]
fn conv2d_of_every_kind() {
    check(Conv2d::same(1), [1, 1, 1, 1], 1);
    check(Conv2d::same(3), [2, 5, 7, 3], 5);
    check(Conv2d::same(3), [1, 9, 9, 17], 33);
    check(Conv2d::same(5), [1, 4, 4, 8], 8);
    check(Conv2d::new(3).dilation(2).pad(2), [2, 8, 8, 4], 7);
    check(Conv2d::new(5).dilation(2).pad(4), [1, 8, 6, 3], 4);
    check(Conv2d::new(4).stride(2).pad(1), [2, 8, 8, 3], 6);
}

#[test]
fn conv2d_with_strides() {
    check(Conv2d::same(3).stride(2), [2, 7, 5, 3], 5);
    check(Conv2d::same(3).stride(2), [2, 7, 5, 32], 56);
    check(Conv2d::same(5).stride(2), [1, 8, 8, 4], 9);
    check(Conv2d::new(3).dilation(2).pad(2).stride(2), [1, 6, 7, 5], 3);
    check(Conv2d::new(5).dilation(2).pad(4).stride(2), [3, 2, 2, 5], 3);
    check(Conv2d::new(3).stride(3), [1, 11, 10, 2], 4);
    // No tap reads the odd pixels: their gradient is zero, not what the pool held.
    check(Conv2d::new(1).stride(2), [1, 5, 6, 3], 4);
}

#[test]
fn conv2d_with_long_and_asymmetric_kernels() {
    let kernel = |kernel: [usize; 2], pad: [usize; 2]| Conv2d { kernel, stride: 1, pad, dilation: 1 };
    check(kernel([1, 7], [0, 3]), [1, 6, 9, 4], 5);
    check(kernel([7, 1], [3, 0]), [1, 9, 6, 4], 5);
    // More taps than one launch takes.
    check(Conv2d::new(11).pad(5), [1, 6, 6, 2], 3);
}

#[test]
fn conv2d_over_arbitrary_taps() {
    let conv = TapConv {
        taps: vec![(0, 0), (-3, 2), (1, -1), (2, 2), (0, 1)],
        stride: 1,
        slack: [-1, -1],
    };
    check(conv, [2, 6, 5, 3], 10);
}

#[test]
fn conv2d_over_several_tasks_and_grid_rows() {
    // 64 groups of 64 invocations a row on the small device; several tasks and splits everywhere.
    check(Conv2d::same(3), [3, 20, 24, 16], 56);
    check(Conv2d::same(1), [2, 40, 40, 8], 64);
}

/// [`check`] of a convolution that the CPU does by fewer multiplications, forward and back.
#[track_caller]
fn check_squares(conv: impl Into<TapConv>, x: [usize; 4], cout: usize) {
    let conv = conv.into();
    with_squares(|| {
        assert!(goes_by_squares(&conv, x, cout), "{x:?} to {cout} goes directly");
        check(conv, x, cout);
    });
}

#[test]
fn conv2d_by_tiles_of_outputs() {
    check_squares(Conv2d::same(3), [1, 13, 12, 100], 83);
    check_squares(Conv2d::new(3), [1, 19, 18, 100], 81);
    check_squares(Conv2d::new(3).dilation(2).pad(2), [1, 16, 15, 100], 98);
    check_squares(Conv2d::same(5), [1, 14, 15, 70], 67);
    check_squares(Conv2d::new(5).pad(1), [1, 16, 16, 72], 73);
}

/// Images so small that tiles of the CPU go across them.
#[test]
fn conv2d_across_images() {
    check(Conv2d::same(3), [9, 4, 5, 6], 7);
    check(Conv2d::same(5), [17, 3, 3, 5], 18);
    check(Conv2d::same(5).stride(2), [8, 5, 6, 4], 9);
    check(Conv2d::new(5).dilation(2).pad(4), [11, 4, 3, 3], 50);
    check(Conv2d::same(3), [70, 2, 2, 35], 4);
}

/// A square, and two taps that belong to none.
#[test]
fn conv2d_by_tiles_of_outputs_with_a_rest() {
    let mut conv = TapConv::from(Conv2d::same(3));
    conv.taps.extend([(-3, 1), (0, 4)]);
    check_squares(conv, [2, 9, 10, 20], 19);
}

/// The union of all candidates of an edge: a square, and a wide one that shares some of its taps.
#[test]
fn conv2d_by_tiles_of_outputs_of_several_squares() {
    let parts = [
        Conv2d::same(1),
        Conv2d::same(3),
        Conv2d::same(5),
        Conv2d::new(3).dilation(2).pad(2),
        Conv2d::new(5).dilation(2).pad(4),
    ];
    let (union, _) = TapConv::union(&parts.map(TapConv::from));
    check_squares(union.clone(), [1, 20, 20, 60], 60);
    check_squares(union, [1, 14, 14, 64], 60);
}

#[test]
fn conv2d_by_tiles_of_outputs_over_several_jobs() {
    check_squares(Conv2d::same(3), [3, 24, 20, 140], 56);
    // More tiles than are multiplied at once, of several images each time, the last of them fewer.
    check_squares(Conv2d::same(3), [70, 7, 5, 6], 5);
}

#[test]
fn conv2d_by_tiles_of_outputs_larger_than_the_image() {
    check_squares(Conv2d::same(5), [3, 2, 3, 5], 4);
    check_squares(Conv2d::new(3).dilation(2).pad(2), [3, 5, 3, 20], 19);
}

/// Long sums keep most of their digits, more than [`tolerance`] asks for.
#[test]
fn conv2d_by_tiles_of_outputs_keeps_its_digits() {
    let (size, channels) = ([1, 12, 12, 160], 160);
    let mut rng = ganas::Rng::seed(8);
    for (kernel, lost) in [(3, 5e-6), (5, 2e-5)] {
        let conv = TapConv::from(Conv2d::same(kernel));
        let x = Tensor::normal(&Device::cpu(), size, &mut rng);
        let w = Tensor::normal(&Device::cpu(), [conv.taps.len(), channels, channels], &mut rng);
        let [of_x, of_w] = [&x, &w].map(|t| {
            let data = t.to_vec().unwrap().into_iter().map(f64::from).collect();
            Array::new(&t.shape(), data)
        });
        let got = with_squares(|| {
            assert!(goes_by_squares(&conv, size, channels));
            x.conv2d(&w, conv.clone()).to_vec().unwrap()
        });
        close(&format!("{kernel}x{kernel}"), &got, &reference(&conv, &of_x, &of_w, None).data, lost);
    }
}

#[test]
fn conv2d_fast_kernel_equals_its_specification() {
    for (name, device) in devices() {
        let mut rng = ganas::Rng::seed(5);
        for (conv, shape, cout) in
            [(Conv2d::same(3), [2, 9, 6, 12], 20), (Conv2d::same(5).stride(2), [1, 16, 16, 8], 24)]
        {
            let conv = TapConv::from(conv);
            let x = Tensor::normal(device, shape, &mut rng);
            let w = Tensor::normal(device, [conv.taps.len(), shape[3], cout], &mut rng);
            let want: Vec<f64> = conv2d_plain(&x, &w, &conv)
                .to_vec()
                .unwrap()
                .iter()
                .map(|&v| f64::from(v))
                .collect();
            let got = x.conv2d(&w, conv.clone()).to_vec().unwrap();
            close(name, &got, &want, tolerance(conv.taps.len() * shape[3]));
        }
    }
}

/// In one pass the rectifier gives the bits of two, forward and back.
#[test]
fn conv2d_with_a_rectifier_is_both_in_turn() {
    let roomy = GpuOptions { kind: Some("discrete"), ..GpuOptions::default() };
    let cards = (0..Gpu::adapters().len()).map(|i| Device::Gpu(Gpu::open(i, roomy).unwrap()));
    let here = devices().iter().map(|(_, device)| device.clone());
    for device in here.chain(cards) {
        device.poison();
        for (conv, [n, h, w, cin], cout) in [
            (Conv2d::same(3), [2, 9, 6, 12], 20),
            // On the CPU a block of whole vectors and one that is padded; and tiles across images.
            (Conv2d::same(3), [2, 9, 6, 12], 56),
            (Conv2d::same(3), [70, 3, 3, 16], 64),
            (Conv2d::same(5).stride(2), [1, 16, 16, 8], 24),
            (Conv2d::same(1), [3, 8, 8, 16], 8),
            // More taps than one launch takes.
            (Conv2d::new(11).pad(5), [1, 6, 6, 2], 3),
        ] {
            let mut rng = ganas::Rng::seed(9);
            let x = Tensor::normal(&device, [n, h, w, cin], &mut rng).param();
            let weights = Tensor::normal(&device, [conv.taps(), cin, cout], &mut rng).param();
            let bias = Tensor::normal(&device, [cout], &mut rng).param();
            let all = |y: Tensor| {
                let gy = Tensor::normal(&device, y.shape(), &mut ganas::Rng::seed(10));
                let leaves = [&x, &weights, &bias];
                let grads = y.backward_from(&gy, &leaves);
                let mut found = vec![y.to_vec().unwrap()];
                found.extend(leaves.map(|leaf| grads[leaf].to_vec().unwrap()));
                found
            };
            let both = || {
                assert_eq!(
                    all(x.conv2d_bias_relu(&weights, &bias, conv)),
                    all(x.conv2d_bias(&weights, &bias, conv).relu()),
                    "{conv:?} on {device:?}"
                );
            };
            both();
            with_squares(both);
        }
    }
}

/// The sums that a large card would cut, cut on whatever adapter there is, beside the CPU.
#[test]
fn conv2d_in_parts_as_on_a_large_card() {
    let roomy = GpuOptions { kind: Some("discrete"), ..GpuOptions::default() };
    // Room for some of the parts alone.
    let tight = GpuOptions { max_binding_bytes: Some(1 << 15), ..roomy };
    let adapters = Gpu::adapters();
    let cards = adapters.iter().enumerate().flat_map(|card| [(card, roomy), (card, tight)]);
    for ((i, adapter), options) in cards {
        let card = Device::Gpu(Gpu::open(i, options).unwrap());
        card.poison();
        for (conv, shape, cout) in [
            (Conv2d::same(3), [2, 9, 6, 12], 20),
            (Conv2d::same(5).stride(2), [1, 16, 16, 8], 24),
            (Conv2d::same(1), [3, 8, 8, 16], 8),
        ] {
            let conv = TapConv::from(conv);
            let (taps, [_, h, w, cin]) = (conv.taps.len(), shape);
            let [oh, ow] = conv.out(h, w);
            let mut rng = ganas::Rng::seed(6);
            let [x, weights, bias, gy] =
                [shape.iter().product(), taps * cin * cout, cout, shape[0] * oh * ow * cout]
                    .map(|n| rng.normals(n));
            let all = |device: &Device| -> Vec<Vec<f32>> {
                let x = Tensor::from_slice(device, shape, &x).param();
                let weights = Tensor::from_slice(device, [taps, cin, cout], &weights).param();
                let bias = Tensor::from_slice(device, [cout], &bias);
                let gy = Tensor::from_slice(device, [shape[0], oh, ow, cout], &gy);
                let y = x.conv2d_bias(&weights, &bias, conv.clone());
                let grads = y.backward_from(&gy, &[&x, &weights]);
                let mut found = vec![y.to_vec().unwrap()];
                found.extend([&x, &weights].map(|leaf| grads.get(leaf).unwrap().to_vec().unwrap()));
                found
            };
            for (got, want) in all(&card).iter().zip(all(&Device::cpu())) {
                let want: Vec<f64> = want.iter().map(|&v| f64::from(v)).collect();
                close(&adapter.name, got, &want, tolerance((taps * cin).max(shape[0] * oh * ow)));
            }
        }
    }
}

#[test]
#[should_panic(expected = "conv2d: x has 16 channels, w wants 8 (x [4,8,8,16], w [9,8,32])")]
fn conv2d_names_both_shapes() {
    let device = ganas::Device::cpu();
    let (x, w) = (Tensor::zeros(&device, [4, 8, 8, 16]), Tensor::zeros(&device, [9, 8, 32]));
    x.conv2d(&w, Conv2d::same(3));
}
