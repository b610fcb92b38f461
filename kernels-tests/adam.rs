//! One step of Adam against its formula in f64.

use ganas::ops::{AdamStep, adam_step};
use ganas::{Rng, Tensor};

use crate::check::{Values, close, devices, input};

#[test]
fn adam() {
    let steps = [(0.0, 0.9, 0.0, 1), (0.5, 0.999, 1e-4, 3)];
    for (name, device) in devices() {
        for (n, (beta1, beta2, weight_decay, t)) in [1, 7, 70_000].into_iter().zip(steps.iter().cycle()) {
            let (beta1, beta2, weight_decay, t) = (*beta1, *beta2, *weight_decay, *t);
            let step = AdamStep { lr: 0.1, beta1, beta2, eps: 1e-8, weight_decay, t };
            let mut rng = Rng::seed(4);
            let (p, mut g, m) = (rng.normals(n), rng.normals(n), rng.normals(n));
            let v = input(&[n], Values::Positive).draw(&mut rng);
            // With a gradient of zero and no decay nothing but eps keeps the quotient finite.
            g[n / 2] = 0.0;
            let mut want = [vec![], vec![], vec![]];
            for i in 0..n {
                let [p, g, m, v] = [p[i], g[i], m[i], v[i]].map(f64::from);
                let d = g + weight_decay * p;
                let (m, v) = (beta1 * m + (1.0 - beta1) * d, beta2 * v + (1.0 - beta2) * d * d);
                let (m_hat, v_hat) = (m / (1.0 - beta1.powi(t as i32)), v / (1.0 - beta2.powi(t as i32)));
                want[0].push(p - 0.1 * m_hat / (v_hat.sqrt() + 1e-8));
                want[1].push(m);
                want[2].push(v);
            }
            let of = |v: &[f32]| Tensor::from_slice(device, [n], v).param();
            let (p, m, v) = adam_step(&of(&p), &of(&g), &of(&m), &of(&v), step);
            for (got, (want, part)) in [p, m, v].iter().zip(want.iter().zip(["p", "m", "v"])) {
                assert!(!got.tracked());
                let what = format!("adam of {n}, {part} on {name}");
                close(&what, &got.to_vec().unwrap(), want, 2e-6);
            }
        }
    }
}
