//! Element-wise functions: value and gradient, limits of the range, NaN.

use ganas::Tensor;

use crate::check::{Values, check_op, close, devices, input};

type Row = (&'static str, Values, fn(&Tensor) -> Tensor, fn(f64) -> f64);

const FUNCTIONS: [Row; 13] = [
    ("relu", Values::AwayFromZero, Tensor::relu, |x| x.max(0.0)),
    (
        "leaky_relu",
        Values::AwayFromZero,
        |x| x.leaky_relu(0.2),
        |x| if x < 0.0 { f64::from(0.2_f32) * x } else { x },
    ),
    ("tanh", Values::Normal, Tensor::tanh, f64::tanh),
    ("sigmoid", Values::Normal, Tensor::sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    ("exp", Values::Normal, Tensor::exp, f64::exp),
    ("log", Values::Positive, Tensor::log, f64::ln),
    ("sqrt", Values::Positive, Tensor::sqrt, f64::sqrt),
    ("square", Values::Normal, Tensor::square, |x| x * x),
    ("neg", Values::Normal, Tensor::neg, |x| -x),
    ("scale", Values::Normal, |x| x.scale(-2.5), |x| -2.5 * x),
    ("add_scalar", Values::Normal, |x| x.add_scalar(0.75), |x| x + 0.75),
    ("clamp", Values::Positive, |x| x.clamp(0.5, 1.5), |x| x.clamp(0.5, 1.5)),
    ("abs", Values::AwayFromZero, Tensor::abs, f64::abs),
];

#[test]
fn unary_functions_and_their_gradients() {
    for (name, values, op, reference) in FUNCTIONS {
        for shape in [&[1, 1][..], &[7, 13], &[2, 3, 5, 3], &[4099]] {
            check_op(name, &[input(shape, values)], 1, |x| op(&x[0]), |x| x[0].map(reference));
        }
    }
}

#[test]
fn unary_launch_that_folds_into_three_axes() {
    let n = 1_200_003;
    let values: Vec<f32> = (0..n).map(|i| (i % 4001) as f32 * 0.001 - 2.0).collect();
    let want: Vec<f64> = values.iter().map(|&x| f64::from(x).tanh()).collect();
    let slope: Vec<f64> = want.iter().map(|y| 1.0 - y * y).collect();
    for (name, device) in devices() {
        let x = Tensor::from_slice(device, [n], &values).param();
        let y = x.tanh();
        let what = format!("tanh of {n} on {name}");
        close(&what, &y.to_vec().unwrap(), &want, 1e-5);
        let gx = y.backward_from(&Tensor::full(device, [n], 1.0), &[&x]);
        close(&what, &gx[&x].to_vec().unwrap(), &slope, 1e-5);
    }
}

/// Each value within 1e-5 of itself, not of the largest.
#[test]
fn unary_is_accurate_over_the_whole_range() {
    let around: Vec<f32> = (-400..=400).map(|i| i as f32 * 0.217).collect();
    let near: Vec<f32> = (-300..=300).map(|i| i as f32 * 0.001 + 1.0).collect();
    let wide: Vec<f32> = (-37..=37).map(|e| 1.7 * 10.0_f32.powi(e)).collect();
    let small: Vec<f32> = (-1000..=1000).map(|i| i as f32 * 1e-4).collect();
    type Case<'a> = (&'a str, fn(&Tensor) -> Tensor, fn(f64) -> f64, &'a [f32]);
    let cases: [Case; 8] = [
        ("exp", Tensor::exp, f64::exp, &around),
        ("log near 1", Tensor::log, f64::ln, &near),
        ("log", Tensor::log, f64::ln, &wide),
        ("sqrt", Tensor::sqrt, f64::sqrt, &wide),
        ("tanh", Tensor::tanh, f64::tanh, &around),
        ("tanh near 0", Tensor::tanh, f64::tanh, &small),
        ("sigmoid", Tensor::sigmoid, |x| 1.0 / (1.0 + (-x).exp()), &around),
        ("sigmoid near 0", Tensor::sigmoid, |x| 1.0 / (1.0 + (-x).exp()), &small),
    ];
    for (name, device) in devices() {
        for (what, op, reference, x) in &cases {
            let y = op(&Tensor::from_slice(device, [x.len()], x)).to_vec().unwrap();
            for (x, y) in x.iter().zip(y) {
                let want = reference(f64::from(*x));
                // Below the smallest normal number a GPU may give 0.
                let bound = 1e-5 * want.abs() + 1.2e-38;
                assert!((f64::from(y) - want).abs() <= bound, "{what}({x}) on {name}: got {y}, want {want}");
            }
        }
    }
}

#[test]
fn unary_at_its_limits() {
    let big = f32::MAX;
    for (name, device) in devices() {
        let at = |op: fn(&Tensor) -> Tensor, x: f32| op(&Tensor::full(device, [1], x)).item().unwrap();
        for x in [89.0, 1e4, big] {
            assert_eq!(at(Tensor::tanh, x), 1.0, "tanh({x}) on {name}");
            assert_eq!(at(Tensor::tanh, -x), -1.0, "tanh(-{x}) on {name}");
            assert_eq!(at(Tensor::sigmoid, x), 1.0, "sigmoid({x}) on {name}");
            assert!(at(Tensor::sigmoid, -x).abs() < 1e-37, "sigmoid(-{x}) on {name}");
            assert!(at(Tensor::exp, x) >= 3e38, "exp({x}) on {name}");
            assert!(at(Tensor::exp, -x).abs() < 1e-37, "exp(-{x}) on {name}");
        }
        type Kink = (fn(&Tensor) -> Tensor, f32);
        let kinks: [Kink; 3] = [(Tensor::relu, 0.0), (|x| x.leaky_relu(0.2), 0.2), (Tensor::abs, 0.0)];
        for (op, slope) in kinks {
            let x = Tensor::full(device, [1], 0.0).param();
            let g = op(&x).backward(&[&x])[&x].item().unwrap();
            assert_eq!(g, slope, "derivative at 0 on {name}");
        }
    }
}

#[test]
fn unary_nan_goes_through() {
    for (name, device) in devices() {
        let x = Tensor::from_slice(device, [3], &[1.0, f32::NAN, 2.0]);
        for (what, _, op, _) in FUNCTIONS {
            let y = op(&x).to_vec().unwrap();
            assert!(y[1].is_nan() && !y[0].is_nan() && !y[2].is_nan(), "{what} on {name}: {y:?}");
        }
    }
}
