//! The Kernel Inception Distance (Binkowski et al. 2018): the unbiased squared maximum mean discrepancy with the cubic
//! polynomial kernel `k(x, y) = (x.y / d + 1)^3`.

use super::FeatureSet;
use super::features::check_same_number;
use super::inception_score::mean_and_deviation;
use super::tiles::{self, Tile};
use crate::{Error, Rng};

/// How many subsets of how many images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KidProtocol {
    /// Number of subsets.
    pub subsets: usize,
    /// Images of either side in a subset, at least 2.
    pub size: usize,
}

impl Default for KidProtocol {
    /// 100 subsets of 1000.
    fn default() -> KidProtocol {
        KidProtocol { subsets: 100, size: 1000 }
    }
}

/// Mean and spread over the subsets.
#[derive(Debug, Clone, PartialEq)]
pub struct Kid {
    /// Mean over the subsets. It may be slightly negative, for the estimate is unbiased.
    pub mean: f64,
    /// Population standard deviation over the subsets.
    pub std: f64,
    /// The estimate of each subset.
    pub each: Vec<f64>,
}

/// KID over random subsets, each drawn without replacement and for each side by itself.
///
/// # Errors
/// [`Error::Config`] if a subset has fewer than 2 images or more than a side has, there is no subset, or the features
/// differ in number.
pub fn kid(x: &FeatureSet, y: &FeatureSet, protocol: KidProtocol, rng: &mut Rng) -> Result<Kid, Error> {
    let KidProtocol { subsets, size } = protocol;
    let least = x.n().min(y.n());
    if subsets == 0 || size < 2 || size > least {
        let reason = format!("{subsets} subsets of {size} images; valid are sizes of 2 to {least} here");
        return Err(Error::config("kid-subset-size", reason));
    }
    let mut draw = |n: usize| {
        let mut order = rng.permutation(n);
        order.truncate(size);
        order
    };
    let pairs: Vec<_> = (0..subsets).map(|_| (draw(x.n()), draw(y.n()))).collect();
    kid_of_subsets(x, y, &pairs)
}

/// KID over given subsets: rows of `x` and rows of `y`.
///
/// # Errors
/// [`Error::Config`] if a subset has fewer than 2 images, or the features differ in number.
///
/// # Panics
/// If a row does not exist, or there are no subsets.
pub fn kid_of_subsets(
    x: &FeatureSet,
    y: &FeatureSet,
    subsets: &[(Vec<usize>, Vec<usize>)],
) -> Result<Kid, Error> {
    assert!(!subsets.is_empty(), "kid: no subsets");
    let each: Result<Vec<f64>, Error> = subsets
        .iter()
        .map(|(rows, columns)| squared_mmd(&x.select(rows), &y.select(columns)))
        .collect();
    let each = each?;
    let (mean, std) = mean_and_deviation(&each);
    Ok(Kid { mean, std, each })
}

/// The unbiased estimate from whole sets: `sum over i != j of k(x_i, x_j) / (m (m-1))`, the same for `y`, less twice the
/// mean of `k(x_i, y_j)`.
///
/// # Errors
/// [`Error::Config`] if a side has fewer than 2 images, or the features differ in number.
pub fn squared_mmd(x: &FeatureSet, y: &FeatureSet) -> Result<f64, Error> {
    check_same_number(x.d(), y.d())?;
    if x.n() < 2 || y.n() < 2 {
        let reason = format!("{} and {} images; the kernel distance takes at least 2 a side", x.n(), y.n());
        return Err(Error::config("images", reason));
    }
    let within = |set: &FeatureSet| {
        let n = set.n() as f64;
        kernel_sum(set, set, true) / (n * (n - 1.0))
    };
    let across = kernel_sum(x, y, false) / (x.n() as f64 * y.n() as f64);
    Ok(within(x) + within(y) - 2.0 * across)
}

/// Sum of the kernel over all pairs; without a row's pair with itself if the sets are one.
fn kernel_sum(x: &FeatureSet, y: &FeatureSet, same: bool) -> f64 {
    let d = x.d() as f64;
    let kernel = |product: f64| {
        let base = product / d + 1.0;
        base * base * base
    };
    let see = |sum: &mut f64, tile: &Tile| {
        let mut columns = 0.0;
        for (j, column) in tile.products.chunks_exact(tile.rows.len()).enumerate() {
            let mut one: f64 = column.iter().map(|v| kernel(*v)).sum();
            let diagonal = tile.columns.start + j;
            if same && tile.rows.contains(&diagonal) {
                one -= kernel(column[diagonal - tile.rows.start]);
            }
            columns += one;
        }
        *sum += columns;
    };
    tiles::by_rows(x, y, |_| 0.0, see).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Values;

    fn draws(n: usize, d: usize, shift: f32, seed: u64) -> FeatureSet {
        let values = Rng::seed(seed).normals(n * d).iter().map(|v| v + shift).collect();
        FeatureSet::new(d, Values::F32(values)).unwrap()
    }

    #[test]
    fn the_estimate_equals_its_formula() {
        let (n, m, d) = (300, 270, 5);
        let (x, y) = (draws(n, d, 0.0, 1), draws(m, d, 0.3, 2));
        let k = |a: &[f64], b: &[f64]| {
            (a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / d as f64 + 1.0).powi(3)
        };
        let rows = |set: &FeatureSet| -> Vec<Vec<f64>> { (0..set.n()).map(|i| set.rows(i..i + 1)).collect() };
        let (xs, ys) = (rows(&x), rows(&y));
        let within = |s: &[Vec<f64>]| {
            let mut sum = 0.0;
            for i in 0..s.len() {
                for j in (0..s.len()).filter(|j| *j != i) {
                    sum += k(&s[i], &s[j]);
                }
            }
            sum / (s.len() * (s.len() - 1)) as f64
        };
        let across: f64 = xs.iter().map(|a| ys.iter().map(|b| k(a, b)).sum::<f64>()).sum();
        let want = within(&xs) + within(&ys) - 2.0 * across / (n * m) as f64;
        let got = squared_mmd(&x, &y).unwrap();
        assert!((got - want).abs() < 1e-12, "{got} {want}");
        assert!(got > 0.05);
    }

    #[test]
    fn subsets_are_drawn_from_the_seed_and_checked() {
        let (x, y) = (draws(60, 4, 0.0, 1), draws(50, 4, 0.0, 2));
        let protocol = KidProtocol { subsets: 7, size: 20 };
        let a = kid(&x, &y, protocol, &mut Rng::seed(1)).unwrap();
        assert_eq!(a, kid(&x, &y, protocol, &mut Rng::seed(1)).unwrap());
        assert_ne!(a, kid(&x, &y, protocol, &mut Rng::seed(2)).unwrap());
        assert_eq!(a.each.len(), 7);
        for protocol in [KidProtocol { subsets: 0, size: 5 }, KidProtocol { subsets: 1, size: 51 }] {
            let text = kid(&x, &y, protocol, &mut Rng::seed(1)).unwrap_err().to_string();
            assert!(text.contains("2 to 50"), "{text}");
        }
        assert!(squared_mmd(&x, &draws(9, 3, 0.0, 1)).is_err());
    }
}
