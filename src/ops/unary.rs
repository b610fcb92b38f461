//! Element-wise functions of one tensor: a table of formulas, one row per function.

use super::elementary::{exp_of, relu_of, sigmoid_of, tanh_of};
use crate::device::cpu::elementwise::{map, map2};
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op, Tensor};

/// The function; the numbers are the shader's `KIND`. Settings are in [`Unary::a`] and [`Unary::b`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Relu = 0,
    LeakyRelu = 1,
    Tanh = 2,
    Sigmoid = 3,
    Exp = 4,
    Log = 5,
    Sqrt = 6,
    Square = 7,
    Scale = 8,
    AddScalar = 9,
    Clamp = 10,
    Abs = 11,
}

/// What the derivative is a function of. Where either would do it is the output, which the next operation tends to
/// hold anyway.
#[derive(PartialEq)]
enum Keeps {
    Input,
    Output,
    Nothing,
}

impl Kind {
    fn keeps(self) -> Keeps {
        match self {
            Kind::Relu | Kind::LeakyRelu | Kind::Tanh | Kind::Sigmoid | Kind::Exp | Kind::Sqrt => {
                Keeps::Output
            }
            Kind::Log | Kind::Square | Kind::Clamp | Kind::Abs => Keeps::Input,
            Kind::Scale | Kind::AddScalar => Keeps::Nothing,
        }
    }
}

struct Unary {
    kind: Kind,
    a: f32,
    b: f32,
}

params! {
    struct Params {
        len: u32,
        a: f32,
        b: f32,
    }
}

impl Op for Unary {
    fn name(&self) -> &'static str {
        "unary"
    }

    fn forward(&self, x: &[&Tensor], keep: &mut Vec<Tensor>) -> Tensor {
        let x = x[0];
        let mut y = x.empty_like();
        match x.device() {
            Device::Gpu(gpu) => gpu.launch(
                &kernel!("unary", "forward").with("KIND", self.kind as u32),
                &self.params(x),
                &[("x", x.gpu()), ("y", y.gpu())],
                Grid::vectors(y.elements()),
            ),
            Device::Cpu(cpu) => cpu.run(|| self.forward_cpu(x.cpu(), y.cpu_mut())),
        }
        if self.kind.keeps() == Keeps::Output {
            keep.push(y.clone());
        }
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let v = match self.kind.keeps() {
            Keeps::Input => ctx.x(0),
            Keeps::Output => ctx.kept(0),
            Keeps::Nothing if self.kind == Kind::Scale => return vec![Some(gy.scale(self.a))],
            Keeps::Nothing => return vec![Some(gy.clone())],
        };
        vec![Some(self.gradient(v, gy))]
    }

    fn reads(&self, _i: usize) -> bool {
        self.kind.keeps() == Keeps::Input
    }
}

/// The gradient of `relu`'s input, by its output `y`.
pub(super) fn relu_gradient(y: &Tensor, gy: &Tensor) -> Tensor {
    Unary { kind: Kind::Relu, a: 0.0, b: 0.0 }.gradient(y, gy)
}

impl Unary {
    /// `gy` times the derivative, a function of `v`.
    fn gradient(&self, v: &Tensor, gy: &Tensor) -> Tensor {
        let mut gx = gy.empty_like();
        match gy.device() {
            Device::Gpu(gpu) => gpu.launch(
                &kernel!("unary", "backward").with("KIND", self.kind as u32),
                &self.params(gy),
                &[("v", v.gpu()), ("gy", gy.gpu()), ("gx", gx.gpu())],
                Grid::vectors(gx.elements()),
            ),
            Device::Cpu(cpu) => cpu.run(|| self.backward_cpu(v.cpu(), gy.cpu(), gx.cpu_mut())),
        }
        gx
    }

    fn params(&self, x: &Tensor) -> Params {
        Params {
            len: x.elements().div_ceil(4) as u32,
            a: self.a,
            b: self.b,
        }
    }

    fn forward_cpu(&self, x: &[f32], y: &mut [f32]) {
        let (a, b) = (self.a, self.b);
        match self.kind {
            Kind::Relu => map(x, y, relu_of),
            // Written so that a NaN takes the branch that returns it.
            Kind::LeakyRelu => map(x, y, |x| if x < 0.0 { a * x } else { x }),
            Kind::Tanh => map(x, y, tanh_of),
            Kind::Sigmoid => map(x, y, sigmoid_of),
            Kind::Exp => map(x, y, exp_of),
            Kind::Log => map(x, y, f32::ln),
            Kind::Sqrt => map(x, y, f32::sqrt),
            Kind::Square => map(x, y, |x| x * x),
            Kind::Scale => map(x, y, |x| a * x),
            Kind::AddScalar => map(x, y, |x| x + a),
            Kind::Clamp => map(x, y, |x| x.clamp(a, b)),
            Kind::Abs => map(x, y, f32::abs),
        }
    }

    fn backward_cpu(&self, v: &[f32], gy: &[f32], gx: &mut [f32]) {
        let (a, b) = (self.a, self.b);
        match self.kind {
            Kind::Relu => map2(v, gy, gx, |v, gy| gy * if v > 0.0 { 1.0 } else { 0.0 }),
            Kind::LeakyRelu => map2(v, gy, gx, |v, gy| gy * if v > 0.0 { 1.0 } else { a }),
            Kind::Tanh => map2(v, gy, gx, |v, gy| gy * (1.0 - v * v)),
            Kind::Sigmoid => map2(v, gy, gx, |v, gy| gy * (v * (1.0 - v))),
            Kind::Exp => map2(v, gy, gx, |v, gy| gy * v),
            Kind::Log => map2(v, gy, gx, |v, gy| gy / v),
            Kind::Sqrt => map2(v, gy, gx, |v, gy| gy * (0.5 / v)),
            Kind::Square => map2(v, gy, gx, |v, gy| gy * (2.0 * v)),
            Kind::Scale => map2(v, gy, gx, |_, gy| gy * a),
            Kind::AddScalar => map2(v, gy, gx, |_, gy| gy),
            Kind::Clamp => map2(v, gy, gx, |v, gy| gy * if v >= a && v <= b { 1.0 } else { 0.0 }),
            Kind::Abs => map2(v, gy, gx, |v, gy| if v == 0.0 { 0.0 } else { gy * v.signum() }),
        }
    }
}

impl Tensor {
    /// `max(x, 0)`; the derivative at 0 is 0, and NaN stays NaN.
    pub fn relu(&self) -> Tensor {
        self.unary(Kind::Relu, 0.0, 0.0)
    }

    /// `x` where positive, else `slope * x`; the derivative at 0 is `slope`.
    ///
    /// # Panics
    /// If `slope` is negative: the gradient is found from the sign of the output.
    #[track_caller]
    pub fn leaky_relu(&self, slope: f32) -> Tensor {
        assert!(slope >= 0.0, "leaky_relu: slope {slope} is negative");
        self.unary(Kind::LeakyRelu, slope, 0.0)
    }

    /// Hyperbolic tangent.
    pub fn tanh(&self) -> Tensor {
        self.unary(Kind::Tanh, 0.0, 0.0)
    }

    /// `1 / (1 + exp(-x))`.
    pub fn sigmoid(&self) -> Tensor {
        self.unary(Kind::Sigmoid, 0.0, 0.0)
    }

    /// `e^x`.
    pub fn exp(&self) -> Tensor {
        self.unary(Kind::Exp, 0.0, 0.0)
    }

    /// Natural logarithm.
    pub fn log(&self) -> Tensor {
        self.unary(Kind::Log, 0.0, 0.0)
    }

    /// Square root.
    pub fn sqrt(&self) -> Tensor {
        self.unary(Kind::Sqrt, 0.0, 0.0)
    }

    /// `x * x`.
    pub fn square(&self) -> Tensor {
        self.unary(Kind::Square, 0.0, 0.0)
    }

    /// `-x`; also the operator `-&x`.
    pub fn neg(&self) -> Tensor {
        self.scale(-1.0)
    }

    /// `factor * x`.
    pub fn scale(&self, factor: f32) -> Tensor {
        self.unary(Kind::Scale, factor, 0.0)
    }

    /// `x + term`.
    pub fn add_scalar(&self, term: f32) -> Tensor {
        self.unary(Kind::AddScalar, term, 0.0)
    }

    /// `x` limited to `lo..=hi`; the derivative is 1 inside and at the limits, 0 outside.
    ///
    /// # Panics
    /// Unless `lo <= hi`.
    #[track_caller]
    pub fn clamp(&self, lo: f32, hi: f32) -> Tensor {
        assert!(lo <= hi, "clamp: lower limit {lo}, upper limit {hi}");
        self.unary(Kind::Clamp, lo, hi)
    }

    /// `|x|`; the derivative at 0 is 0.
    pub fn abs(&self) -> Tensor {
        self.unary(Kind::Abs, 0.0, 0.0)
    }

    fn unary(&self, kind: Kind, a: f32, b: f32) -> Tensor {
        Tensor::apply(Unary { kind, a, b }, &[self])
    }
}
