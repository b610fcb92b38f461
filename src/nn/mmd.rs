//! The repulsive loss of MMD-GANs (Wang, Sun and Halgamuge, ICLR 2019), with the bounded Gaussian kernel.
//!
//! The discriminator maps images to vectors and compares sets of them by `k(a, b) = exp(-|a - b|^2 / 2)`.

use crate::Tensor;
use crate::ops::MatMul;

/// Squared distances of pairs of real images count as at least this in the discriminator's loss.
const LOWEST_REAL: f32 = 0.25;
/// Squared distances of pairs of generated images count as at most this in the discriminator's loss.
const HIGHEST_FAKE: f32 = 4.0;

/// The discriminator's loss `[1]` of its outputs `[n,d]` and `[m,d]`:
/// `mean over i != j of k(real_i, real_j) - mean over i != j of k(fake_i, fake_j)`.
///
/// # Panics
/// If a side has fewer than two rows.
#[track_caller]
pub fn repulsive_loss(real: &Tensor, fake: &Tensor) -> Tensor {
    let spread = squared_distances(real, real).clamp(LOWEST_REAL, f32::MAX);
    let close = squared_distances(fake, fake).clamp(0.0, HIGHEST_FAKE);
    mean_of_pairs(&kernel(&spread)) - mean_of_pairs(&kernel(&close))
}

/// The generator's loss `[1]`, the squared maximum mean discrepancy without the term it cannot change:
/// `mean over i != j of k(fake_i, fake_j) - 2 mean of k(real_i, fake_j)`.
///
/// # Panics
/// If the generated side has fewer than two rows.
#[track_caller]
pub fn discrepancy_loss(real: &Tensor, fake: &Tensor) -> Tensor {
    let own = mean_of_pairs(&kernel(&squared_distances(fake, fake)));
    let cross = kernel(&squared_distances(real, fake)).mean_all();
    own - cross.scale(2.0)
}

fn kernel(squared: &Tensor) -> Tensor {
    squared.scale(-0.5).exp()
}

/// `[n,d]`, `[m,d]` -> `[n,m]`.
fn squared_distances(a: &Tensor, b: &Tensor) -> Tensor {
    let (n, m, d) = (a.shape()[0], b.shape()[0], a.shape()[1]);
    let ones = |rows| Tensor::full(&a.device(), [rows, d], 1.0);
    let by_row = MatMul { transpose_a: false, transpose_b: true };
    // A product with ones repeats the sums of squares along the other axis.
    let own = a.square().matmul_with(&ones(m), by_row) + ones(n).matmul_with(&b.square(), by_row);
    own - a.matmul_with(b, by_row).scale(2.0)
}

/// Mean of a square matrix without its diagonal.
#[track_caller]
fn mean_of_pairs(k: &Tensor) -> Tensor {
    let n = k.shape()[0];
    assert!(n > 1, "mmd: pairs take at least two images, got {n}");
    let share = 1.0 / (n * (n - 1)) as f32;
    let weights: Vec<f32> = (0..n * n).map(|i| if i / n == i % n { 0.0 } else { share }).collect();
    (k * &Tensor::from_slice(&k.device(), [n, n], &weights)).sum_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Device, Rng};

    fn squared(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
    }

    /// Both losses in `f64`, by the definition.
    fn by_definition(real: &[Vec<f64>], fake: &[Vec<f64>]) -> [f64; 2] {
        let pairs = |x: &[Vec<f64>], bound: &dyn Fn(f64) -> f64| {
            let n = x.len();
            let mut sum = 0.0;
            for i in 0..n {
                for j in (0..n).filter(|j| *j != i) {
                    sum += (-bound(squared(&x[i], &x[j])) / 2.0).exp();
                }
            }
            sum / (n * (n - 1)) as f64
        };
        let cross: f64 = real
            .iter()
            .flat_map(|r| fake.iter().map(move |f| (-squared(r, f) / 2.0).exp()))
            .sum();
        let cross = cross / (real.len() * fake.len()) as f64;
        [
            pairs(real, &|d| d.max(0.25)) - pairs(fake, &|d| d.min(4.0)),
            pairs(fake, &|d| d) - 2.0 * cross,
        ]
    }

    #[test]
    fn losses_and_their_gradients_are_those_of_the_definition() {
        let device = Device::cpu();
        let mut rng = Rng::seed(4);
        let (n, m, d) = (4, 3, 5);
        // Small enough that both bounds act on some pairs.
        let values: Vec<f32> = rng.normals((n + m) * d).iter().map(|v| v * 0.6).collect();
        let real = Tensor::from_slice(&device, [n, d], &values[..n * d]).param();
        let fake = Tensor::from_slice(&device, [m, d], &values[n * d..]).param();
        let rows = |v: &[f64]| v.chunks(d).map(<[f64]>::to_vec).collect::<Vec<_>>();
        let reference = |v: &[f64]| by_definition(&rows(&v[..n * d]), &rows(&v[n * d..]));
        let wide: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        for (which, loss) in [repulsive_loss(&real, &fake), discrepancy_loss(&real, &fake)]
            .iter()
            .enumerate()
        {
            let got = f64::from(loss.item().unwrap());
            approx::assert_abs_diff_eq!(got, reference(&wide)[which], epsilon = 1e-6);
            let grads = loss.backward(&[&real, &fake]);
            let zeros = |t: &Tensor| vec![0.0; t.elements()];
            let of = |t: &Tensor| grads.get(t).map_or_else(|| zeros(t), |g| g.to_vec().unwrap());
            for (i, got) in of(&real).into_iter().chain(of(&fake)).enumerate() {
                let at = |h: f64| {
                    let mut moved = wide.clone();
                    moved[i] += h;
                    reference(&moved)[which]
                };
                let want = (at(1e-5) - at(-1e-5)) / 2e-5;
                approx::assert_abs_diff_eq!(f64::from(got), want, epsilon = 2e-6);
            }
        }
    }
}
