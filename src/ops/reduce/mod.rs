//! Sums and means over axes.

mod cpu;
mod gpu;

use crate::device::Device;
use crate::tensor::{Ctx, Op, Shape, Tensor};

/// The input seen as `[k0, r0, k1, r1]`: `r0` and `r1` are summed, `k0` and `k1` kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    k0: usize,
    r0: usize,
    k1: usize,
    r1: usize,
}

impl Layout {
    /// Merges neighbouring axes of one kind. `None` for reduced, kept, reduced, kept, which takes two sums.
    fn of(shape: Shape, reduced: &[bool]) -> Option<Layout> {
        let mut sizes = [1; 4];
        // Slots alternate between kept and reduced.
        let mut slot = 0;
        for (size, reduced) in shape.iter().zip(reduced) {
            if *size == 1 {
                continue;
            }
            if (slot % 2 == 1) != *reduced {
                slot += 1;
            }
            *sizes.get_mut(slot)? *= size;
        }
        let [k0, r0, k1, r1] = sizes;
        Some(Layout { k0, r0, k1, r1 })
    }

    fn outputs(&self) -> usize {
        self.k0 * self.k1
    }

    /// Elements behind one output.
    fn summed(&self) -> usize {
        self.r0 * self.r1
    }
}

struct Reduce {
    layout: Layout,
    out: Shape,
    factor: f32,
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let mut y = x[0].empty(self.out);
        match x[0].device() {
            Device::Gpu(gpu) => gpu::sum(&gpu, &self.layout, self.factor, x[0], &y),
            Device::Cpu(cpu) => cpu.run(|| cpu::sum(&self.layout, self.factor, x[0].cpu(), y.cpu_mut())),
        }
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let mut gx = gy.empty(ctx.shape(0));
        match gy.device() {
            Device::Gpu(gpu) => gpu::expand(&gpu, &self.layout, self.factor, gy, &gx),
            Device::Cpu(cpu) => cpu.run(|| cpu::expand(&self.layout, self.factor, gy.cpu(), gx.cpu_mut())),
        }
        vec![Some(gx)]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

impl Tensor {
    /// Sum over `axes`, which disappear: `[n,h,w,c].sum(&[1,2])` is `[n,c]`. Over all axes it is `[1]`.
    ///
    /// # Panics
    /// If an axis is named twice or does not exist.
    #[track_caller]
    pub fn sum(&self, axes: &[usize]) -> Tensor {
        let reduced = self.reduced("sum", axes);
        self.reduce(&reduced, 1.0)
    }

    /// Mean over `axes`, which disappear, as in [`Tensor::sum`].
    ///
    /// # Panics
    /// If an axis is named twice or does not exist, or there are no elements to take the mean of.
    #[track_caller]
    pub fn mean(&self, axes: &[usize]) -> Tensor {
        let reduced = self.reduced("mean", axes);
        let count: usize = axes.iter().map(|&a| self.shape()[a]).product();
        assert!(count > 0, "mean: axes {axes:?} of {} are empty", self.shape());
        self.reduce(&reduced, 1.0 / count as f32)
    }

    /// Sum of all elements, `[1]`.
    pub fn sum_all(&self) -> Tensor {
        self.reduce(&vec![true; self.shape().rank()], 1.0)
    }

    /// Mean of all elements, `[1]`.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn mean_all(&self) -> Tensor {
        assert!(self.elements() > 0, "mean_all: {} is empty", self.shape());
        self.reduce(&vec![true; self.shape().rank()], 1.0 / self.elements() as f32)
    }

    #[track_caller]
    fn reduced(&self, op: &str, axes: &[usize]) -> Vec<bool> {
        let mut reduced = vec![false; self.shape().rank()];
        for &axis in axes {
            assert!(axis < reduced.len(), "{op}: axis {axis} of {}", self.shape());
            assert!(!reduced[axis], "{op}: axis {axis} is named twice in {axes:?}");
            reduced[axis] = true;
        }
        reduced
    }

    fn reduce(&self, reduced: &[bool], factor: f32) -> Tensor {
        let shape = self.shape();
        let kept: Vec<usize> = (0..shape.rank()).filter(|&a| !reduced[a]).map(|a| shape[a]).collect();
        let out = if kept.is_empty() {
            Shape::from([1])
        } else {
            Shape::new(&kept)
        };
        match Layout::of(shape, reduced) {
            Some(layout) => Tensor::apply(Reduce { layout, out, factor }, &[self]),
            // Axes 0 and 2 of four: one after the other.
            None => self
                .reduce(&[false, false, true, false], 1.0)
                .reduce(&[true, false, false], factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_axes_of_one_kind_merge() {
        let of = |shape: &[usize], reduced: &[bool]| Layout::of(Shape::new(shape), reduced);
        let layout = |k0, r0, k1, r1| Some(Layout { k0, r0, k1, r1 });
        let (k, r) = (false, true);
        assert_eq!(of(&[2, 3, 4, 5], &[k, r, r, k]), layout(2, 12, 5, 1));
        assert_eq!(of(&[2, 3, 4, 5], &[r, r, r, r]), layout(1, 120, 1, 1));
        assert_eq!(of(&[2, 3, 4, 5], &[k, k, k, r]), layout(24, 5, 1, 1));
        assert_eq!(of(&[2, 3, 4, 5], &[r, k, k, r]), layout(1, 2, 12, 5));
        assert_eq!(of(&[2, 3, 4, 5], &[k, r, k, r]), layout(2, 3, 4, 5));
        assert_eq!(of(&[2, 3, 4, 5], &[r, k, r, k]), None);
        assert_eq!(of(&[2, 1, 4, 5], &[r, k, r, k]), layout(1, 8, 5, 1));
        assert_eq!(of(&[], &[]), layout(1, 1, 1, 1));
    }
}
