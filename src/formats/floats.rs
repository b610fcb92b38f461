//! The floats of an array.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Floats by themselves, or in memory that somebody else counts.
#[derive(Clone)]
pub struct Floats(Place);

#[derive(Clone)]
enum Place {
    Own(Vec<f32>),
    Lent(Arc<dyn AsRef<[f32]> + Send + Sync>),
}

impl Floats {
    /// Floats where `lender` has them, whose memory they do not add to.
    pub fn lent(lender: impl AsRef<[f32]> + Send + Sync + 'static) -> Floats {
        Floats(Place::Lent(Arc::new(lender)))
    }

    /// Bytes that nobody else counts.
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Place::Own(values) => size_of_val(&values[..]) as u64,
            Place::Lent(_) => 0,
        }
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.0 {
            Place::Own(values) => values,
            Place::Lent(lender) => (**lender).as_ref(),
        }
    }
}

impl<'a> IntoIterator for &'a Floats {
    type Item = &'a f32;
    type IntoIter = std::slice::Iter<'a, f32>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<f32>> for Floats {
    fn from(values: Vec<f32>) -> Floats {
        Floats(Place::Own(values))
    }
}

impl PartialEq for Floats {
    fn eq(&self, other: &Floats) -> bool {
        self[..] == other[..]
    }
}

impl fmt::Debug for Floats {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(&self[..], f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_by_themselves_are_as_small_as_a_vector() {
        assert_eq!(size_of::<Floats>(), size_of::<Vec<f32>>());
    }

    #[test]
    fn only_floats_by_themselves_have_bytes_of_their_own() {
        let [own, lent] = [Floats::from(vec![1.0, 2.0]), Floats::lent(vec![1.0, 2.0])];
        assert!(own == lent && lent.clone()[1] == 2.0);
        assert_eq!([own.bytes(), lent.bytes()], [8, 0]);
    }
}
