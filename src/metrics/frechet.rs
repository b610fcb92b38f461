//! The Fréchet distance between two normal distributions fitted to features (Heusel et al. 2017).

use super::Moments;
use super::features::check_same_number;
use super::linalg::{self, Route};
use crate::Error;

/// A distance and the terms it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Frechet {
    /// `|mu_a - mu_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2))`: finite, and 0 where rounding would make it negative.
    pub distance: f64,
    /// `|mu_a - mu_b|^2`.
    pub mean_term: f64,
    /// `tr((S_a S_b)^(1/2))`.
    pub trace_sqrt: f64,
    /// How the root was found.
    pub route: Route,
}

/// The Fréchet distance of two sets of features.
///
/// # Errors
/// [`Error::Config`] if their features differ in number, or a result exceeds what an `f64` holds.
pub fn frechet_distance(a: &Moments, b: &Moments) -> Result<Frechet, Error> {
    check_same_number(a.d(), b.d())?;
    let too_large = || Error::config("features", "are too large: their distance exceeds the largest number");
    if !a.trace().is_finite() || !b.trace().is_finite() {
        return Err(too_large());
    }
    let mean_term: f64 = a.mean.iter().zip(&b.mean).map(|(x, y)| (x - y).powi(2)).sum();
    // The root is taken near size 1: neither tiny nor huge features then leave the range of an f64.
    let scale = |m: &Moments| (m.trace() / m.d() as f64).max(f64::MIN_POSITIVE);
    let scaled = |m: &Moments, s: f64| -> Vec<f64> { m.covariance.iter().map(|v| v / s).collect() };
    let (size_a, size_b) = (scale(a), scale(b));
    let root = linalg::trace_sqrt_product(&scaled(a, size_a), &scaled(b, size_b), a.d());
    let trace_sqrt = root.value * size_a.sqrt() * size_b.sqrt();
    let distance = mean_term + a.trace() + b.trace() - 2.0 * trace_sqrt;
    if !distance.is_finite() {
        return Err(too_large());
    }
    Ok(Frechet {
        distance: distance.max(0.0),
        mean_term,
        trace_sqrt,
        route: root.route,
    })
}

/// What to say beside a distance of `d` features if `side` has `n` images, too few for a covariance of full rank.
pub fn too_few(side: &str, n: Option<usize>, d: usize) -> Option<String> {
    let n = n.filter(|n| *n <= d)?;
    Some(format!(
        "{side}: {n} images for {d} features give a singular covariance; the distance is biased upwards, compare it \
         only with distances of as many images"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::metrics::{FeatureSet, Values};

    fn set(n: usize, d: usize, f: impl FnMut(usize) -> f32) -> Moments {
        Moments::of(&FeatureSet::new(d, Values::F32((0..n * d).map(f).collect())).unwrap()).unwrap()
    }

    #[test]
    fn odd_sets_give_a_finite_real_distance_that_is_not_negative() {
        let mut rng = Rng::seed(3);
        let d = 24;
        let mut sets = vec![
            ("constant", set(50, d, |_| 0.7)),
            ("zeros", set(2, d, |_| 0.0)),
            ("huge", set(9, d, |i| if i % 5 == 0 { 1e18 } else { -3e17 })),
            ("tiny", set(9, d, |i| (i % 7) as f32 * 1e-30)),
            ("denormal", set(9, d, |i| (i % 3) as f32 * 1e-44)),
            ("rank one", set(40, d, |i| (i / 24) as f32)),
        ];
        for n in [2, 3, 23, 24, 25, 26, 600, 5000] {
            let draws = rng.normals(n * d);
            sets.push(("normal", set(n, d, |i| draws[i])));
            // Every row stored many times over.
            sets.push(("duplicates", set(n, d, |i| draws[i / d % 2 * d + i % d])));
            sets.push(("collapsed", set(n, d, |i| draws[i % d] + if i < d { 1e-3 } else { 0.0 })));
        }
        for (name, a) in &sets {
            for (other, b) in &sets {
                let found = frechet_distance(a, b).unwrap();
                let n = (a.n, b.n);
                assert!(
                    found.distance.is_finite() && found.distance >= 0.0,
                    "{name}, {other} {n:?}: {found:?}"
                );
                let back = frechet_distance(b, a).unwrap().distance;
                let size = found.mean_term + a.trace() + b.trace();
                assert!(
                    (found.distance - back).abs() <= 1e-6 * size,
                    "{name}, {other} {n:?}: {found:?} {back}"
                );
            }
            let own = frechet_distance(a, a).unwrap().distance;
            assert!(own <= 1e-6 * a.trace(), "{name}: {own} to itself, trace {}", a.trace());
        }
    }

    #[test]
    fn normal_distributions_with_known_moments() {
        let moments = |mean: [f64; 2], variance: [f64; 2]| {
            Moments::from_parts(None, mean.to_vec(), vec![variance[0], 0.0, 0.0, variance[1]]).unwrap()
        };
        // 3^2 + (2 - 1)^2 + (5 - 3)^2
        let found =
            frechet_distance(&moments([0.0, 0.0], [4.0, 25.0]), &moments([3.0, 0.0], [1.0, 9.0])).unwrap();
        assert!((found.distance - 14.0).abs() < 1e-13, "{found:?}");
        let other = Moments::from_parts(None, vec![0.0], vec![1.0]).unwrap();
        let text = frechet_distance(&moments([0.0; 2], [1.0; 2]), &other).unwrap_err().to_string();
        assert!(text.contains('2') && text.contains('1'), "{text}");
        assert!(
            too_few("generated", Some(2048), 2048).is_some()
                && too_few("generated", Some(2049), 2048).is_none()
        );
    }
}
