//! Mean and covariance of features, streamed.

use super::FeatureSet;
use super::linalg;
use crate::Error;

/// Rows that are summed as one block. Fixed, so that a result does not depend on how the rows arrived.
const BLOCK: usize = 512;

/// Mean `[d]` and unbiased covariance `[d, d]` of features, all that a Fréchet distance needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// How many images; `None` for a statistics file that does not say.
    pub n: Option<usize>,
    /// Mean of each feature.
    pub mean: Vec<f64>,
    /// Covariance, symmetric, `d*d` values.
    pub covariance: Vec<f64>,
}

impl Moments {
    /// The moments of a whole set.
    ///
    /// # Errors
    /// If there are fewer than two rows.
    pub fn of(set: &FeatureSet) -> Result<Moments, Error> {
        let mut sums = MomentSums::new(set.d());
        sums.add_set(set)?;
        sums.finish()
    }

    /// Number of features.
    pub fn d(&self) -> usize {
        self.mean.len()
    }

    /// Moments that were stored, checked.
    ///
    /// # Errors
    /// [`Error::Weights`] if the sizes do not fit, a value is not finite, or the covariance is not symmetric.
    pub fn from_parts(n: Option<usize>, mean: Vec<f64>, mut covariance: Vec<f64>) -> Result<Moments, Error> {
        let d = mean.len();
        let bad = |name: &str, reason: String| Err(Error::weights(name, reason));
        if d == 0 || covariance.len() != d * d {
            return bad(
                "sigma",
                format!("has {} values, {d} x {d} were expected for `mu`", covariance.len()),
            );
        }
        if let Some(at) = mean.iter().position(|v| !v.is_finite()) {
            return bad("mu", format!("value {at} is not finite"));
        }
        if let Some(at) = covariance.iter().position(|v| !v.is_finite()) {
            return bad("sigma", format!("value [{}, {}] is not finite", at / d, at % d));
        }
        let scale = covariance.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for i in 0..d {
            if covariance[i * d + i] < -1e-6 * scale {
                return bad("sigma", format!("the variance [{i}, {i}] is negative"));
            }
            for j in 0..i {
                let (a, b) = (covariance[i * d + j], covariance[j * d + i]);
                if (a - b).abs() > 1e-6 * scale {
                    return bad("sigma", format!("is not symmetric: [{i}, {j}] is {a}, [{j}, {i}] is {b}"));
                }
                let middle = 0.5 * (a + b);
                (covariance[i * d + j], covariance[j * d + i]) = (middle, middle);
            }
        }
        Ok(Moments { n, mean, covariance })
    }

    /// Sum of the variances.
    pub fn trace(&self) -> f64 {
        let d = self.d();
        (0..d).map(|i| self.covariance[i * d + i]).sum()
    }
}

/// Collects rows into [`Moments`], a fixed number of rows at a time, each block around its own mean, so that a large
/// mean costs no digits of a small variance.
#[derive(Debug, Clone)]
pub struct MomentSums {
    d: usize,
    n: usize,
    mean: Vec<f64>,
    /// Lower triangle, column-major, of the sum of products of deviations from the mean.
    products: Vec<f64>,
    waiting: Vec<f64>,
}

impl MomentSums {
    /// No rows yet, of `d` values each.
    ///
    /// # Panics
    /// If `d` is 0.
    pub fn new(d: usize) -> MomentSums {
        assert!(d > 0, "MomentSums: rows of 0 values");
        MomentSums {
            d,
            n: 0,
            mean: vec![0.0; d],
            products: vec![0.0; d * d],
            waiting: Vec::new(),
        }
    }

    /// Adds rows, row-major.
    ///
    /// # Errors
    /// [`Error::Weights`] if a value is not finite; it names the row.
    ///
    /// # Panics
    /// If the values are no whole number of rows.
    pub fn add(&mut self, rows: &[f32]) -> Result<(), Error> {
        assert!(
            rows.len().is_multiple_of(self.d),
            "MomentSums: {} values in rows of {}",
            rows.len(),
            self.d
        );
        for row in rows.chunks_exact(self.d) {
            if row.iter().any(|v| !v.is_finite()) {
                let seen = self.n + self.waiting.len() / self.d;
                let reason = format!("image {seen} gives a feature that is not finite");
                return Err(Error::weights("features", reason));
            }
            self.waiting.extend(row.iter().map(|v| f64::from(*v)));
            self.sum_if_full();
        }
        Ok(())
    }

    /// Adds all rows of a set.
    ///
    /// # Errors
    /// None for a set, whose values are finite; the same type as [`MomentSums::add`] has.
    ///
    /// # Panics
    /// If its rows have another length.
    pub fn add_set(&mut self, set: &FeatureSet) -> Result<(), Error> {
        assert!(set.d() == self.d, "MomentSums: rows of {} values among rows of {}", set.d(), self.d);
        let mut next = 0;
        while next < set.n() {
            let room = BLOCK - self.waiting.len() / self.d;
            let end = set.n().min(next + room);
            set.append_rows(next..end, &mut self.waiting);
            self.sum_if_full();
            next = end;
        }
        Ok(())
    }

    fn sum_if_full(&mut self) {
        if self.waiting.len() == BLOCK * self.d {
            self.sum_waiting();
        }
    }

    /// Takes the waiting rows in: their own moments, merged by the formula of Chan, Golub and LeVeque.
    fn sum_waiting(&mut self) {
        let (d, rows) = (self.d, self.waiting.len() / self.d);
        if rows == 0 {
            return;
        }
        let mut mean = vec![0.0; d];
        for row in self.waiting.chunks_exact(d) {
            mean.iter_mut().zip(row).for_each(|(m, v)| *m += v);
        }
        mean.iter_mut().for_each(|m| *m /= rows as f64);
        for row in self.waiting.chunks_exact_mut(d) {
            row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
        }
        let total = (self.n + rows) as f64;
        // The distance of the two means is one more row, weighted.
        let weight = (self.n as f64 * rows as f64 / total).sqrt();
        if self.n > 0 {
            self.waiting
                .extend(mean.iter().zip(&self.mean).map(|(new, old)| weight * (new - old)));
        }
        linalg::add_outer_products(&mut self.products, &self.waiting, d);
        for (old, new) in self.mean.iter_mut().zip(&mean) {
            *old += (new - *old) * rows as f64 / total;
        }
        self.n += rows;
        self.waiting.clear();
    }

    /// The moments of all rows.
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than two rows, which have no covariance.
    pub fn finish(mut self) -> Result<Moments, Error> {
        self.sum_waiting();
        let (n, d) = (self.n, self.d);
        if n < 2 {
            let reason =
                format!("{n} image(s) have no covariance; a Fréchet distance takes at least 2 a side");
            return Err(Error::config("images", reason));
        }
        let scale = 1.0 / (n - 1) as f64;
        let mut covariance = self.products;
        for column in 0..d {
            for row in column..d {
                let value = covariance[column * d + row] * scale;
                covariance[column * d + row] = value;
                covariance[row * d + column] = value;
            }
        }
        Ok(Moments { n: Some(n), mean: self.mean, covariance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::metrics::Values;

    fn draws(n: usize, d: usize) -> Vec<f32> {
        let mut rng = Rng::seed(9);
        rng.normals(n * d)
            .iter()
            .enumerate()
            .map(|(i, v)| v * 0.01 + 100.0 + (i % d) as f32)
            .collect()
    }

    #[test]
    fn a_result_does_not_depend_on_the_batches() {
        let (n, d) = (1300, 5);
        let rows = draws(n, d);
        let whole = Moments::of(&FeatureSet::new(d, Values::F32(rows.clone())).unwrap()).unwrap();
        for batch in [1, 7, 32, 511, 512, 513, n] {
            let mut sums = MomentSums::new(d);
            rows.chunks(batch * d).for_each(|piece| sums.add(piece).unwrap());
            assert_eq!(sums.finish().unwrap(), whole, "{batch}");
        }
        assert_eq!(whole.n, Some(n));
    }

    #[test]
    fn moments_equal_the_two_pass_formula_around_a_large_mean() {
        let (n, d) = (1300, 4);
        let rows = draws(n, d);
        let got = Moments::of(&FeatureSet::new(d, Values::F32(rows.clone())).unwrap()).unwrap();
        let column = |j: usize| rows.iter().skip(j).step_by(d).map(|v| f64::from(*v));
        let mean: Vec<f64> = (0..d).map(|j| column(j).sum::<f64>() / n as f64).collect();
        for i in 0..d {
            assert!((got.mean[i] - mean[i]).abs() < 1e-12);
            for j in 0..d {
                let products = column(i).zip(column(j)).map(|(x, y)| (x - mean[i]) * (y - mean[j]));
                let want = products.sum::<f64>() / (n - 1) as f64;
                assert!((got.covariance[i * d + j] - want).abs() < 1e-15, "{i},{j}");
            }
        }
    }

    #[test]
    fn constant_features_have_no_variance_at_all() {
        let set = FeatureSet::new(3, Values::F32(vec![0.1; 3 * 1025])).unwrap();
        assert!(Moments::of(&set).unwrap().covariance.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn one_row_and_broken_statistics_are_refused() {
        let one = FeatureSet::new(3, Values::F32(vec![0.1; 3])).unwrap();
        assert!(Moments::of(&one).unwrap_err().to_string().contains("at least 2"));
        let text = |mean: &[f64], covariance: &[f64]| {
            Moments::from_parts(None, mean.to_vec(), covariance.to_vec())
                .unwrap_err()
                .to_string()
        };
        assert!(text(&[1.0], &[1.0, 2.0]).contains("1 x 1"));
        assert!(text(&[f64::NAN], &[1.0]).contains("`mu`"));
        assert!(text(&[0.0], &[-1.0]).contains("negative"));
        assert!(text(&[0.0; 2], &[1.0, 0.5, 0.1, 1.0]).contains("not symmetric"));
        let mut sums = MomentSums::new(1);
        sums.add(&[1.0; 600]).unwrap();
        assert!(sums.add(&[f32::NAN]).unwrap_err().to_string().contains("image 600"));
    }
}
