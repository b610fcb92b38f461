//! What a person looks at: grids of samples and drawings of the cells.

use super::Artifact;
use crate::data::ImageShape;
use crate::data::grid;
use crate::space::GanGenotype;
use crate::space::draw;
use crate::{Error, Tensor};

/// Pictures in a grid of samples.
pub const SAMPLES: usize = 64;
/// Pictures in a row of it.
const COLUMNS: usize = 8;

/// A PNG of images `[n,h,w,3]` in -1..1; waits for the device.
pub(crate) fn grid(images: &Tensor) -> Result<Vec<u8>, Error> {
    let [_, h, w, c] = images.shape().nhwc("grid");
    grid::encode_grid(&images.to_vec()?, ImageShape { h, w, c }, COLUMNS)
}

/// The cells as `architecture.svg` and `architecture.dot`.
pub(crate) fn architecture(gan: &GanGenotype, title: &str) -> [Artifact; 2] {
    [("architecture.svg", draw::svg(gan, title)), ("architecture.dot", draw::dot(gan, title))]
        .map(|(name, text)| Artifact { name: name.to_owned(), bytes: text.into_bytes() })
}
