//! The same values in another shape; no kernel, no copy.

use crate::tensor::{Ctx, Op, Shape, Tensor};

struct Reshape {
    out: Shape,
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        x[0].reshaped(self.out)
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(gy.reshaped(ctx.shape(0)))]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

impl Tensor {
    /// The same values in another shape, row-major; shares the memory.
    ///
    /// # Panics
    /// If the numbers of elements differ.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor {
        let out = shape.into();
        assert!(
            out.elements() == self.elements(),
            "reshape: {} has {} elements, {out} has {}",
            self.shape(),
            self.elements(),
            out.elements()
        );
        Tensor::apply(Reshape { out }, &[self])
    }
}
