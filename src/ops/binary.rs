//! Element-wise arithmetic of two tensors, with operators.

use std::ops;

use crate::device::cpu::threads;
use crate::device::cpu::wide::{self, ByChannel, wide};
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op, Shape, Tensor};

/// The numbers are the shader's `KIND`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Add = 0,
    Sub = 1,
    Mul = 2,
    Div = 3,
}

struct Binary {
    kind: Kind,
    out: Shape,
    /// Whether each side is tracked: the other side's value is then needed.
    tracked: [bool; 2],
}

params! {
    struct Params {
        len: u32,
        a_len: u32,
        b_len: u32,
    }
}

impl Op for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let (a, b) = (x[0], x[1]);
        let mut y = a.empty(self.out);
        match a.device() {
            Device::Gpu(gpu) => gpu.launch(
                &kernel!("binary", "forward")
                    .with("KIND", self.kind as u32)
                    .with("REPEAT_A", repeat(a, &y))
                    .with("REPEAT_B", repeat(b, &y)),
                &Params {
                    len: y.elements().div_ceil(4) as u32,
                    a_len: a.elements() as u32,
                    b_len: b.elements() as u32,
                },
                &[("a", a.gpu()), ("a4", a.gpu()), ("b", b.gpu()), ("b4", b.gpu()), ("y", y.gpu())],
                Grid::vectors(y.elements()),
            ),
            Device::Cpu(cpu) => cpu.run(|| {
                let (a, b, y) = (a.cpu(), b.cpu(), y.cpu_mut());
                match self.kind {
                    Kind::Add => each(a, b, y, |a, b| a + b),
                    Kind::Sub => each(a, b, y, |a, b| a - b),
                    Kind::Mul => each(a, b, y, |a, b| a * b),
                    Kind::Div => each(a, b, y, |a, b| a / b),
                }
            }),
        }
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let ga = || match self.kind {
            Kind::Add | Kind::Sub => gy.clone(),
            Kind::Mul => gy.mul(ctx.x(1)),
            Kind::Div => gy.div(ctx.x(1)),
        };
        let gb = || match self.kind {
            Kind::Add => gy.clone(),
            Kind::Sub => gy.neg(),
            Kind::Mul => gy.mul(ctx.x(0)),
            // -gy * a / b^2, without the square that could overflow.
            Kind::Div => gy.div(ctx.x(1)).mul(&ctx.x(0).div(ctx.x(1))).neg(),
        };
        vec![
            ctx.wants(0).then(|| sum_to(&ga(), ctx.shape(0))),
            ctx.wants(1).then(|| sum_to(&gb(), ctx.shape(1))),
        ]
    }

    fn reads(&self, i: usize) -> bool {
        match self.kind {
            Kind::Add | Kind::Sub => false,
            Kind::Mul => self.tracked[1 - i],
            Kind::Div => i == 1 || self.tracked[1],
        }
    }
}

/// The shader's `REPEAT_A` or `REPEAT_B`.
fn repeat(side: &Tensor, y: &Tensor) -> u32 {
    match side.elements() {
        n if n == y.elements() => 0,
        n if n.is_multiple_of(4) => 1,
        _ => 2,
    }
}

/// `y = f(a, b)`, with the shorter operands read again from their start.
fn each(a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32 + Sync) {
    // Each piece starts where a vector of channels does.
    let channels = a.len().min(b.len());
    let width = if channels == y.len() { 1 } else { channels };
    threads::rows(y, width, |first, y| {
        let start = first * width;
        match (a, b) {
            (a, b) if a.len() == b.len() => wide::each2(&a[start..], &b[start..], y, &f),
            (a, &[b]) => wide::each(&a[start..], y, |a| f(a, b)),
            (&[a], b) => wide::each(&b[start..], y, |b| f(a, b)),
            (a, b) if a.len() > b.len() => wide(ByChannel { long: &a[start..], channel: b, y, f: &f }),
            (a, b) => wide(ByChannel {
                long: &b[start..],
                channel: a,
                y,
                f: |b, a| f(a, b),
            }),
        }
    });
}

/// Adds up what belongs to one element of `shape`: the gradient of reading it again and again.
fn sum_to(g: &Tensor, shape: Shape) -> Tensor {
    if g.shape() == shape {
        return g.clone();
    }
    if g.elements() == shape.elements() {
        return g.reshaped(shape);
    }
    if shape.elements() == 1 {
        return g.sum_all().reshaped(shape);
    }
    g.sum(&(0..g.shape().rank() - 1).collect::<Vec<_>>())
}

/// The shape of the result: that of the side with more elements, which the other one must fit.
#[track_caller]
fn broadcast(op: &str, a: Shape, b: Shape) -> Shape {
    let fits = |small: Shape, large: Shape| {
        small == large
            || small.elements() == 1 && (large.elements() > 1 || large.rank() >= small.rank())
            || small.rank() == 1 && large.rank() > 1 && small[0] == large.last()
    };
    if fits(b, a) {
        return a;
    }
    assert!(
        fits(a, b),
        "{op}: a {a} and b {b}: shapes differ, and neither is one element or a vector over the last axis of the other"
    );
    b
}

macro_rules! arithmetic {
    ($($kind:ident $method:ident $text:literal;)*) => {
        impl Tensor {$(
            #[doc = concat!("`a ", $text, " b`, element by element; also the operator. Either side may be one element, or one vector `[c]` that")]
            /// is used at every place of the other's last axis.
            ///
            /// # Panics
            /// If the shapes do not fit.
            #[track_caller]
            pub fn $method(&self, other: &Tensor) -> Tensor {
                let out = broadcast(stringify!($method), self.shape(), other.shape());
                let tracked = [self.tracked(), other.tracked()];
                Tensor::apply(Binary { kind: Kind::$kind, out, tracked }, &[self, other])
            }
        )*}
        $(
            arithmetic!(@operator $kind $method Tensor, Tensor);
            arithmetic!(@operator $kind $method Tensor, &Tensor);
            arithmetic!(@operator $kind $method &Tensor, Tensor);
            arithmetic!(@operator $kind $method &Tensor, &Tensor);
        )*
    };
    (@operator $kind:ident $method:ident $a:ty, $b:ty) => {
        impl ops::$kind<$b> for $a {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: $b) -> Tensor {
                Tensor::$method(&self, &other)
            }
        }
    };
}

arithmetic! {
    Add add "+";
    Sub sub "-";
    Mul mul "*";
    Div div "/";
}

impl ops::Neg for &Tensor {
    type Output = Tensor;

    fn neg(self) -> Tensor {
        Tensor::neg(self)
    }
}

impl ops::Neg for Tensor {
    type Output = Tensor;

    fn neg(self) -> Tensor {
        Tensor::neg(&self)
    }
}
