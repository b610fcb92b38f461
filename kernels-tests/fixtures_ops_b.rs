//! Image operations, normalisation and optimisers against numbers of the reference programs, on every device.

use ganas::ops::{
    AdamStep, ConvTranspose, Coordinates, Pool, adam_step, ema_update, power_iteration,
};
use ganas::{Device, Tensor};

use crate::check::{close, devices};
use crate::fixtures::load;
use crate::fixtures_ops_a::{TOLERANCE, check};

/// Tolerance that the fixtures recommend for resizing.
const RESIZED: f64 = 1e-5;
const EPS: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Images are `[n,c,h,w]` in the fixtures.
fn nhwc(x: &Tensor) -> Tensor {
    x.permute(&[0, 2, 3, 1])
}

fn nchw(x: &Tensor) -> Tensor {
    x.permute(&[0, 3, 1, 2])
}

/// Fails unless every difference is at most `bound`.
#[track_caller]
fn near(what: &str, got: &[f64], want: &[f64], bound: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (got, want) in got.iter().zip(want) {
        assert!(
            (got - want).abs() <= bound,
            "{what}: got {got}, want {want}"
        );
    }
}

#[test]
fn shared_fixtures_of_resizing() {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
    for (case, s) in [("up_nearest_x2", 2), ("up_nearest_x4", 4)] {
        check(&all, case, &["x"], RESIZED, |_, x| {
            nchw(&nhwc(&x[0]).upsample_nearest(s))
        });
    }
    for (case, s) in [
        ("up_bilinear_x2", 2),
        ("up_bilinear_x2_1x1", 2),
        ("up_bilinear_x4", 4),
    ] {
        check(&all, case, &["x"], RESIZED, |_, x| {
            nchw(&nhwc(&x[0]).upsample_bilinear(s))
        });
    }
    for (name, device) in devices() {
        for case in ["resize_32x32", "resize_20x48"] {
            let x = nhwc(&all[&format!("{case}.x")].tensor(device));
            for (tag, coordinates) in [
                ("half_pixel", Coordinates::HalfPixel),
                ("tf1", Coordinates::Asymmetric),
            ] {
                let y = x.resize_bilinear([299, 299], coordinates);
                close(
                    &format!("{case}.{tag} on {name}"),
                    &y.to_vec().unwrap(),
                    &all[&format!("{case}.{tag}")].data,
                    RESIZED,
                );
            }
        }
    }
}

#[test]
fn shared_fixtures_of_pooling() {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
    let every_second = Pool {
        stride: 2,
        pad: 0,
        ..Pool::same(3)
    };
    for (case, pool) in [
        ("avg_pool_2x2", Pool::blocks(2)),
        ("avg_pool_odd", Pool::blocks(2)),
        ("avg_pool_3x3_same", Pool::same(3)),
    ] {
        check(&all, case, &["x"], TOLERANCE, |_, x| {
            nchw(&nhwc(&x[0]).avg_pool(pool))
        });
    }
    for (case, pool) in [
        ("max_pool_2x2", Pool::blocks(2)),
        ("max_pool_2x2_ties", Pool::blocks(2)),
        ("max_pool_3x3_same", Pool::same(3)),
        ("max_pool_3x3_s2", every_second),
    ] {
        check(&all, case, &["x"], TOLERANCE, |_, x| {
            nchw(&nhwc(&x[0]).max_pool(pool))
        });
    }
}

#[test]
fn shared_fixtures_of_depthwise_transposed_convolution() {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
    check(&all, "convT_depthwise", &["x", "w"], TOLERANCE, |_, x| {
        let c = x[1].shape()[0];
        let weight = x[1].reshape([c, 9]).permute(&[1, 0]);
        nchw(&nhwc(&x[0]).conv_transpose(&weight, ConvTranspose::double()))
    });
}

#[test]
fn shared_fixtures_of_batch_normalisation() {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
    let inputs = ["x", "w", "b"];
    let get = |device: &Device, name: &str| all[name].tensor(device);
    check(&all, "batch_norm_train", &inputs, TOLERANCE, |_, x| {
        nchw(&nhwc(&x[0]).batch_norm(&x[1], &x[2], EPS).y)
    });
    check(&all, "batch_norm_eval", &inputs, TOLERANCE, |device, x| {
        let mean = get(device, "batch_norm_eval.running_mean");
        let var = get(device, "batch_norm_eval.running_var");
        nchw(&nhwc(&x[0]).batch_norm_eval(&x[1], &x[2], &mean, &var, EPS))
    });
    for (name, device) in devices() {
        let get = |part: &str| get(device, &format!("batch_norm_train.{part}"));
        let out = nhwc(&get("x")).batch_norm(&get("w"), &get("b"), EPS);
        let (mean, var) = out.update_running(&get("running_mean"), &get("running_var"), MOMENTUM);
        for (part, got) in [("running_mean_after", mean), ("running_var_after", var)] {
            let want = &all[&format!("batch_norm_train.{part}")];
            let what = format!("{part} on {name}");
            close(&what, &got.to_vec().unwrap(), &want.data, TOLERANCE);
        }
    }
}

#[test]
fn shared_fixtures_of_spectral_norm() {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
    for (name, device) in devices() {
        let get = |part: &str| all[&format!("spectral_norm_conv.{part}")].tensor(device);
        // [out,in,kh,kw] and vectors over (in,kh,kw) there; [tap,in,out] and (kh,kw,in) here.
        let w = get("weight_orig").permute(&[2, 3, 1, 0]).reshape([9, 4, 6]);
        let (u, v) = power_iteration(&w, &get("weight_u"), 1e-12);
        let sigma = w.spectral_sigma(&u, &v);
        let v = v.reshape([9, 4]).permute(&[1, 0]);
        for (part, got) in [
            ("weight_u_after", u),
            ("weight_v_after", v),
            ("sigma", sigma),
        ] {
            let want = &all[&format!("spectral_norm_conv.{part}")];
            let what = format!("{part} on {name}");
            close(&what, &got.to_vec().unwrap(), &want.data, TOLERANCE);
        }
    }
}

#[test]
fn shared_fixtures_of_adam() {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
    let settings = |lr, beta1, beta2, weight_decay| AdamStep {
        lr,
        beta1,
        beta2,
        eps: 1e-8,
        weight_decay,
        t: 0,
    };
    for (case, settings) in [
        ("adam_gan", settings(2e-4, 0.0, 0.9, 0.0)),
        ("adam_arch", settings(3e-4, 0.5, 0.999, 1e-4)),
    ] {
        let row = |part: &str, i: usize| &all[&format!("{case}.{part}")].data[i * 11..(i + 1) * 11];
        for (name, device) in devices() {
            let mut p = all[&format!("{case}.p0")].tensor(device);
            let (mut m, mut v) = (Tensor::zeros(device, [11]), Tensor::zeros(device, [11]));
            for t in 0..5 {
                let what = format!("{case}, step {t} on {name}");
                let g: Vec<f32> = row("grads", t).iter().map(|&g| g as f32).collect();
                let g = Tensor::from_slice(device, [11], &g);
                let step = AdamStep {
                    t: t as u64 + 1,
                    ..settings
                };
                let before = p.to_vec().unwrap();
                (p, m, v) = adam_step(&p, &g, &m, &v, step);
                let after: Vec<f64> = p.to_vec().unwrap().iter().map(|&p| f64::from(p)).collect();
                let delta: Vec<f64> = after
                    .iter()
                    .zip(&before)
                    .map(|(a, b)| a - f64::from(*b))
                    .collect();
                near(&format!("{what}, p"), &after, row("p", t), 1e-7);
                near(&format!("{what}, delta"), &delta, row("delta", t), 3e-8);
                close(
                    &format!("{what}, m"),
                    &m.to_vec().unwrap(),
                    row("exp_avg", t),
                    TOLERANCE,
                );
                close(
                    &format!("{what}, v"),
                    &v.to_vec().unwrap(),
                    row("exp_avg_sq", t),
                    TOLERANCE,
                );
            }
        }
    }
}

#[test]
fn shared_fixtures_of_running_averages() {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
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
