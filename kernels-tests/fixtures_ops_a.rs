//! Operations and small compositions against numbers of the reference programs, on every device.

use ganas::ops::MatMul;
use ganas::{Device, Tensor};

use crate::check::{close, devices};
use crate::fixtures::{Arrays, Cases, run};

/// Tolerance that the fixtures recommend, and the wider one for a soft-max at temperature 0.1.
pub const TOLERANCE: f64 = 5e-6;
const SHARP: f64 = 1e-5;

/// Computes one case from its inputs on every device and compares `y` and the gradients, each named `g` and the input.
pub fn check(
    all: &Arrays,
    case: &str,
    inputs: &[&str],
    tolerance: f64,
    f: impl Fn(&Device, &[Tensor]) -> Tensor,
) {
    let get = |name: &str| {
        all.get(&format!("{case}.{name}"))
            .unwrap_or_else(|| panic!("{case}.{name} is missing"))
    };
    for (name, device) in devices() {
        let x: Vec<Tensor> = inputs.iter().map(|i| get(i).tensor(device).param()).collect();
        let y = f(device, &x);
        let want = get("y");
        assert_eq!(y.shape().sizes(), want.shape, "{case} on {name}");
        close(&format!("{case}.y on {name}"), &y.to_vec().unwrap(), &want.data, tolerance);
        let leaves: Vec<&Tensor> = x.iter().collect();
        let grads = y.backward_from(&get("gy").tensor(device), &leaves);
        for (input, x) in inputs.iter().zip(&x) {
            let what = format!("{case}.g{input} on {name}");
            close(&what, &grads[x].to_vec().unwrap(), &get(&format!("g{input}")).data, tolerance);
        }
    }
}

pub const ELEMENTARY: &Cases = &[
    ("linear", |all, case| {
        let how = MatMul { transpose_b: true, ..MatMul::default() };
        check(all, case, &["x", "w", "b"], TOLERANCE, |_, x| x[0].matmul_with(&x[1], how) + &x[2]);
    }),
    ("relu", |all, case| {
        check(all, case, &["x"], TOLERANCE, |_, x| x[0].relu());
    }),
    ("leaky_relu_0.2", |all, case| {
        check(all, case, &["x"], TOLERANCE, |_, x| x[0].leaky_relu(0.2));
    }),
    ("tanh", |all, case| {
        check(all, case, &["x"], TOLERANCE, |_, x| x[0].tanh());
    }),
    // Images are [n,c,h,w] in the fixtures.
    ("sum_pool", |all, case| {
        check(all, case, &["x"], TOLERANCE, |_, x| x[0].permute(&[0, 2, 3, 1]).sum(&[1, 2]));
    }),
];

#[test]
fn shared_fixtures_of_elementary_operations() {
    run(ELEMENTARY);
}

pub const LOSSES: &Cases = &[("hinge", |all, case| {
    check(all, case, &["real", "fake"], TOLERANCE, |_, x| ganas::nn::hinge_loss(&x[0], &x[1]));
    for (name, device) in devices() {
        let fake = all["hinge.fake"].tensor(device);
        let loss = ganas::nn::generator_loss(&fake).to_vec().unwrap();
        let what = format!("hinge.g_loss on {name}");
        close(&what, &loss, &all["hinge.g_loss"].data, TOLERANCE);
    }
})];

#[test]
fn shared_fixtures_of_hinge_losses() {
    run(LOSSES);
}

pub const MIXED: &Cases = &[
    ("mixed_op", |all, case| mixed(all, case, 7)),
    ("mixed_op_first5", |all, case| mixed(all, case, 5)),
];

/// Seven logits, of whose soft-max the first `used` weigh the candidates.
fn mixed(all: &Arrays, case: &str, used: usize) {
    check(all, case, &["logits", "x"], TOLERANCE, |_, x| {
        let weights = x[0].softmax().slice(0, 0, used).reshape([1, used]);
        weights.matmul(&x[1].reshape([used, 24])).reshape([2, 3, 4])
    });
}

#[test]
fn shared_fixtures_of_mixed_operations() {
    run(MIXED);
}

pub const GUMBEL: &Cases = &[
    ("gumbel_tau_5.0", |all, case| gumbel(all, case, 5.0, TOLERANCE)),
    ("gumbel_tau_1.0", |all, case| gumbel(all, case, 1.0, TOLERANCE)),
    ("gumbel_tau_0.1", |all, case| gumbel(all, case, 0.1, SHARP)),
];

fn gumbel(all: &Arrays, case: &str, tau: f32, tolerance: f64) {
    let noise = &all[&format!("{case}.noise")];
    check(all, case, &["logits"], tolerance, |device, x| {
        (x[0].softmax() + noise.tensor(device)).scale(1.0 / tau).softmax()
    });
    for (name, device) in devices() {
        let logits = all[&format!("{case}.logits")].tensor(device);
        let y = (logits.log_softmax() + noise.tensor(device)).scale(1.0 / tau).softmax();
        let want = &all[&format!("{case}.y_from_log_probabilities")].data;
        let what = format!("{case} from log probabilities on {name}");
        close(&what, &y.to_vec().unwrap(), want, tolerance);
    }
}

#[test]
fn shared_fixtures_of_gumbel_softmax() {
    run(GUMBEL);
}
