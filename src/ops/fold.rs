//! The last stage of reductions: adds partial results in a fixed order. Not differentiable.

use crate::Tensor;
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};

params! {
    struct Params {
        len: u32,
        count: u32,
        outer: u32,
        inner: u32,
    }
}

impl Tensor {
    /// Sums over the first axis of a tensor seen as `[count, len]`: `y[o] = sum_s x[s,o]`. No gradient.
    ///
    /// # Panics
    /// If the tensor does not have a multiple of `count` elements.
    #[track_caller]
    pub fn fold_first(&self, count: usize) -> Tensor {
        let len = self.folded("fold_first", count);
        fold(self, count, 1, len)
    }

    /// Sums over the last axis of a tensor seen as `[len, count]`: `y[o] = sum_s x[o,s]`. No gradient.
    ///
    /// # Panics
    /// If the tensor does not have a multiple of `count` elements.
    #[track_caller]
    pub fn fold_last(&self, count: usize) -> Tensor {
        self.folded("fold_last", count);
        fold(self, count, count, 1)
    }

    #[track_caller]
    fn folded(&self, op: &str, count: usize) -> usize {
        assert!(
            count > 0 && self.elements().is_multiple_of(count),
            "{op}: {count} parts of x {}",
            self.shape()
        );
        self.elements() / count
    }
}

/// `y[o] = sum_s x[o*outer + s*inner]`.
fn fold(x: &Tensor, count: usize, outer: usize, inner: usize) -> Tensor {
    let mut y = x.empty([x.elements() / count]);
    match x.device() {
        Device::Gpu(gpu) => gpu.launch(
            &kernel!("fold", "forward").with("WG", 64),
            &Params {
                len: y.elements() as u32,
                count: count as u32,
                outer: outer as u32,
                inner: inner as u32,
            },
            &[("x", x.gpu()), ("y", y.gpu())],
            Grid::groups(y.elements()),
        ),
        Device::Cpu(_) => {
            let x = x.cpu();
            for (o, y) in y.cpu_mut().iter_mut().enumerate() {
                let sum: f64 = (0..count)
                    .map(|s| f64::from(x[o * outer + s * inner]))
                    .sum();
                *y = sum as f32;
            }
        }
    }
    y
}
