//! One gradient step, plain or with the second-order amendment of the architecture gradient.

use crate::nn::{self, Adam, Module, Role};
use crate::{Grads, Tensor};

/// One step of `optimiser` on `loss`; gives the loss.
pub(super) fn descend<M: Module>(
    net: &mut M,
    optimiser: &mut Adam,
    mut loss: impl FnMut(&mut M) -> Tensor,
) -> Tensor {
    let (loss, _, grads) = gradients(net, optimiser.role(), &mut loss);
    optimiser.step(net, grads);
    loss
}

/// What an amended step needs.
pub(super) struct Amendment<'a, M> {
    /// Coefficient of the correction.
    pub eta: f64,
    /// The loss that the architecture minimises.
    pub loss: &'a mut dyn FnMut(&mut M) -> Tensor,
    /// The loss that the weights minimise, on the other half of the mini-batch.
    pub weight_loss: &'a mut dyn FnMut(&mut M) -> Tensor,
}

/// Perturbations have this length.
const LENGTH: f32 = 0.01;

/// One step of the logits' `optimiser` on the amended gradient
/// `d loss/d alpha - eta * (d2 W/d alpha d w) (d2 W/d w d w) (d loss/d w)`, W being the loss of the weights: how the
/// architecture gradient changes because the weights would follow the architecture. Both products are central
/// differences along a perturbation of length 0.01. Gives the loss. Only the first evaluation leaves a trace in
/// running statistics and power iterations.
pub(super) fn descend_amended<M: Module>(net: &mut M, optimiser: &mut Adam, with: Amendment<M>) -> Tensor {
    let (loss, _, mut grads) = gradients_of(net, &[Role::Logit, Role::Weight], with.loss);
    let buffers = nn::collect(net, Role::Buffer);
    let weights = nn::collect(net, Role::Weight);
    let logits = nn::collect(net, Role::Logit);

    let along: Vec<Option<Tensor>> = weights.iter().map(|(_, w)| grads.take(w)).collect();
    let product = difference(net, &weights, &along, Role::Weight, with.weight_loss);
    let correction = difference(net, &weights, &product, Role::Logit, with.weight_loss);
    nn::restore(net, &buffers);
    nn::restore(net, &weights);

    let mut amended = Grads::default();
    nn::restore(net, &logits);
    let mut correction = correction.into_iter();
    for (_, alpha) in &logits {
        // Without a gradient of the weights there is no correction at all.
        let h = correction.next().flatten();
        if let Some(g) = grads.take(alpha) {
            let g = match h {
                Some(h) => &g - &h.scale(with.eta as f32),
                None => g,
            };
            amended.insert(alpha, g);
        }
    }
    optimiser.step(net, amended);
    nn::freeze(net);
    loss
}

/// `(gradient at w + R v) - (gradient at w - R v)) / 2R` of the tensors of `role`, `R = 0.01 / |v|`, on the device
/// throughout.
fn difference<M: Module>(
    net: &mut M,
    weights: &[(String, Tensor)],
    v: &[Option<Tensor>],
    role: Role,
    loss: &mut dyn FnMut(&mut M) -> Tensor,
) -> Vec<Option<Tensor>> {
    let squares = v.iter().flatten().map(|v| v.square().sum_all()).reduce(|a, b| a + b);
    let Some(squares) = squares else {
        return Vec::new();
    };
    let r = (Tensor::full(&squares.device(), [1], LENGTH) / squares.sqrt().add_scalar(f32::MIN_POSITIVE))
        .detach();
    let mut side = |sign: f32| {
        let moved: Vec<(String, Tensor)> = weights
            .iter()
            .zip(v)
            .map(|((name, w), v)| {
                let w = w.detach();
                let moved = match v {
                    Some(v) => &w + &(v * &r).scale(sign),
                    None => w,
                };
                (name.clone(), moved)
            })
            .collect();
        let buffers = nn::collect(net, Role::Buffer);
        nn::restore(net, &moved);
        let (_, leaves, mut grads) = gradients(net, role, loss);
        nn::restore(net, &buffers);
        leaves.iter().map(|leaf| grads.take(leaf)).collect::<Vec<_>>()
    };
    let (above, below) = (side(1.0), side(-1.0));
    let double = r.scale(2.0);
    above
        .into_iter()
        .zip(below)
        .map(|(a, b)| Some(&(&a? - &b?) / &double))
        .collect()
}

/// The loss, the tensors of `role` as leaves, and their gradients.
fn gradients<M: Module>(
    net: &mut M,
    role: Role,
    loss: &mut (impl FnMut(&mut M) -> Tensor + ?Sized),
) -> (Tensor, Vec<Tensor>, Grads) {
    gradients_of(net, &[role], loss)
}

fn gradients_of<M: Module>(
    net: &mut M,
    roles: &[Role],
    loss: &mut (impl FnMut(&mut M) -> Tensor + ?Sized),
) -> (Tensor, Vec<Tensor>, Grads) {
    nn::freeze(net);
    let mut leaves = Vec::new();
    for role in roles {
        nn::track(net, *role);
        leaves.extend(nn::collect(net, *role).into_iter().map(|(_, leaf)| leaf));
    }
    let loss = loss(net);
    let grads = loss.backward(&leaves.iter().collect::<Vec<_>>());
    (loss.detach(), leaves, grads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;
    use crate::nn::{AdamConfig, Layout, Visitor};

    /// Weights, logits, and a count of the training-mode evaluations.
    struct Toy {
        w: Tensor,
        alpha: Tensor,
        count: Tensor,
    }

    impl Module for Toy {
        fn visit(&mut self, v: &mut Visitor<'_>) {
            v.tensor("alpha", Role::Logit, Layout::Plain, &mut self.alpha);
            v.tensor("w", Role::Weight, Layout::Plain, &mut self.w);
            v.tensor("count", Role::Buffer, Layout::Plain, &mut self.count);
        }
    }

    const W: [f32; 3] = [0.7, -1.1, 0.4];
    const ALPHA: [f32; 3] = [0.3, 0.9, -0.6];
    const C: [f32; 3] = [1.5, 0.5, 2.0];
    const P: [f32; 3] = [2.0, 1.0, 3.0];
    const Q: f32 = 0.8;

    fn of(values: &[f32]) -> Tensor {
        Tensor::from_slice(&Device::cpu(), [values.len()], values)
    }

    fn toy() -> Toy {
        Toy { w: of(&W), alpha: of(&ALPHA), count: of(&[0.0]) }
    }

    fn evaluated(net: &mut Toy) -> &mut Toy {
        net.count = net.count.add_scalar(1.0);
        net
    }

    /// `L = sum(c w^2 / 2 + alpha w)`.
    fn loss(net: &mut Toy) -> Tensor {
        let Toy { w, alpha, .. } = evaluated(net);
        ((&w.square() * &of(&C)).scale(0.5) + &*alpha * &*w).sum_all()
    }

    /// `W = sum(p w^2 / 2 + alpha w^3 / 6) + q w_0 w_1`.
    fn weight_loss(net: &mut Toy) -> Tensor {
        let Toy { w, alpha, .. } = evaluated(net);
        let cubic = (&(&w.square() * &*w) * &*alpha).scale(1.0 / 6.0);
        let mixed = (&w.slice(0, 0, 1) * &w.slice(0, 1, 1)).scale(Q);
        ((&w.square() * &of(&P)).scale(0.5) + cubic).sum_all() + mixed
    }

    /// Keeps the gradient as its first moment.
    fn optimiser() -> Adam {
        Adam::new(
            AdamConfig {
                lr: 0.01,
                beta1: 0.0,
                beta2: 0.9,
                weight_decay: 0.0,
            },
            Role::Logit,
        )
    }

    fn amended(eta: f64) -> (Toy, Vec<f32>) {
        let (mut net, mut adam) = (toy(), optimiser());
        let with = Amendment {
            eta,
            loss: &mut loss,
            weight_loss: &mut weight_loss,
        };
        let value = descend_amended(&mut net, &mut adam, with);
        assert_eq!(value.item().unwrap(), loss(&mut toy()).item().unwrap());
        let applied = adam.moments()["alpha"].m.to_vec().unwrap();
        (net, applied)
    }

    /// `(d2W/d alpha dw)(d2W/dw2)(dL/dw)` by hand.
    fn correction() -> [f32; 3] {
        let v: [f32; 3] = std::array::from_fn(|i| C[i] * W[i] + ALPHA[i]);
        let mut h: [f32; 3] = std::array::from_fn(|i| (P[i] + ALPHA[i] * W[i]) * v[i]);
        h[0] += Q * v[1];
        h[1] += Q * v[0];
        std::array::from_fn(|i| W[i] * W[i] / 2.0 * h[i])
    }

    #[test]
    fn the_amended_gradient_is_the_one_in_closed_form() {
        for eta in [0.5, 1.0, 4.0] {
            let (_, applied) = amended(eta);
            let h = correction();
            for i in 0..3 {
                let want = W[i] - eta as f32 * h[i];
                assert!(
                    (applied[i] - want).abs() < 1e-3 * want.abs().max(1.0),
                    "eta {eta}: {applied:?}, {want} at {i}"
                );
            }
        }
    }

    #[test]
    fn a_coefficient_of_zero_is_the_plain_step_and_only_logits_move() {
        let (mut plain, mut adam) = (toy(), optimiser());
        descend(&mut plain, &mut adam, loss);
        let bits = |tensor: &Tensor| tensor.to_vec().unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for eta in [0.0, 2.0] {
            let (net, applied) = amended(eta);
            assert_eq!(bits(&net.w), bits(&plain.w));
            assert_eq!(net.count.item().unwrap(), 1.0);
            assert!(!net.w.tracked() && !net.alpha.tracked());
            if eta == 0.0 {
                assert_eq!(applied, W);
                assert_eq!(bits(&net.alpha), bits(&plain.alpha));
            } else {
                assert_ne!(applied, W);
            }
        }
    }

    #[test]
    fn weights_that_the_loss_does_not_read_leave_the_plain_gradient() {
        let (mut net, mut adam) = (toy(), optimiser());
        let mut only_alpha = |net: &mut Toy| net.alpha.square().sum_all();
        let mut of_weights = weight_loss;
        let with = Amendment {
            eta: 1.0,
            loss: &mut only_alpha,
            weight_loss: &mut of_weights,
        };
        descend_amended(&mut net, &mut adam, with);
        assert_eq!(adam.moments()["alpha"].m.to_vec().unwrap(), ALPHA.map(|a| 2.0 * a));
    }
}
