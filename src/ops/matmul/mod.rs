//! Product of two matrices, either side as it is or transposed.

mod gpu;

use crate::device::Device;
use crate::device::cpu::gemm::{self, Mat, MatMut, Store};
use crate::tensor::{Ctx, Op, Shape, Tensor};
use gpu::Entry;

/// Which sides of a product are stored transposed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MatMul {
    /// `a` is `[k,m]`.
    pub transpose_a: bool,
    /// `b` is `[n,k]`.
    pub transpose_b: bool,
}

/// Sizes of a product `[m,k] x [k,n]`.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    m: usize,
    k: usize,
    n: usize,
}

impl MatMul {
    /// # Panics
    /// If these are not two matrices that fit each other.
    #[track_caller]
    fn sizes(&self, a: Shape, b: Shape) -> Sizes {
        let flag = |set: bool| if set { " transposed" } else { "" };
        let text =
            || format!("matmul: a {a}{} times b {b}{}", flag(self.transpose_a), flag(self.transpose_b));
        let (&[a0, a1], &[b0, b1]) = (a.sizes(), b.sizes()) else {
            panic!("{}: wants two matrices", text());
        };
        let (m, k) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (inner, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        assert!(k == inner, "{}: inner sizes differ", text());
        Sizes { m, k, n }
    }
}

struct Product {
    how: MatMul,
    entry: Entry,
    /// Whether each side is tracked: the other side's value is then needed.
    tracked: [bool; 2],
}

impl Op for Product {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let (a, b) = (x[0], x[1]);
        let sizes = self.how.sizes(a.shape(), b.shape());
        a.device().count_operations(sizes.m * sizes.k * sizes.n);
        match a.device() {
            Device::Gpu(gpu) => gpu::product(&gpu, self.how, sizes, self.entry, a, b),
            Device::Cpu(cpu) => {
                let Sizes { m, k, n } = sizes;
                let mut y = a.empty([m, n]);
                let view = |x, rows, cols, transposed| match transposed {
                    false => Mat::dense(x, rows, cols),
                    true => Mat::dense(x, cols, rows).transposed(),
                };
                cpu.run(|| {
                    let a = view(a.cpu(), m, k, self.how.transpose_a);
                    let b = view(b.cpu(), k, n, self.how.transpose_b);
                    gemm::parallel(MatMut::dense(y.cpu_mut(), m, n), a, b, Store::Overwrite);
                });
                y
            }
        }
    }

    /// With A and B the matrices after transposition: `gA = gy B^T`, `gB = A^T gy`; transposed where the input is.
    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let MatMul { transpose_a, transpose_b } = self.how;
        let product = |a: &Tensor, b: &Tensor, transpose_a, transpose_b| {
            a.product(b, MatMul { transpose_a, transpose_b }, self.entry)
        };
        let ga = || match transpose_a {
            false => product(gy, ctx.x(1), false, !transpose_b),
            true => product(ctx.x(1), gy, transpose_b, true),
        };
        let gb = || match transpose_b {
            false => product(ctx.x(0), gy, !transpose_a, false),
            true => product(gy, ctx.x(0), true, transpose_a),
        };
        vec![ctx.wants(0).then(ga), ctx.wants(1).then(gb)]
    }

    fn reads(&self, i: usize) -> bool {
        self.tracked[1 - i]
    }
}

impl Tensor {
    /// Matrix product: `[m,k] x [k,n] -> [m,n]`.
    ///
    /// # Panics
    /// If these are not two matrices that fit each other.
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        self.product(other, MatMul::default(), Entry::Fast)
    }

    /// Matrix product with either side stored transposed.
    ///
    /// # Panics
    /// If these are not two matrices that fit each other.
    #[track_caller]
    pub fn matmul_with(&self, other: &Tensor, how: MatMul) -> Tensor {
        self.product(other, how, Entry::Fast)
    }

    /// [`Tensor::matmul_with`] through the plain kernel on a GPU: the specification of the fast one.
    ///
    /// # Panics
    /// If these are not two matrices that fit each other.
    #[doc(hidden)]
    #[track_caller]
    pub fn matmul_plain(&self, other: &Tensor, how: MatMul) -> Tensor {
        self.product(other, how, Entry::Plain)
    }

    #[track_caller]
    fn product(&self, other: &Tensor, how: MatMul, entry: Entry) -> Tensor {
        how.sizes(self.shape(), other.shape());
        let tracked = [self.tracked(), other.tracked()];
        Tensor::apply(Product { how, entry, tracked }, &[self, other])
    }
}
