//! The Inception Score (Salimans et al. 2016) of any classifier's logits.

use std::ops::Range;

use super::FeatureSet;
use crate::Error;

/// Mean and spread over the splits of one sample, not over models.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mean over the splits.
    pub mean: f64,
    /// Population standard deviation over the splits.
    pub std: f64,
    /// The score of each split.
    pub each: Vec<f64>,
}

/// `exp(mean_x sum_y p(y|x) (log p(y|x) - log mean_x p(y|x)))` with `p` the soft-max of a row of `logits`, for each of
/// `splits` consecutive chunks of the rows, in `f64`. With `order` the rows are taken in that order.
///
/// # Errors
/// [`Error::Config`] if there are no splits, or fewer rows than splits.
///
/// # Panics
/// If `order` names a row that does not exist or not as many rows as there are.
pub fn inception_score(logits: &FeatureSet, splits: usize, order: Option<&[usize]>) -> Result<Score, Error> {
    let n = logits.n();
    if splits == 0 || splits > n {
        let reason = format!("{n} images cannot be cut into {splits} splits");
        return Err(Error::config("splits", reason));
    }
    let chunk = |i: usize| i * n / splits..(i + 1) * n / splits;
    let each: Vec<f64> = match order {
        None => (0..splits).map(|i| score(logits, chunk(i))).collect(),
        Some(order) => {
            assert!(order.len() == n, "inception_score: an order of {} rows for {n}", order.len());
            (0..splits)
                .map(|i| {
                    let part = logits.select(&order[chunk(i)]);
                    score(&part, 0..part.n())
                })
                .collect()
        }
    };
    let (mean, std) = mean_and_deviation(&each);
    Ok(Score { mean, std, each })
}

/// Mean and population standard deviation.
pub(super) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// The score of some rows: the mean of `sum p log p` less `sum q log q` of the mean `q`, which needs one pass.
fn score(logits: &FeatureSet, rows: Range<usize>) -> f64 {
    let n = rows.len() as f64;
    let mut marginal = vec![0.0; logits.d()];
    let mut certainty = 0.0;
    for i in rows {
        let row = logits.rows(i..i + 1);
        let most = row.iter().fold(f64::MIN, |m, v| m.max(*v));
        let log_sum = row.iter().map(|v| (v - most).exp()).sum::<f64>().ln();
        for (q, v) in marginal.iter_mut().zip(&row) {
            let log_p = v - most - log_sum;
            // A probability that underflows adds 0, as its limit does, and not 0 times infinity.
            let p = log_p.exp();
            *q += p;
            certainty += if p > 0.0 { p * log_p } else { 0.0 };
        }
    }
    let spread: f64 = marginal
        .iter()
        .map(|q| q / n)
        .map(|q| if q > 0.0 { q * q.ln() } else { 0.0 })
        .sum();
    (certainty / n - spread).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Values;

    fn one_hot(n: usize, classes: usize, logit: f32) -> FeatureSet {
        let values = (0..n * classes).map(|k| {
            if k % classes == k / classes % classes {
                logit
            } else {
                0.0
            }
        });
        FeatureSet::new(classes, Values::F32(values.collect())).unwrap()
    }

    #[test]
    fn uniform_predictions_score_1_and_certain_ones_the_number_of_classes() {
        let uniform = inception_score(&one_hot(40, 8, 0.0), 4, None).unwrap();
        assert!((uniform.mean - 1.0).abs() < 1e-14 && uniform.std < 1e-14, "{uniform:?}");
        let certain = inception_score(&one_hot(40, 8, 3000.0), 5, None).unwrap();
        assert!((certain.mean - 8.0).abs() < 1e-12, "{certain:?}");
        assert_eq!(certain.each.len(), 5);
    }

    #[test]
    fn splits_are_consecutive_and_cover_every_row() {
        let set = one_hot(10, 5, 900.0);
        // As they come, every chunk of two holds two classes; in this order it holds one.
        let order = [0, 5, 1, 6, 2, 7, 3, 8, 4, 9];
        let near = |each: &[f64], want: f64| each.len() == 5 && each.iter().all(|s| (s - want).abs() < 1e-12);
        let apart = inception_score(&set, 5, None).unwrap();
        assert!(near(&apart.each, 2.0), "{apart:?}");
        let together = inception_score(&set, 5, Some(&order)).unwrap();
        assert!(near(&together.each, 1.0), "{together:?}");
        assert_eq!(inception_score(&set, 3, None).unwrap().each.len(), 3);
        for splits in [0, 11] {
            let text = inception_score(&set, splits, None).unwrap_err().to_string();
            assert!(text.contains("10 images"), "{text}");
        }
    }
}
