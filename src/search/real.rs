//! Variation of real vectors within bounds: simulated binary crossover and polynomial mutation (Deb).

use super::nsga2::Variation;
use crate::Rng;

/// Parents nearer to each other than this in a variable pass it on unchanged: their spread is the divisor.
const SAME: f64 = 1e-14;

/// Bounded simulated binary crossover followed by polynomial mutation, with the customary settings unless changed.
#[derive(Debug, Clone, PartialEq)]
pub struct RealVariation {
    /// Lower and upper bound of every variable, in its own unit.
    pub bounds: Vec<(f64, f64)>,
    /// Probability that a pair is crossed at all. 0.9.
    pub crossover: f64,
    /// Probability that a variable of a crossed pair is. 0.5.
    pub crossover_variable: f64,
    /// Distribution index of the crossover, at least 0: the larger, the nearer children stay to their parents. 15.
    pub crossover_eta: f64,
    /// Probability that a child is mutated at all. 0.9.
    pub mutation: f64,
    /// Probability that a variable of a mutated child is. `1 / n` for `n` variables, at most 0.5.
    pub mutation_variable: f64,
    /// Distribution index of the mutation, at least 0: the larger, the smaller its steps. 20.
    pub mutation_eta: f64,
}

impl RealVariation {
    /// The customary settings within `bounds`, the lower and upper bound of every variable.
    ///
    /// # Panics
    /// If a bound is not finite or a lower one exceeds the upper one.
    #[track_caller]
    pub fn new(bounds: Vec<(f64, f64)>) -> RealVariation {
        for (i, (low, high)) in bounds.iter().enumerate() {
            assert!(
                low.is_finite() && high.is_finite() && low <= high,
                "RealVariation::new: variable {i} has bounds {low} and {high}"
            );
        }
        let mutation_variable = (1.0 / bounds.len().max(1) as f64).min(0.5);
        RealVariation {
            bounds,
            crossover: 0.9,
            crossover_variable: 0.5,
            crossover_eta: 15.0,
            mutation: 0.9,
            mutation_variable,
            mutation_eta: 20.0,
        }
    }

    /// `n` vectors uniform within the bounds: an initial population.
    pub fn sample(&self, n: usize, rng: &mut Rng) -> Vec<Vec<f64>> {
        let mut vector = || {
            let draw = |&(low, high): &(f64, f64)| (low + uniform(rng) * (high - low)).clamp(low, high);
            self.bounds.iter().map(draw).collect()
        };
        (0..n).map(|_| vector()).collect()
    }

    fn cross(&self, children: &mut [Vec<f64>; 2], rng: &mut Rng) {
        let [a, b] = children;
        for ((x, y), &(low, high)) in a.iter_mut().zip(b).zip(&self.bounds) {
            if uniform(rng) >= self.crossover_variable || (*x - *y).abs() <= SAME || low == high {
                continue;
            }
            let (y1, y2) = (x.min(*y), x.max(*y));
            let (middle, delta, u) = (y1 + y2, y2 - y1, uniform(rng));
            // One draw for both sides, whose spreads differ only by how far the bound is.
            let c1 = 0.5 * (middle - self.spread(u, 1.0 + 2.0 * (y1 - low) / delta) * delta);
            let c2 = 0.5 * (middle + self.spread(u, 1.0 + 2.0 * (high - y2) / delta) * delta);
            let (c1, c2) = (c1.clamp(low, high), c2.clamp(low, high));
            (*x, *y) = if uniform(rng) < 0.5 { (c1, c2) } else { (c2, c1) };
        }
    }

    /// The spread factor of the crossover for a uniform `u`: the distribution with index eta, cut off at `beta`.
    fn spread(&self, u: f64, beta: f64) -> f64 {
        let power = self.crossover_eta + 1.0;
        let alpha = 2.0 - beta.powf(-power);
        let base = if u <= 1.0 / alpha {
            u * alpha
        } else {
            1.0 / (2.0 - u * alpha)
        };
        base.powf(1.0 / power)
    }

    fn mutate(&self, child: &mut [f64], rng: &mut Rng) {
        let power = self.mutation_eta + 1.0;
        for (x, &(low, high)) in child.iter_mut().zip(&self.bounds) {
            if uniform(rng) >= self.mutation_variable || low == high {
                continue;
            }
            let (u, range) = (uniform(rng), high - low);
            // The step in units of the range; each half of the draws leads towards one bound and reaches it at most.
            let step = if u <= 0.5 {
                let to_bound = 1.0 - (*x - low) / range;
                (2.0 * u + (1.0 - 2.0 * u) * to_bound.powf(power)).powf(1.0 / power) - 1.0
            } else {
                let to_bound = 1.0 - (high - *x) / range;
                1.0 - (2.0 * (1.0 - u) + 2.0 * (u - 0.5) * to_bound.powf(power)).powf(1.0 / power)
            };
            *x = (*x + step * range).clamp(low, high);
        }
    }
}

impl Variation<Vec<f64>> for RealVariation {
    /// Two children of `a` and `b`, which are to lie within the bounds.
    ///
    /// # Panics
    /// If a parent has another number of variables than there are bounds.
    fn vary(&mut self, a: &Vec<f64>, b: &Vec<f64>, rng: &mut Rng) -> [Vec<f64>; 2] {
        for parent in [a, b] {
            assert_eq!(
                parent.len(),
                self.bounds.len(),
                "RealVariation::vary: a parent has another number of variables than there are bounds"
            );
        }
        let mut children = [a.clone(), b.clone()];
        if uniform(rng) < self.crossover {
            self.cross(&mut children, rng);
        }
        for child in &mut children {
            if uniform(rng) < self.mutation {
                self.mutate(child, rng);
            }
        }
        children
    }
}

/// Uniform in `[0, 1)` with all 53 bits, where `Rng::uniform` would leave a grid of 24 in the variables.
fn uniform(rng: &mut Rng) -> f64 {
    (rng.bits() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_stay_within_the_bounds_and_a_variable_without_room_stays() {
        let bounds = vec![(-1.0, 1.0), (5.0, 5.0), (0.0, 1e-3), (-1e6, 1e6)];
        let mut variation = RealVariation::new(bounds.clone());
        variation.mutation_variable = 0.5;
        let mut rng = Rng::seed(1);
        let mut parents = variation.sample(2, &mut rng);
        let mut changed = [false; 4];
        for round in 0..20_000 {
            let children = variation.vary(&parents[0], &parents[1], &mut rng);
            for (k, (x, (low, high))) in children[0].iter().zip(&bounds).enumerate() {
                assert!((low..=high).contains(&x), "round {round}: {x} of [{low}, {high}]");
                changed[k] |= *x != parents[0][k];
            }
            // Parents on the bounds are the hard ones.
            parents = match round % 3 {
                0 => children.to_vec(),
                1 => vec![bounds.iter().map(|b| b.0).collect(), bounds.iter().map(|b| b.1).collect()],
                _ => variation.sample(2, &mut rng),
            };
        }
        assert_eq!(changed, [true, false, true, true]);
    }

    #[test]
    fn crossover_keeps_the_mean_of_far_bounds_and_has_the_spread_of_its_index() {
        let mut variation = RealVariation::new(vec![(-1e9, 1e9)]);
        (variation.crossover, variation.crossover_variable, variation.mutation) = (1.0, 1.0, 0.0);
        let mut rng = Rng::seed(2);
        let n = 100_000;
        let mut mean_beta = 0.0;
        for _ in 0..n {
            let [x, y] = variation.vary(&vec![1.0], &vec![2.0], &mut rng);
            assert!((x[0] + y[0] - 3.0).abs() < 1e-6);
            mean_beta += (x[0] - y[0]).abs() / f64::from(n);
        }
        // The density of the spread beta is (eta + 1) / 2 beta^eta up to 1 and (eta + 1) / 2 beta^-(eta + 2) beyond.
        let eta = 15.0;
        let expected = 0.5 * (eta + 1.0) * (1.0 / (eta + 2.0) + 1.0 / eta);
        assert!((mean_beta - expected).abs() < 2e-3, "{mean_beta} {expected}");
    }

    #[test]
    fn mutation_has_the_step_of_its_index() {
        let mut variation = RealVariation::new(vec![(0.0, 1.0)]);
        (variation.crossover, variation.mutation, variation.mutation_variable) = (0.0, 1.0, 1.0);
        let mut rng = Rng::seed(3);
        let n = 100_000;
        let mut mean_step = 0.0;
        for _ in 0..n {
            let [x, _] = variation.vary(&vec![0.5], &vec![0.5], &mut rng);
            mean_step += (x[0] - 0.5).abs() / f64::from(n);
        }
        // With the bounds out of reach |step| = 1 - (2 u)^(1 / (eta + 1)), whose mean over u in [0, 1/2] is this.
        assert!((mean_step - 1.0 / 22.0).abs() < 5e-4, "{mean_step}");
    }
}
