//! Pictures of nothing, for dry runs.

use super::{ImageShape, Images};
use crate::Error;

/// `n` equal grey pictures in three channels, of two classes in turn.
pub struct Blank {
    side: usize,
    n: usize,
    classes: [String; 2],
}

impl Blank {
    /// `n` pictures of `side` by `side`.
    pub fn new(side: usize, n: usize) -> Blank {
        Blank {
            side,
            n,
            classes: ["even", "odd"].map(str::to_owned),
        }
    }
}

impl Images for Blank {
    fn len(&self) -> usize {
        self.n
    }

    fn shape(&self) -> ImageShape {
        ImageShape { h: self.side, w: self.side, c: 3 }
    }

    fn read(&self, _i: usize, out: &mut [f32]) -> Result<(), Error> {
        out.fill(0.0);
        Ok(())
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn label(&self, i: usize) -> Option<usize> {
        Some(i % self.classes.len())
    }

    fn name(&self) -> &str {
        "blank"
    }
}
