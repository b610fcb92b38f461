//! Convolution over a list of taps; every kernel size, stride, dilation and padding is one.

mod cpu;
mod gpu;
mod taps;

use crate::device::Device;
use crate::ops::unary::relu_gradient;
use crate::tensor::{Ctx, Op, Shape, Tensor};
pub use taps::{Conv2d, TapConv};

/// Taps per launch that the GPU kernel's uniform block holds.
const MOST_TAPS: usize = 88;

/// Inputs: x `[n,h,w,cin]`, w `[taps,cin,cout]`, and perhaps bias `[cout]`.
struct Convolution {
    conv: TapConv,
    /// Whether the output is rectified.
    relu: bool,
}

/// What is done with a sum before it is stored.
#[derive(Debug)]
struct Epilogue<'a, T: ?Sized> {
    bias: Option<&'a T>,
    relu: bool,
}

impl<T: ?Sized + 'static> Epilogue<'_, T> {
    /// Nothing.
    const NONE: Epilogue<'static, T> = Epilogue { bias: None, relu: false };
}

// Derived, these would ask it of T.
impl<T: ?Sized> Clone for Epilogue<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Epilogue<'_, T> {}

impl Op for Convolution {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn forward(&self, x: &[&Tensor], keep: &mut Vec<Tensor>) -> Tensor {
        let [n, h, w, _] = x[0].shape().nhwc("conv2d");
        let [oh, ow] = self.conv.out(h, w);
        let mut y = x[0].empty([n, oh, ow, x[1].shape().last()]);
        let end = Epilogue { bias: x.get(2).copied(), relu: self.relu };
        count(&y, x[1].shape());
        match y.device() {
            Device::Gpu(gpu) => gpu::forward(&gpu, &self.conv, x[0], x[1], end, &y),
            Device::Cpu(cpu) => cpu::forward(&cpu, &self.conv, x[0], x[1], end, &mut y),
        }
        if self.relu {
            keep.push(y.clone());
        }
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let gy = &if self.relu {
            relu_gradient(ctx.kept(0), gy)
        } else {
            gy.clone()
        };
        let gx = ctx.wants(0).then(|| {
            let mut gx = gy.empty(ctx.shape(0));
            count(gy, ctx.shape(1));
            match gy.device() {
                Device::Gpu(gpu) => gpu::backward_x(&gpu, &self.conv, gy, ctx.x(1), &gx),
                Device::Cpu(cpu) => cpu::backward_x(&cpu, &self.conv, gy, ctx.x(1), &mut gx),
            }
            gx
        });
        let gw = ctx.wants(1).then(|| {
            let mut gw = gy.empty(ctx.shape(1));
            count(gy, ctx.shape(1));
            match gy.device() {
                Device::Gpu(gpu) => gpu::backward_w(&gpu, &self.conv, ctx.x(0), gy, &gw),
                Device::Cpu(cpu) => cpu::backward_w(&cpu, &self.conv, ctx.x(0), gy, &mut gw),
            }
            gw
        });
        let mut all = vec![gx, gw];
        if ctx.inputs() == 3 {
            all.push(ctx.wants(2).then(|| gy.sum(&[0, 1, 2])));
        }
        all
    }

    fn reads(&self, i: usize) -> bool {
        i < 2
    }
}

/// Counts one multiply-add for each output and each weight that leads to it.
fn count(y: &Tensor, w: Shape) {
    y.device().count_operations(y.elements() * w[0] * w[1]);
}

impl Tensor {
    /// Convolution without bias: x `[n,h,w,cin]`, w `[taps,cin,cout]` -> `[n,h',w',cout]`, see [`TapConv`].
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded image.
    #[track_caller]
    pub fn conv2d(&self, w: &Tensor, conv: impl Into<TapConv>) -> Tensor {
        let conv = conv.into();
        self.check_conv(w, &conv);
        if conv.taps.len() > MOST_TAPS {
            return self.conv2d_in_parts(w, &conv);
        }
        Tensor::apply(Convolution { conv, relu: false }, &[self, w])
    }

    /// A kernel with more taps than one launch takes is a sum of convolutions with some of the taps each.
    fn conv2d_in_parts(&self, w: &Tensor, conv: &TapConv) -> Tensor {
        let parts = conv.taps.chunks(MOST_TAPS).enumerate().map(|(i, taps)| {
            let part = TapConv { taps: taps.to_vec(), ..conv.clone() };
            self.conv2d(&w.slice(0, i * MOST_TAPS, taps.len()), part)
        });
        parts.reduce(|a, b| &a + &b).expect("there are taps")
    }

    /// Convolution plus `bias` `[cout]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded image.
    #[track_caller]
    pub fn conv2d_bias(&self, w: &Tensor, bias: &Tensor, conv: impl Into<TapConv>) -> Tensor {
        self.conv2d_end(w, bias, conv.into(), false)
    }

    /// `max(convolution + bias, 0)` in one pass, of which only the result is kept; as [`Tensor::relu`] of
    /// [`Tensor::conv2d_bias`].
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded image.
    #[track_caller]
    pub fn conv2d_bias_relu(&self, w: &Tensor, bias: &Tensor, conv: impl Into<TapConv>) -> Tensor {
        self.conv2d_end(w, bias, conv.into(), true)
    }

    #[track_caller]
    fn conv2d_end(&self, w: &Tensor, bias: &Tensor, conv: TapConv, relu: bool) -> Tensor {
        self.check_conv(w, &conv);
        assert!(
            bias.shape().sizes() == [w.shape()[2]],
            "conv2d: bias {} for w {}",
            bias.shape(),
            w.shape()
        );
        if conv.taps.len() > MOST_TAPS {
            let y = &self.conv2d_in_parts(w, &conv) + bias;
            return if relu { y.relu() } else { y };
        }
        Tensor::apply(Convolution { conv, relu }, &[self, w, bias])
    }

    #[track_caller]
    fn check_conv(&self, w: &Tensor, conv: &TapConv) {
        let (x, w) = (self.shape(), w.shape());
        let [_, height, width, cin] = x.nhwc("conv2d");
        assert!(
            w.rank() == 3 && w[0] == conv.taps.len(),
            "conv2d: w {w} for {} taps, wants [taps,cin,cout]",
            conv.taps.len()
        );
        assert!(cin == w[1], "conv2d: x has {cin} channels, w wants {} (x {x}, w {w})", w[1]);
        conv.out(height, width);
    }
}

/// The convolution by the specification kernel of the GPU; on the CPU there is only one. For tests.
#[doc(hidden)]
pub fn conv2d_plain(x: &Tensor, w: &Tensor, conv: &TapConv) -> Tensor {
    let [n, h, width, _] = x.shape().nhwc("conv2d");
    let [oh, ow] = conv.out(h, width);
    match x.device() {
        Device::Cpu(_) => x.detach().conv2d(&w.detach(), conv.clone()),
        Device::Gpu(gpu) => {
            let y = x.empty([n, oh, ow, w.shape().last()]);
            gpu::forward_plain(&gpu, conv, x, w, &y);
            y
        }
    }
}

/// Does `f` in which the CPU does every convolution of stride 1 whose taps hold a square by fewer multiplications, whether
/// that is faster or not. For tests.
#[doc(hidden)]
pub fn with_squares<T>(f: impl FnOnce() -> T) -> T {
    cpu::with_squares(f)
}

/// Whether the CPU does a convolution of these images to `cout` channels, and its gradients, by fewer multiplications. For
/// tests.
#[doc(hidden)]
pub fn goes_by_squares(conv: &TapConv, [_, h, w, cin]: [usize; 4], cout: usize) -> bool {
    let forward = cpu::has_squares(&conv.taps, conv.stride, [cin, cout], conv.out(h, w));
    let back = |residue: &taps::Residue| cpu::has_squares(&residue.taps, 1, [cout, cin], [h, w]);
    forward && matches!(&conv.adjoint()[..], [residue] if back(residue))
}
