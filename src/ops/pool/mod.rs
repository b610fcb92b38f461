//! Average and maximum pooling over square windows.

mod cpu;
mod gpu;

use std::ops::Range;

use crate::tensor::{Ctx, Op};
use crate::{Device, Shape, Tensor};

/// Windows of a pooling: `k` by `k`, `stride` apart, over an image with `pad` pixels around it. A window that would
/// reach past the padding is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Height and width of a window.
    pub k: usize,
    /// Distance between windows.
    pub stride: usize,
    /// Pixels around the image; at most half a window.
    pub pad: usize,
    /// Whether an average divides by `k*k` everywhere, as if the padding were zeros that count.
    pub count_pad: bool,
}

impl Pool {
    /// Windows side by side: stride `k`, no padding.
    pub fn blocks(k: usize) -> Pool {
        Pool { k, stride: k, pad: 0, count_pad: false }
    }

    /// One window around each pixel, for odd `k`; averages do not count the padding.
    pub fn same(k: usize) -> Pool {
        Pool { k, stride: 1, pad: k / 2, count_pad: false }
    }
}

/// Sizes of one call.
#[derive(Debug, Clone, Copy)]
struct Windows {
    n: usize,
    h: usize,
    w: usize,
    c: usize,
    ho: usize,
    wo: usize,
    pool: Pool,
}

impl Windows {
    #[track_caller]
    fn new(op: &str, x: Shape, pool: Pool) -> Windows {
        let [n, h, w, c] = x.nhwc(op);
        let Pool { k, stride, pad, .. } = pool;
        assert!(
            k > 0 && stride > 0 && 2 * pad <= k && h + 2 * pad >= k && w + 2 * pad >= k,
            "{op}: {pool:?} does not fit x {x}"
        );
        Windows {
            n,
            h,
            w,
            c,
            ho: (h + 2 * pad - k) / stride + 1,
            wo: (w + 2 * pad - k) / stride + 1,
            pool,
        }
    }

    fn x(&self) -> Shape {
        Shape::from([self.n, self.h, self.w, self.c])
    }

    fn y(&self) -> Shape {
        Shape::from([self.n, self.ho, self.wo, self.c])
    }

    /// Pixels of an axis of `size` that window `o` sees.
    fn pixels(&self, o: usize, size: usize) -> Range<usize> {
        let Pool { k, stride, pad, .. } = self.pool;
        (o * stride).saturating_sub(pad)..(o * stride + k - pad).min(size)
    }

    /// Windows of an axis with `count` windows that see pixel `i`.
    fn seeing(&self, i: usize, count: usize) -> Range<usize> {
        let Pool { k, stride, pad, .. } = self.pool;
        let first = (i + pad + 1).saturating_sub(k).div_ceil(stride);
        first..((i + pad) / stride + 1).min(count)
    }
}

struct AvgPool(Windows);

impl Op for AvgPool {
    fn name(&self) -> &'static str {
        "avg_pool"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let mut y = x[0].empty(self.0.y());
        match y.device() {
            Device::Gpu(gpu) => gpu::avg_forward(&gpu, &self.0, x[0], &y),
            Device::Cpu(cpu) => cpu.run(|| cpu::avg_forward(&self.0, x[0].cpu(), y.cpu_mut())),
        }
        y
    }

    fn backward(&self, _ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let mut gx = gy.empty(self.0.x());
        match gx.device() {
            Device::Gpu(gpu) => gpu::avg_backward(&gpu, &self.0, gy, &gx),
            Device::Cpu(cpu) => cpu.run(|| cpu::avg_backward(&self.0, gy.cpu(), gx.cpu_mut())),
        }
        vec![Some(gx)]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

/// Keeps which pixel of its window each maximum came from, counted row-major, where a gradient may be asked for.
struct MaxPool(Windows);

impl Op for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn forward(&self, x: &[&Tensor], keep: &mut Vec<Tensor>) -> Tensor {
        let mut y = x[0].empty(self.0.y());
        // As large as the output: only a gradient is worth it.
        let mut winner = x[0].tracked().then(|| y.empty_like());
        match y.device() {
            Device::Gpu(gpu) => gpu::max_forward(&gpu, &self.0, x[0], &y, winner.as_ref()),
            Device::Cpu(cpu) => cpu.run(|| {
                let winner = winner.as_mut().map(Tensor::cpu_mut);
                cpu::max_forward(&self.0, x[0].cpu(), y.cpu_mut(), winner);
            }),
        }
        keep.extend(winner);
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let mut gx = gy.empty(self.0.x());
        let winner = ctx.kept(0);
        match gx.device() {
            Device::Gpu(gpu) => gpu::max_backward(&gpu, &self.0, gy, winner, &gx),
            Device::Cpu(cpu) => cpu.run(|| cpu::max_backward(&self.0, gy.cpu(), winner.cpu(), gx.cpu_mut())),
        }
        vec![Some(gx)]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

impl Tensor {
    /// Mean over each window of an image batch: `[n,h,w,c] -> [n,ho,wo,c]`, `ho = (h + 2 pad - k) / stride + 1`.
    ///
    /// # Panics
    /// If the rank is not 4 or the windows do not fit.
    #[track_caller]
    pub fn avg_pool(&self, pool: Pool) -> Tensor {
        let windows = Windows::new("avg_pool", self.shape(), pool);
        Tensor::apply(AvgPool(windows), &[self])
    }

    /// Maximum over each window of an image batch: `[n,h,w,c] -> [n,ho,wo,c]`, `ho = (h + 2 pad - k) / stride + 1`.
    /// Padding never wins; of equal pixels the first in row-major order gets the gradient; a NaN wins.
    ///
    /// # Panics
    /// If the rank is not 4 or the windows do not fit.
    #[track_caller]
    pub fn max_pool(&self, pool: Pool) -> Tensor {
        let windows = Windows::new("max_pool", self.shape(), pool);
        Tensor::apply(MaxPool(windows), &[self])
    }
}
