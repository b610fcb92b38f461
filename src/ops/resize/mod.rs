//! Enlarging and shrinking images: nearest pixel, or bilinear without antialiasing.

mod axis;
mod cpu;
mod gpu;

use crate::tensor::{Ctx, Op};
use crate::{Device, Shape, Tensor};
use axis::Axis;

/// Where a pixel of a bilinearly resized image lies in the source, for factor `s = in / out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// Pixel centres coincide: `max(0, (dst + 0.5) s - 0.5)`.
    HalfPixel,
    /// Upper left corners coincide, as in TensorFlow 1: `dst s`.
    Asymmetric,
}

/// How an output pixel is made of source pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Nearest,
    Bilinear(Coordinates),
}

/// Sizes and mode of one call.
struct Resize {
    n: usize,
    c: usize,
    rows: Axis,
    columns: Axis,
    mode: Mode,
}

impl Resize {
    fn x(&self) -> Shape {
        Shape::from([self.n, self.rows.source, self.columns.source, self.c])
    }

    fn y(&self) -> Shape {
        Shape::from([self.n, self.rows.output, self.columns.output, self.c])
    }
}

impl Op for Resize {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let mut y = x[0].empty(self.y());
        match y.device() {
            Device::Gpu(gpu) => gpu::forward(&gpu, self, x[0], &y),
            Device::Cpu(cpu) => cpu.run(|| cpu::forward(self, x[0].cpu(), y.cpu_mut())),
        }
        y
    }

    fn backward(&self, _ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let mut gx = gy.empty(self.x());
        match gx.device() {
            Device::Gpu(gpu) => gpu::backward(&gpu, self, gy, &gx),
            Device::Cpu(cpu) => cpu.run(|| cpu::backward(self, gy.cpu(), gx.cpu_mut())),
        }
        vec![Some(gx)]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

/// Largest size of an axis: sizes are multiplied with each other in 32 bits.
const LARGEST: usize = 1 << 14;

impl Tensor {
    /// The image batch in size `[h,w]`, each pixel that of the source it falls in: `y[i] = x[floor(i in / out)]`.
    ///
    /// # Panics
    /// If the rank is not 4 or a size is 0 or above 16384.
    #[track_caller]
    pub fn resize_nearest(&self, size: [usize; 2]) -> Tensor {
        resize(self, "resize_nearest", size, Mode::Nearest)
    }

    /// The image batch in size `[h,w]`, each pixel interpolated between its four neighbours, without antialiasing:
    /// `y = (1-f) x[floor(src)] + f x[floor(src)+1]` along either axis, `f` the fraction of `src`, neighbours clamped.
    ///
    /// # Panics
    /// If the rank is not 4 or a size is 0 or above 16384.
    #[track_caller]
    pub fn resize_bilinear(&self, size: [usize; 2], coordinates: Coordinates) -> Tensor {
        resize(self, "resize_bilinear", size, Mode::Bilinear(coordinates))
    }

    /// Repeats each pixel `s` times along both image axes: `[n,h,w,c] -> [n,h*s,w*s,c]`.
    ///
    /// # Panics
    /// If the rank is not 4 or `s` is 0.
    #[track_caller]
    pub fn upsample_nearest(&self, s: usize) -> Tensor {
        let [_, h, w, _] = self.shape().nhwc("upsample_nearest");
        resize(self, "upsample_nearest", [h * s, w * s], Mode::Nearest)
    }

    /// Enlarges `s` times along both image axes, bilinearly with half-pixel centres: `[n,h,w,c] -> [n,h*s,w*s,c]`.
    ///
    /// # Panics
    /// If the rank is not 4 or `s` is 0.
    #[track_caller]
    pub fn upsample_bilinear(&self, s: usize) -> Tensor {
        let [_, h, w, _] = self.shape().nhwc("upsample_bilinear");
        let mode = Mode::Bilinear(Coordinates::HalfPixel);
        resize(self, "upsample_bilinear", [h * s, w * s], mode)
    }
}

#[track_caller]
fn resize(x: &Tensor, op: &str, [ho, wo]: [usize; 2], mode: Mode) -> Tensor {
    let [n, h, w, c] = x.shape().nhwc(op);
    let fits = [h, w, ho, wo].iter().all(|&s| (1..=LARGEST).contains(&s));
    assert!(fits, "{op}: x {} to [{ho},{wo}]", x.shape());
    let op = Resize {
        n,
        c,
        rows: Axis { source: h, output: ho },
        columns: Axis { source: w, output: wo },
        mode,
    };
    Tensor::apply(op, &[x])
}
