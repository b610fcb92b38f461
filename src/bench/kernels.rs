//! The kernels that are measured, with the sizes that searches and trainings of GANs have.

use std::hint::black_box;

use super::{Case, Make, Work};
use crate::Tensor;
use crate::ops::{AdamStep, Conv2d, Pool, adam_step};

/// All kernels, at sizes that a device of this kind (see [`crate::device::DeviceInfo::kind`]) gets through.
pub fn kernels(kind: &str) -> Vec<Case> {
    let software = kind == "software";
    let batch = if software { 2 } else { 16 };
    let (channels, sides): (&[usize], &[usize]) = match software {
        true => (&[32, 128, 256], &[8, 16]),
        false => (&[32, 64, 128, 160, 256], &[8, 16, 32]),
    };
    let mut all = Vec::new();
    for k in [3, 5] {
        for &side in sides {
            for &c in channels {
                all.extend(convolutions(k, [batch, side, side, c]));
            }
        }
    }
    all.extend([[512, 512, 512], [1024, 64, 1024], [64, 4096, 64]].map(product));
    all.extend(traffic([batch, 32, 32, 256]));
    all
}

/// `k` by `k`, as many channels out as in: forward, and both gradients.
fn convolutions(k: usize, shape: [usize; 4]) -> [Case; 2] {
    let [n, h, w, c] = shape;
    let operations = 2.0 * (n * h * w * k * k * c * c) as f64;
    let text = format!("{n}x{h}x{w}x{c}");
    let forward: Make = Box::new(move |device, rng| {
        let (x, weights) = (Tensor::normal(device, shape, rng), Tensor::normal(device, [k * k, c, c], rng));
        Box::new(move || drop(black_box(x.conv2d(&weights, Conv2d::same(k)))))
    });
    let gradients: Make = Box::new(move |device, rng| {
        let x = Tensor::normal(device, shape, rng).param();
        let weights = Tensor::normal(device, [k * k, c, c], rng).param();
        let gy = Tensor::normal(device, shape, rng);
        let y = x.conv2d(&weights, Conv2d::same(k));
        Box::new(move || drop(black_box(y.backward_from(&gy, &[&x, &weights]))))
    });
    [
        Case {
            name: format!("conv2d {k}x{k}"),
            shape: text.clone(),
            work: Some(Work::Operations(operations)),
            images: 0,
            make: forward,
        },
        Case {
            name: format!("conv2d {k}x{k} gradients"),
            shape: text,
            work: Some(Work::Operations(2.0 * operations)),
            images: 0,
            make: gradients,
        },
    ]
}

fn product([m, k, n]: [usize; 3]) -> Case {
    Case {
        name: "matmul".into(),
        shape: format!("{m}x{k}x{n}"),
        work: Some(Work::Operations(2.0 * (m * k * n) as f64)),
        images: 0,
        make: Box::new(move |device, rng| {
            let (a, b) = (Tensor::normal(device, [m, k], rng), Tensor::normal(device, [k, n], rng));
            Box::new(move || drop(black_box(a.matmul(&b))))
        }),
    }
}

/// Kernels that move more than they compute.
fn traffic(shape: [usize; 4]) -> Vec<Case> {
    let elements: usize = shape.iter().product();
    let channels = shape[3];
    // `moved` counts in tensors of this shape.
    let case = |name: &str, moved: f64, make: Make| Case {
        name: name.into(),
        shape: shape.map(|n| n.to_string()).join("x"),
        work: Some(Work::Bytes(4.0 * moved * elements as f64)),
        images: 0,
        make,
    };
    let unary = |f: fn(&Tensor) -> Tensor| -> Make {
        Box::new(move |device, rng| {
            let x = Tensor::normal(device, shape, rng);
            Box::new(move || drop(black_box(f(&x))))
        })
    };
    let add: Make = Box::new(move |device, rng| {
        let (x, y) = (Tensor::normal(device, shape, rng), Tensor::normal(device, shape, rng));
        Box::new(move || drop(black_box(&x + &y)))
    });
    let batch_norm: Make = Box::new(move |device, rng| {
        let x = Tensor::normal(device, shape, rng);
        let (gamma, beta) =
            (Tensor::normal(device, [channels], rng), Tensor::normal(device, [channels], rng));
        Box::new(move || drop(black_box(x.batch_norm(&gamma, &beta, 1e-5))))
    });
    let adam: Make = Box::new(move |device, rng| {
        let [p, g, m] = [(); 3].map(|()| Tensor::normal(device, shape, rng));
        let v = g.square();
        let step = AdamStep {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            t: 10,
        };
        Box::new(move || drop(black_box(adam_step(&p, &g, &m, &v, step))))
    });
    vec![
        case("relu", 2.0, unary(|x| x.relu())),
        case("tanh", 2.0, unary(|x| x.tanh())),
        case("add", 3.0, add),
        case("sum of channels", 1.0, unary(|x| x.sum(&[0, 1, 2]))),
        // Read once for the moments, once to normalise.
        case("batch_norm", 3.0, batch_norm),
        case("avg_pool 2x2", 1.25, unary(|x| x.avg_pool(Pool::blocks(2)))),
        case("max_pool 2x2", 1.25, unary(|x| x.max_pool(Pool::blocks(2)))),
        case("upsample_nearest by 2", 5.0, unary(|x| x.upsample_nearest(2))),
        case("upsample_bilinear by 2", 5.0, unary(|x| x.upsample_bilinear(2))),
        case("adam_step", 7.0, adam),
    ]
}
