//! Image operations, batch normalisation and optimisers against numbers of the reference programs, on every device.

use ganas::ops::{AdamStep, ConvTranspose, Coordinates, Pool, adam_step, ema_update};
use ganas::{Device, Tensor};

use crate::check::{close, devices};
use crate::fixtures::{Arrays, Cases, run};
use crate::fixtures_ops_a::{TOLERANCE, check};

/// Tolerance that the fixtures recommend for resizing.
const RESIZED: f64 = 1e-5;
const EPS: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Images are `[n,c,h,w]` in the fixtures.
pub fn nhwc(x: &Tensor) -> Tensor {
    x.permute(&[0, 2, 3, 1])
}

pub fn nchw(x: &Tensor) -> Tensor {
    x.permute(&[0, 3, 1, 2])
}

/// Fails unless every difference is at most `bound`.
#[track_caller]
fn near(what: &str, got: &[f64], want: &[f64], bound: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= bound, "{what}: got {got}, want {want}");
    }
}

pub const RESIZING: &Cases = &[
    ("up_nearest_x2", |all, case| nearest(all, case, 2)),
    ("up_nearest_x4", |all, case| nearest(all, case, 4)),
    ("up_bilinear_x2", |all, case| bilinear(all, case, 2)),
    ("up_bilinear_x2_1x1", |all, case| bilinear(all, case, 2)),
    ("up_bilinear_x4", |all, case| bilinear(all, case, 4)),
    ("resize_32x32", resize),
    ("resize_20x48", resize),
];

fn nearest(all: &Arrays, case: &str, s: usize) {
    check(all, case, &["x"], RESIZED, |_, x| nchw(&nhwc(&x[0]).upsample_nearest(s)));
}

fn bilinear(all: &Arrays, case: &str, s: usize) {
    check(all, case, &["x"], RESIZED, |_, x| nchw(&nhwc(&x[0]).upsample_bilinear(s)));
}

fn resize(all: &Arrays, case: &str) {
    for (name, device) in devices() {
        let x = nhwc(&all[&format!("{case}.x")].tensor(device));
        for (tag, coordinates) in [("half_pixel", Coordinates::HalfPixel), ("tf1", Coordinates::Asymmetric)] {
            let y = x.resize_bilinear([299, 299], coordinates);
            let want = &all[&format!("{case}.{tag}")].data;
            let what = format!("{case}.{tag} on {name}");
            close(&what, &y.to_vec().unwrap(), want, RESIZED);
        }
    }
}

#[test]
fn shared_fixtures_of_resizing() {
    run(RESIZING);
}

const EVERY_SECOND: Pool = Pool { k: 3, stride: 2, pad: 0, count_pad: false };

pub const POOLING: &Cases = &[
    ("avg_pool_2x2", |all, case| average(all, case, Pool::blocks(2))),
    ("avg_pool_odd", |all, case| average(all, case, Pool::blocks(2))),
    ("avg_pool_3x3_same", |all, case| average(all, case, Pool::same(3))),
    ("max_pool_2x2", |all, case| maximum(all, case, Pool::blocks(2))),
    ("max_pool_2x2_ties", |all, case| maximum(all, case, Pool::blocks(2))),
    ("max_pool_3x3_same", |all, case| maximum(all, case, Pool::same(3))),
    ("max_pool_3x3_s2", |all, case| maximum(all, case, EVERY_SECOND)),
];

fn average(all: &Arrays, case: &str, pool: Pool) {
    check(all, case, &["x"], TOLERANCE, |_, x| nchw(&nhwc(&x[0]).avg_pool(pool)));
}

fn maximum(all: &Arrays, case: &str, pool: Pool) {
    check(all, case, &["x"], TOLERANCE, |_, x| nchw(&nhwc(&x[0]).max_pool(pool)));
}

#[test]
fn shared_fixtures_of_pooling() {
    run(POOLING);
}

pub const TRANSPOSED: &Cases = &[("convT_depthwise", |all, case| {
    check(all, case, &["x", "w"], TOLERANCE, |_, x| {
        let c = x[1].shape()[0];
        let weight = x[1].reshape([c, 9]).permute(&[1, 0]);
        nchw(&nhwc(&x[0]).conv_transpose(&weight, ConvTranspose::double()))
    });
})];

#[test]
fn shared_fixtures_of_depthwise_transposed_convolution() {
    run(TRANSPOSED);
}

pub const BATCH_NORM: &Cases = &[
    ("batch_norm_train", |all, case| {
        check(all, case, &["x", "w", "b"], TOLERANCE, |_, x| {
            nchw(&nhwc(&x[0]).batch_norm(&x[1], &x[2], EPS).y)
        });
        running_statistics(all, case);
    }),
    ("batch_norm_eval", |all, case| {
        let get = |device: &Device, part: &str| all[&format!("{case}.{part}")].tensor(device);
        check(all, case, &["x", "w", "b"], TOLERANCE, |device, x| {
            let (mean, var) = (get(device, "running_mean"), get(device, "running_var"));
            nchw(&nhwc(&x[0]).batch_norm_eval(&x[1], &x[2], &mean, &var, EPS))
        });
    }),
];

fn running_statistics(all: &Arrays, case: &str) {
    for (name, device) in devices() {
        let get = |part: &str| all[&format!("{case}.{part}")].tensor(device);
        let out = nhwc(&get("x")).batch_norm(&get("w"), &get("b"), EPS);
        let (mean, var) = out.update_running(&get("running_mean"), &get("running_var"), MOMENTUM);
        for (part, got) in [("running_mean_after", mean), ("running_var_after", var)] {
            let want = &all[&format!("{case}.{part}")];
            let what = format!("{part} on {name}");
            close(&what, &got.to_vec().unwrap(), &want.data, TOLERANCE);
        }
    }
}

#[test]
fn shared_fixtures_of_batch_normalisation() {
    run(BATCH_NORM);
}

pub const OPTIMISERS: &Cases = &[
    ("adam_gan", |all, case| adam(all, case, [2e-4, 0.0, 0.9, 0.0])),
    ("adam_arch", |all, case| adam(all, case, [3e-4, 0.5, 0.999, 1e-4])),
    ("ema", ema),
];

/// Five steps; the settings are learning rate, both betas and weight decay.
fn adam(all: &Arrays, case: &str, [lr, beta1, beta2, weight_decay]: [f64; 4]) {
    let row = |part: &str, i: usize| &all[&format!("{case}.{part}")].data[i * 11..(i + 1) * 11];
    for (name, device) in devices() {
        let mut p = all[&format!("{case}.p0")].tensor(device);
        let (mut m, mut v) = (Tensor::zeros(device, [11]), Tensor::zeros(device, [11]));
        for t in 0..5 {
            let what = format!("{case}, step {t} on {name}");
            let g: Vec<f32> = row("grads", t).iter().map(|&g| g as f32).collect();
            let g = Tensor::from_slice(device, [11], &g);
            let step = AdamStep {
                lr,
                beta1,
                beta2,
                eps: 1e-8,
                weight_decay,
                t: t as u64 + 1,
            };
            let before = p.to_vec().unwrap();
            (p, m, v) = adam_step(&p, &g, &m, &v, step);
            let after: Vec<f64> = p.to_vec().unwrap().iter().map(|&p| f64::from(p)).collect();
            let delta: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - f64::from(*b)).collect();
            near(&format!("{what}, p"), &after, row("p", t), 1e-7);
            near(&format!("{what}, delta"), &delta, row("delta", t), 3e-8);
            for (part, got) in [("exp_avg", &m), ("exp_avg_sq", &v)] {
                let what = format!("{what}, {part}");
                close(&what, &got.to_vec().unwrap(), row(part, t), TOLERANCE);
            }
        }
    }
}

fn ema(all: &Arrays, _case: &str) {
    for (name, device) in devices() {
        let mut avg = all["ema.avg0"].tensor(device);
        for i in 0..5 {
            let row = |part: &str| &all[part].data[i * 9..(i + 1) * 9];
            let p: Vec<f32> = row("ema.params").iter().map(|&p| p as f32).collect();
            avg = ema_update(&avg, &Tensor::from_slice(device, [9], &p), 0.999);
            let what = format!("ema, step {i} on {name}");
            close(&what, &avg.to_vec().unwrap(), row("ema.avg"), TOLERANCE);
        }
    }
}

#[test]
fn shared_fixtures_of_optimisers() {
    run(OPTIMISERS);
}
