//! Axes in another order, and the transpose of a matrix.

use crate::device::cpu::threads;
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op, Shape, Tensor};

/// Axis `i` of the output is axis `order[i]` of the input; ranks below four have axes of size 1 in front.
#[derive(Debug, Clone, Copy)]
struct Permute {
    order: [usize; 4],
    rank: usize,
}

params! {
    struct Params {
        len: u32,
        d1: u32,
        d2: u32,
        d3: u32,
        s0: u32,
        s1: u32,
        s2: u32,
        s3: u32,
    }
}

impl Permute {
    /// Four sizes of the output, and the stride of each of its axes in the input.
    fn walk(&self, x: Shape) -> ([usize; 4], [usize; 4]) {
        let mut sizes = [1; 4];
        sizes[4 - x.rank()..].copy_from_slice(x.sizes());
        let mut strides = [1; 4];
        for i in (0..3).rev() {
            strides[i] = strides[i + 1] * sizes[i + 1];
        }
        (self.order.map(|a| sizes[a]), self.order.map(|a| strides[a]))
    }

    fn inverse(&self) -> Permute {
        let mut order = [0; 4];
        for (to, &from) in self.order.iter().enumerate() {
            order[from] = to;
        }
        Permute { order, ..*self }
    }

    fn run(&self, x: &Tensor) -> Tensor {
        let (d, s) = self.walk(x.shape());
        let mut y = x.empty(&d[4 - self.rank..]);
        match x.device() {
            Device::Gpu(gpu) => gpu.launch(
                &kernel!("permute", "forward"),
                &Params {
                    len: y.elements() as u32,
                    d1: d[1] as u32,
                    d2: d[2] as u32,
                    d3: d[3] as u32,
                    s0: s[0] as u32,
                    s1: s[1] as u32,
                    s2: s[2] as u32,
                    s3: s[3] as u32,
                },
                &[("x", x.gpu()), ("y", y.gpu())],
                Grid::elements(y.elements()),
            ),
            Device::Cpu(cpu) => cpu.run(|| {
                let x = x.cpu();
                threads::rows(y.cpu_mut(), d[3], |first, y| {
                    for (i, y) in y.chunks_mut(d[3]).enumerate() {
                        let row = first + i;
                        let (i2, i1, i0) = (row % d[2], row / d[2] % d[1], row / (d[2] * d[1]));
                        let start = i0 * s[0] + i1 * s[1] + i2 * s[2];
                        for (y, x) in y.iter_mut().zip(x[start..].iter().step_by(s[3])) {
                            *y = *x;
                        }
                    }
                });
            }),
        }
        y
    }
}

impl Op for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        self.run(x[0])
    }

    fn backward(&self, _ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(self.inverse().run(gy))]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

impl Tensor {
    /// The transpose of a matrix: `[m,n] -> [n,m]`.
    ///
    /// # Panics
    /// If the rank is not 2.
    #[track_caller]
    pub fn transpose(&self) -> Tensor {
        assert!(self.shape().rank() == 2, "transpose: wants a matrix [m,n], got {}", self.shape());
        self.permute(&[1, 0])
    }

    /// Axes in another order: axis `i` of the result is axis `order[i]` of this tensor, so that
    /// `[n,h,w,c].permute(&[0,3,1,2])` is `[n,c,h,w]`.
    ///
    /// # Panics
    /// If `order` does not name each axis once.
    #[track_caller]
    pub fn permute(&self, order: &[usize]) -> Tensor {
        let rank = self.shape().rank();
        let once = order.len() == rank && (0..rank).all(|axis| order.contains(&axis));
        assert!(once, "permute: {order:?} does not name each axis of {} once", self.shape());
        let lead = 4 - rank;
        let mut full = [0, 1, 2, 3];
        for (to, &from) in order.iter().enumerate() {
            full[lead + to] = lead + from;
        }
        Tensor::apply(Permute { order: full, rank }, &[self])
    }
}
