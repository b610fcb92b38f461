//! Features of many images: a matrix with one row an image.

use crate::Error;
use crate::formats::{NumberArray, Values};

/// `n` rows of `d` finite values, in the precision they came in.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSet {
    n: usize,
    d: usize,
    values: Values,
}

impl FeatureSet {
    /// Rows of `d` values, row-major.
    ///
    /// # Errors
    /// [`Error::Weights`] if a value is not finite; it names the row.
    ///
    /// # Panics
    /// If `d` is 0 or the values are no whole number of rows.
    #[track_caller]
    pub fn new(d: usize, values: Values) -> Result<FeatureSet, Error> {
        let len = match &values {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
        };
        assert!(d > 0 && len.is_multiple_of(d), "FeatureSet: {len} values in rows of {d}");
        let bad = match &values {
            Values::F32(v) => v.iter().position(|v| !v.is_finite()),
            Values::F64(v) => v.iter().position(|v| !v.is_finite()),
        };
        if let Some(at) = bad {
            let reason = format!("row {} (of {}) holds a value that is not finite", at / d, len / d);
            return Err(Error::weights("features", reason));
        }
        Ok(FeatureSet { n: len / d, d, values })
    }

    /// The rows of a two-dimensional array `[n, d]`.
    ///
    /// # Errors
    /// If it has another rank, is empty, or holds a value that is not finite.
    pub fn from_array(array: NumberArray) -> Result<FeatureSet, Error> {
        match array.shape[..] {
            [n, d] if n > 0 && d > 0 => FeatureSet::new(d, array.values),
            _ => {
                let reason = format!("has shape {:?}, one row an image [n, d] was expected", array.shape);
                Err(Error::weights("features", reason))
            }
        }
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Values of a row.
    pub fn d(&self) -> usize {
        self.d
    }

    /// All values, row-major.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Copies the rows of `range` to the end of `out`.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn append_rows(&self, range: std::ops::Range<usize>, out: &mut Vec<f64>) {
        let range = range.start * self.d..range.end * self.d;
        match &self.values {
            Values::F32(v) => out.extend(v[range].iter().map(|v| f64::from(*v))),
            Values::F64(v) => out.extend_from_slice(&v[range]),
        }
    }

    /// The rows of `range` as one block.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn rows(&self, range: std::ops::Range<usize>) -> Vec<f64> {
        let mut out = Vec::with_capacity(range.len() * self.d);
        self.append_rows(range, &mut out);
        out
    }

    /// The set of the rows `which`, in that order.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn select(&self, which: &[usize]) -> FeatureSet {
        fn pick<T: Copy>(v: &[T], which: &[usize], d: usize) -> Vec<T> {
            which.iter().flat_map(|i| &v[i * d..(i + 1) * d]).copied().collect()
        }
        let values = match &self.values {
            Values::F32(v) => Values::F32(pick(v, which, self.d)),
            Values::F64(v) => Values::F64(pick(v, which, self.d)),
        };
        FeatureSet { n: which.len(), d: self.d, values }
    }
}

/// Refuses a comparison of `a` features an image with `b`.
pub(super) fn check_same_number(a: usize, b: usize) -> Result<(), Error> {
    if a == b {
        return Ok(());
    }
    Err(Error::config("features", format!("one side has {a} features an image, the other {b}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_picked_and_widened() {
        let set = FeatureSet::new(2, Values::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])).unwrap();
        assert_eq!((set.n(), set.d()), (3, 2));
        assert_eq!(set.rows(1..3), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!(set.select(&[2, 0]).rows(0..2), [4.0, 5.0, 0.0, 1.0]);
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_by_its_row() {
        let text = FeatureSet::new(2, Values::F64(vec![0.0, 1.0, f64::NAN, 3.0]))
            .unwrap_err()
            .to_string();
        assert!(text.contains("row 1 (of 2)"), "{text}");
        let array = NumberArray { shape: vec![3], values: Values::F32(vec![0.0; 3]) };
        let text = FeatureSet::from_array(array).unwrap_err().to_string();
        assert!(text.contains("[3]") && text.contains("[n, d]"), "{text}");
    }
}
