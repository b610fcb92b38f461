//! Depth-wise transposed convolution: each channel is spread by a kernel of its own.

mod cpu;
mod gpu;

use crate::tensor::{Ctx, Op};
use crate::{Device, Shape, Tensor};

/// Settings of a transposed convolution; `out = (in - 1) * stride - 2 * pad + k + out_pad`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose {
    /// Height and width of the kernel.
    pub k: usize,
    /// Distance in the output between neighbouring input pixels.
    pub stride: usize,
    /// Pixels cut off the output at each side.
    pub pad: usize,
    /// Pixels added below and to the right; less than `stride`.
    pub out_pad: usize,
}

impl ConvTranspose {
    /// The 3x3 kernel that doubles an image: stride 2, padding 1, output padding 1.
    pub fn double() -> ConvTranspose {
        ConvTranspose { k: 3, stride: 2, pad: 1, out_pad: 1 }
    }
}

/// Sizes of one call.
struct Depthwise {
    n: usize,
    h: usize,
    w: usize,
    c: usize,
    ho: usize,
    wo: usize,
    conv: ConvTranspose,
}

impl Depthwise {
    fn x(&self) -> Shape {
        Shape::from([self.n, self.h, self.w, self.c])
    }

    fn y(&self) -> Shape {
        Shape::from([self.n, self.ho, self.wo, self.c])
    }

    fn weight(&self) -> Shape {
        Shape::from([self.conv.k * self.conv.k, self.c])
    }

    /// Output position that input `i` reaches through row or column `tap` of the kernel, if inside `size`.
    fn reached(&self, i: usize, tap: usize, size: usize) -> Option<usize> {
        let o = (i * self.conv.stride + tap).checked_sub(self.conv.pad)?;
        (o < size).then_some(o)
    }
}

impl Op for Depthwise {
    fn name(&self) -> &'static str {
        "conv_transpose"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let (x, w) = (x[0], x[1]);
        let mut y = x.empty(self.y());
        match y.device() {
            Device::Gpu(gpu) => gpu::forward(&gpu, self, x, w, &y),
            Device::Cpu(cpu) => cpu.run(|| cpu::forward(self, x.cpu(), w.cpu(), y.cpu_mut())),
        }
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let gx = ctx.wants(0).then(|| self.backward_x(ctx.x(1), gy));
        let gw = ctx.wants(1).then(|| self.backward_w(ctx.x(0), gy));
        vec![gx, gw]
    }
}

impl Depthwise {
    fn backward_x(&self, w: &Tensor, gy: &Tensor) -> Tensor {
        let mut gx = gy.empty(self.x());
        match gx.device() {
            Device::Gpu(gpu) => gpu::backward_x(&gpu, self, w, gy, &gx),
            Device::Cpu(cpu) => cpu.run(|| cpu::backward_x(self, w.cpu(), gy.cpu(), gx.cpu_mut())),
        }
        gx
    }

    fn backward_w(&self, x: &Tensor, gy: &Tensor) -> Tensor {
        match gy.device() {
            Device::Gpu(gpu) => gpu::backward_w(&gpu, self, x, gy),
            Device::Cpu(cpu) => {
                let mut gw = gy.empty(self.weight());
                cpu.run(|| cpu::backward_w(self, x.cpu(), gy.cpu(), gw.cpu_mut()));
                gw
            }
        }
    }
}

impl Tensor {
    /// Depth-wise transposed convolution, no bias: `[n,h,w,c]` by `weight [k*k,c]` to `[n,ho,wo,c]`,
    /// `y[n,i*stride+a-pad,j*stride+b-pad,c] += x[n,i,j,c] * weight[a*k+b,c]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn conv_transpose(&self, weight: &Tensor, conv: ConvTranspose) -> Tensor {
        let [n, h, w, c] = self.shape().nhwc("conv_transpose");
        let ConvTranspose { k, stride, pad, out_pad } = conv;
        let fits = weight.shape() == Shape::from([k * k, c])
            && h * w > 0
            && out_pad < stride
            && (h.min(w) - 1) * stride + k + out_pad > 2 * pad;
        assert!(fits, "conv_transpose: {conv:?} does not fit x {}, w {}", self.shape(), weight.shape());
        let out = |size: usize| (size - 1) * stride + k + out_pad - 2 * pad;
        let op = Depthwise { n, h, w, c, ho: out(h), wo: out(w), conv };
        Tensor::apply(op, &[self, weight])
    }
}
