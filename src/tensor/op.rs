//! What an operation is to the tape.

use super::tape::Made;
use super::{Shape, Tensor};

/// A differentiable operation with its settings. The tape holds it as `Box<dyn Op>`.
pub trait Op: Send + Sync + 'static {
    /// The stem shared by the operation's shader, module, test and method.
    fn name(&self) -> &'static str;

    /// Computes the output. Pushes to `keep` what the gradient needs beyond the inputs.
    fn forward(&self, x: &[&Tensor], keep: &mut Vec<Tensor>) -> Tensor;

    /// The gradient of each input for the output's gradient `gy`; `None` where `ctx.wants` says no.
    /// May return one buffer for two inputs: the loop adds out of place.
    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>>;

    /// Whether `backward` reads the value of input `i`; if not, the tape does not keep it alive.
    fn reads(&self, i: usize) -> bool {
        let _ = i;
        true
    }
}

/// What `backward` sees of the forward call.
pub struct Ctx<'a> {
    pub(super) made: &'a Made,
    pub(super) wanted: &'a [bool],
}

impl Ctx<'_> {
    /// Value of input `i`.
    ///
    /// # Panics
    /// If the operation said that it does not read it.
    pub fn x(&self, i: usize) -> &Tensor {
        self.made.inputs[i]
            .value
            .as_ref()
            .unwrap_or_else(|| panic!("{}: input {i} was not kept for backward", self.made.op.name()))
    }

    /// Shape of input `i`.
    pub fn shape(&self, i: usize) -> Shape {
        self.made.inputs[i].shape
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.made.inputs.len()
    }

    /// Whether the gradient of input `i` is needed.
    pub fn wants(&self, i: usize) -> bool {
        self.wanted[i]
    }

    /// What forward pushed to `keep`, in order.
    pub fn kept(&self, i: usize) -> &Tensor {
        &self.made.kept[i]
    }
}
