//! Spectral normalisation: the state of the power iteration of one weight.

use super::{Init, Layout, Mode, Role, Visitor};
use crate::Tensor;
use crate::ops::power_iteration;

/// Left and right singular vectors, as far as the power iteration has come.
pub struct Spectral {
    u: Tensor,
    v: Tensor,
    kernel: [usize; 2],
}

/// Keeps a vector's length from being a divisor of zero.
const EPS: f64 = 1e-12;

impl Spectral {
    /// Random unit vectors for a weight of `taps * cin` rows and `cout` columns.
    pub fn new(kernel: [usize; 2], cin: usize, cout: usize, init: &mut Init) -> Spectral {
        Spectral {
            u: init.unit(cout),
            v: init.unit(kernel[0] * kernel[1] * cin),
            kernel,
        }
    }

    /// The weight's largest singular value `[1]`, by one power iteration in training mode. The gradient flows through
    /// the weight; the vectors are constants.
    pub fn sigma(&mut self, w: &Tensor, mode: Mode) -> Tensor {
        if mode == Mode::Train {
            (self.u, self.v) = power_iteration(w, &self.u, EPS);
        }
        w.spectral_sigma(&self.u, &self.v)
    }

    /// Visits both vectors beside the weight that they belong to.
    pub fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight_u", Role::Buffer, Layout::Plain, &mut self.u);
        v.tensor("weight_v", Role::Buffer, Layout::SpectralV(self.kernel), &mut self.v);
    }
}
