//! Every convolution of the networks against numbers of the reference programs, on every device.

use ganas::Tensor;
use ganas::formats::NamedArrays;
use ganas::nn::{self, Conv, Init, Layout, Mode, Role, SpectralInit, export_tensor};
use ganas::ops::Conv2d;
use serde_json::Value;

use crate::check::{close, devices};
use crate::fixtures::{Arrays, Cases, run, settings};
use crate::fixtures_ops_a::{TOLERANCE, check};
use crate::fixtures_ops_b::{nchw, nhwc};

pub const CONVOLUTIONS: &Cases = &[
    ("conv_1x1", convolution),
    ("conv_3x3", convolution),
    ("conv_5x5", convolution),
    ("conv_dil_3x3", convolution),
    ("conv_dil_5x5", convolution),
    ("down_conv_3x3", convolution),
    ("down_conv_5x5", convolution),
    ("down_dil_3x3", convolution),
    ("down_dil_5x5", convolution),
    ("down_conv_3x3_odd", convolution),
    ("down_dil_5x5_on_2x2", convolution),
    ("down_dil_5x5_on_4x4", convolution),
    ("conv_1x7", convolution),
    ("conv_7x1", convolution),
    ("conv_3x3_s2_p0", convolution),
    ("conv_4x4_s2", convolution),
    ("conv_1x1_no_bias", convolution),
];

/// Value and all gradients of one case, with the settings that the fixtures state for it.
fn convolution(all: &Arrays, case: &str) {
    let cases = settings().expect("the arrays were there");
    let number = |value: &Value| value.as_u64().expect("a size") as usize;
    let conv = &cases[case];
    assert_eq!(number(&conv["groups"]), 1, "{case}");
    let [_, _, kh, kw] = all[&format!("{case}.w")].shape[..] else {
        panic!("{case}.w is not [out,in,kh,kw]")
    };
    let conv = Conv2d {
        kernel: [kh, kw],
        stride: number(&conv["stride"]),
        pad: [number(&conv["pad"][0]), number(&conv["pad"][1])],
        dilation: number(&conv["dilation"]),
    };
    let inputs: &[&str] = match all.contains_key(&format!("{case}.b")) {
        true => &["x", "w", "b"],
        false => &["x", "w"],
    };
    check(all, case, inputs, TOLERANCE, |_, x| {
        let w = taps(&x[1]);
        nchw(&match x.get(2) {
            Some(bias) => nhwc(&x[0]).conv2d_bias(&w, bias, conv),
            None => nhwc(&x[0]).conv2d(&w, conv),
        })
    });
}

/// `[out,in,kh,kw]` in the fixtures, `[kh*kw,in,out]` here.
fn taps(w: &Tensor) -> Tensor {
    let [out, cin, kh, kw] = w.shape()[..] else {
        panic!("{}", w.shape())
    };
    w.permute(&[2, 3, 1, 0]).reshape([kh * kw, cin, out])
}

#[test]
fn shared_fixtures_of_convolutions() {
    run(CONVOLUTIONS);
}

pub const SPECTRAL: &Cases = &[("spectral_norm_conv", spectral)];

/// One training-mode forward of a normalised layer: value, gradients, power iteration and the resulting sigma.
fn spectral(all: &Arrays, case: &str) {
    let get = |part: &str| &all[&format!("{case}.{part}")];
    let mut file = NamedArrays::new();
    for part in ["weight_orig", "bias", "weight_u", "weight_v"] {
        file.insert(part, &get(part).shape, get(part).f32());
    }
    for (name, device) in devices() {
        let same = |part: &str, got: &[f32]| {
            let what = format!("{case}.{part} on {name}");
            close(&what, got, &get(part).data, TOLERANCE);
        };
        let mut init = Init {
            device,
            rng: &mut ganas::Rng::seed(1),
            spectral: SpectralInit::Effective,
        };
        let mut conv = Conv::spectral(Conv2d::same(3), 4, 6, &mut init);
        nn::import(&mut conv, "", &file).unwrap();
        nn::track(&mut conv, Role::Weight);
        let x = get("x").tensor(device).param();
        let y = nchw(&conv.forward(&nhwc(&x), Mode::Train, None));
        same("y", &y.to_vec().unwrap());
        let w = conv.weight().clone();
        let grads = y.backward_from(&get("gy").tensor(device), &[&x, &w]);
        same("gx", &grads[&x].to_vec().unwrap());
        let (_, gw) = export_tensor(&grads[&w], Layout::Conv([3, 3])).unwrap();
        same("gweight_orig", &gw);
        // Evaluation mode divides by the sigma of the vectors as the forward left them.
        let sigma = conv.sigma(Mode::Eval).expect("it is normalised");
        same("sigma", &sigma.to_vec().unwrap());
        let mut after = NamedArrays::new();
        nn::export(&mut conv, "", &mut after).unwrap();
        for part in ["weight_u", "weight_v"] {
            let got = &after.get(part).expect("it was exported").values;
            same(&format!("{part}_after"), got);
        }
    }
}

#[test]
fn shared_fixtures_of_spectral_norm() {
    run(SPECTRAL);
}
