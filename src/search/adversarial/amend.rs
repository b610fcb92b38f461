//! One gradient step, plain or with the second-order amendment of the architecture gradient.

use crate::nn::{self, Adam, Module, Role};
use crate::{Grads, Tensor};

/// One step of `optimiser` on `loss`; gives the loss.
pub(super) fn descend<M: Module>(net: &mut M, optimiser: &mut Adam, mut loss: impl FnMut(&mut M) -> Tensor) -> Tensor {
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
    put_back(net, &buffers);
    put_back(net, &weights);

    let mut amended = Grads::default();
    put_back(net, &logits);
    for ((_, alpha), h) in logits.iter().zip(correction) {
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
    let r = (Tensor::full(&squares.device(), [1], LENGTH) / squares.sqrt().add_scalar(f32::MIN_POSITIVE)).detach();
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
        put_back(net, &moved);
        let (_, leaves, mut grads) = gradients(net, role, loss);
        put_back(net, &buffers);
        leaves.iter().map(|leaf| grads.take(leaf)).collect::<Vec<_>>()
    };
    let (above, below) = (side(1.0), side(-1.0));
    let double = r.scale(2.0);
    above.into_iter().zip(below).map(|(a, b)| Some(&(&a? - &b?) / &double)).collect()
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

/// Gives the tensors of a network that `saved` names their saved values.
pub(super) fn put_back(net: &mut (impl Module + ?Sized), saved: &[(String, Tensor)]) {
    let mut saved = saved.iter();
    let mut next = saved.next();
    // Both are in the order of the visitor.
    nn::visit(net, |slot| {
        if let Some((name, tensor)) = next
            && name == slot.name
        {
            *slot.tensor = tensor.clone();
            next = saved.next();
        }
    });
    assert!(next.is_none(), "put_back: the network has no tensor of a saved name");
}
