//! Pictures as bytes, one batch after the other: what a feature network reads.

use rayon::prelude::*;

use super::{ImageShape, Images, first_error};
use crate::Error;

/// A sequence of pictures of one shape that can be gone through once.
pub trait Pixels {
    /// Number of pictures from the beginning.
    fn len(&self) -> usize;

    /// Shape of every picture; channels are 3 or 1.
    fn shape(&self) -> ImageShape;

    /// The next `n` pictures, `[n, h, w, c]` bytes.
    ///
    /// # Errors
    /// If a picture can not be read or made.
    ///
    /// # Panics
    /// If there are not as many left.
    fn next(&mut self, n: usize) -> Result<Vec<u8>, Error>;

    /// Whether there is no picture at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The pictures of a source in their order, as the bytes they were read from.
pub struct SourcePixels<'a> {
    images: &'a dyn Images,
    next: usize,
}

impl<'a> SourcePixels<'a> {
    /// From the first picture on.
    pub fn new(images: &'a dyn Images) -> SourcePixels<'a> {
        SourcePixels { images, next: 0 }
    }
}

impl Pixels for SourcePixels<'_> {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn shape(&self) -> ImageShape {
        self.images.shape()
    }

    fn next(&mut self, n: usize) -> Result<Vec<u8>, Error> {
        let (first, size) = (self.next, self.shape().values());
        assert!(first + n <= self.len(), "SourcePixels: {n} more after {first} of {}", self.len());
        let mut bytes = vec![0; n * size];
        let read = |(i, bytes): (usize, &mut [u8])| {
            let mut values = vec![0.0; size];
            self.images.read(first + i, &mut values)?;
            bytes.iter_mut().zip(&values).for_each(|(byte, value)| *byte = byte_of(*value));
            Ok(())
        };
        let results: Vec<_> = bytes.par_chunks_mut(size).enumerate().map(read).collect();
        first_error(results)?;
        self.next += n;
        Ok(bytes)
    }
}

/// The byte that became `value` when it was read, see [`Images::read`]. A generator's output is another matter: it is
/// truncated ([`super::grid::to_byte`]).
fn byte_of(value: f32) -> u8 {
    (127.5 * value + 127.5).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Shapes, from_byte};

    #[test]
    fn every_byte_comes_back() {
        for v in 0..=255u8 {
            assert_eq!(byte_of(from_byte(v)), v);
        }
    }

    #[test]
    fn batches_of_any_size_are_the_pictures_in_order() {
        let images = Shapes::new(5, 11, 3);
        let whole = SourcePixels::new(&images).next(11).unwrap();
        let mut pixels = SourcePixels::new(&images);
        let parts: Vec<u8> = [4, 1, 6].iter().flat_map(|n| pixels.next(*n).unwrap()).collect();
        assert_eq!(parts, whole);
        assert_eq!((pixels.len(), pixels.shape().values()), (11, 75));
    }
}
