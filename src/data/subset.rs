//! Some pictures of a source.

use super::{ImageShape, Images};
use crate::Error;

/// The pictures of a source at some places, in that order.
pub struct Subset<'a> {
    images: &'a dyn Images,
    places: Vec<usize>,
}

impl<'a> Subset<'a> {
    /// The pictures `places` of `images`.
    ///
    /// # Panics
    /// If one does not exist.
    #[track_caller]
    pub fn new(images: &'a dyn Images, places: Vec<usize>) -> Subset<'a> {
        assert!(
            places.iter().all(|i| *i < images.len()),
            "Subset: a place beyond {} pictures",
            images.len()
        );
        Subset { images, places }
    }
}

impl Images for Subset<'_> {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn shape(&self) -> ImageShape {
        self.images.shape()
    }

    fn read(&self, i: usize, out: &mut [f32]) -> Result<(), Error> {
        self.images.read(self.places[i], out)
    }

    fn classes(&self) -> Option<&[String]> {
        self.images.classes()
    }

    fn label(&self, i: usize) -> Option<usize> {
        self.images.label(self.places[i])
    }

    fn name(&self) -> &str {
        self.images.name()
    }

    fn flip(&self) -> bool {
        self.images.flip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shapes;

    #[test]
    fn a_subset_shows_its_pictures_in_its_order() {
        let images = Shapes::new(4, 10, 1);
        let subset = Subset::new(&images, vec![7, 2]);
        let mut pixels = [vec![0.0; 48], vec![0.0; 48]];
        subset.read(0, &mut pixels[0]).unwrap();
        images.read(7, &mut pixels[1]).unwrap();
        assert_eq!(pixels[0], pixels[1]);
        assert_eq!((subset.len(), subset.label(1)), (2, images.label(2)));
    }
}
