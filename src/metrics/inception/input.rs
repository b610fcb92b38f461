//! How bytes become the network's input.

use crate::ops::Coordinates;
use crate::{Error, Tensor};

/// Height and width that the network reads.
pub(super) const SIDE: usize = 299;

/// How an image of bytes is resized to 299x299 and scaled to about -1..1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputRule {
    /// As the original graph: bilinear from corner to corner (`src = dst in / out`) on 0..255, then `(x - 128) / 128`.
    TensorFlow,
    /// As the PyTorch port: bilinear from centre to centre on 0..1, then `2 x - 1`.
    PyTorch,
}

impl InputRule {
    /// Every rule with its name.
    pub const ALL: [(&'static str, InputRule); 2] =
        [("tensorflow", InputRule::TensorFlow), ("pytorch", InputRule::PyTorch)];

    /// The rule of this name.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none.
    pub fn of_name(name: &str) -> Result<InputRule, Error> {
        let found = InputRule::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, rule)| *rule).ok_or_else(|| {
            Error::config(
                "input",
                format!("`{name}`; valid are tensorflow (the original) and pytorch (its port)"),
            )
        })
    }

    /// In words, as reports print it.
    pub fn describe(self) -> &'static str {
        match self {
            InputRule::TensorFlow => {
                "tensorflow: bilinear to 299x299, src = dst in/out, then (x - 128) / 128"
            }
            InputRule::PyTorch => "pytorch: bilinear to 299x299, half-pixel centres, then x / 127.5 - 1",
        }
    }

    /// Images `[n,h,w,3]` of values 0..255 -> `[n,299,299,3]`.
    pub fn apply(self, bytes: &Tensor) -> Tensor {
        let size = [SIDE, SIDE];
        match self {
            InputRule::TensorFlow => bytes
                .resize_bilinear(size, Coordinates::Asymmetric)
                .add_scalar(-128.0)
                .scale(1.0 / 128.0),
            InputRule::PyTorch => {
                let unit = bytes.scale(1.0 / 255.0).resize_bilinear(size, Coordinates::HalfPixel);
                unit.scale(2.0).add_scalar(-1.0)
            }
        }
    }
}
