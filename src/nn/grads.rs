//! What happens to gradients between the loss and the optimiser: added up over parts of a batch, clipped.

use crate::{Grads, Tensor};

/// Gradients of several losses with respect to the same leaves, added up.
pub struct GradSum<'a> {
    leaves: Vec<&'a Tensor>,
    sum: Option<Grads>,
}

impl<'a> GradSum<'a> {
    /// Nothing yet.
    pub fn new(leaves: Vec<&'a Tensor>) -> GradSum<'a> {
        GradSum { leaves, sum: None }
    }

    /// Adds the gradient of `loss` `[1]`.
    pub fn add(&mut self, loss: &Tensor) {
        let mut more = loss.backward(&self.leaves);
        let Some(sum) = &mut self.sum else {
            self.sum = Some(more);
            return;
        };
        for leaf in &self.leaves {
            if let Some(gradient) = more.take(leaf) {
                let all = match sum.take(leaf) {
                    Some(so_far) => so_far + gradient,
                    None => gradient,
                };
                sum.insert(leaf, all);
            }
        }
    }

    /// The sum, scaled down as a whole to the Euclidean norm `clip` if it is longer and `clip` is not 0.
    pub fn finish(self, clip: f64) -> Grads {
        let mut sum = self.sum.unwrap_or_default();
        if clip > 0.0 {
            clip_norm(&mut sum, &self.leaves, clip);
        }
        sum
    }
}

/// Scales all gradients by `min(1, most / (norm + 1e-6))`, the norm being that of all of them together, as PyTorch does.
fn clip_norm(grads: &mut Grads, leaves: &[&Tensor], most: f64) {
    let squares: Vec<Tensor> = leaves
        .iter()
        .filter_map(|leaf| Some(grads.get(leaf)?.square().sum_all()))
        .collect();
    let Some(first) = squares.first() else { return };
    let norm = Tensor::concat(&squares.iter().collect::<Vec<_>>(), 0).sum_all().sqrt();
    let bound = Tensor::full(&first.device(), norm.shape(), most as f32);
    let factor = (bound / norm.add_scalar(1e-6)).clamp(0.0, 1.0);
    for leaf in leaves {
        if let Some(gradient) = grads.take(leaf) {
            grads.insert(leaf, &gradient * &factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    #[test]
    fn parts_add_up_to_the_whole_and_long_gradients_are_cut_to_the_norm() {
        let device = Device::cpu();
        let a = Tensor::from_slice(&device, [2], &[3.0, -1.0]).param();
        let b = Tensor::from_slice(&device, [1], &[2.0]).param();
        let losses = [a.square().sum_all(), (&a * &b).sum_all()];
        let sum = |clip| {
            let mut sum = GradSum::new(vec![&a, &b]);
            losses.iter().for_each(|loss| sum.add(loss));
            let grads = sum.finish(clip);
            [grads[&a].to_vec().unwrap(), grads[&b].to_vec().unwrap()].concat()
        };
        // d/da = 2a + b, d/db = sum of a.
        assert_eq!(sum(0.0), [8.0, 0.0, 2.0]);
        assert_eq!(sum(100.0), [8.0, 0.0, 2.0]);
        let norm = 68.0_f64.sqrt();
        for (got, want) in sum(2.0).iter().zip([8.0, 0.0, 2.0]) {
            approx::assert_relative_eq!(f64::from(*got), want * 2.0 / norm, max_relative = 1e-6);
        }
    }
}
