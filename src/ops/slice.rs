//! A range of one axis, and its reverse: tensors joined along an axis.

use crate::device::cpu::threads;
use crate::device::gpu::{Grid, Kernel};
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op, Shape, Tensor};

params! {
    struct Params {
        len: u32,
        x_row: u32,
        y_row: u32,
        start: u32,
    }
}

/// Elements of one row, which holds `axis` and all axes inside it.
fn row(shape: Shape, axis: usize) -> usize {
    shape[axis..].iter().product()
}

/// The same shape with another size of `axis`.
fn resized(shape: Shape, axis: usize, size: usize) -> Shape {
    let mut sizes = shape.sizes().to_vec();
    sizes[axis] = size;
    Shape::new(&sizes)
}

fn launch(kernel: &Kernel, owned: usize, rows: [usize; 2], start: usize, x: &Tensor, y: &Tensor) {
    let Device::Gpu(gpu) = x.device() else {
        unreachable!("called for tensors on a GPU");
    };
    let params = Params {
        len: owned as u32,
        x_row: rows[0] as u32,
        y_row: rows[1] as u32,
        start: start as u32,
    };
    let buffers = [("x", x.gpu()), ("y", y.gpu())];
    gpu.launch(kernel, &params, &buffers, Grid::elements(owned));
}

/// `len` places of `axis` from `start` on.
fn cut(x: &Tensor, axis: usize, start: usize, len: usize) -> Tensor {
    let mut y = x.empty(resized(x.shape(), axis, len));
    let inner = row(x.shape(), axis + 1);
    let (x_row, y_row, start) = (row(x.shape(), axis), len * inner, start * inner);
    match x.device() {
        Device::Gpu(_) => launch(&kernel!("slice", "forward"), y.elements(), [x_row, y_row], start, x, &y),
        Device::Cpu(cpu) => cpu.run(|| {
            let x = x.cpu();
            threads::rows(y.cpu_mut(), y_row, |first, y| {
                for (i, y) in y.chunks_mut(y_row).enumerate() {
                    y.copy_from_slice(&x[(first + i) * x_row + start..][..y_row]);
                }
            });
        }),
    }
    y
}

/// The reverse of [`cut`]: `x` from `start` on in zeros of `out`.
fn pad(x: &Tensor, out: Shape, axis: usize, start: usize) -> Tensor {
    let mut y = x.empty(out);
    let (x_row, y_row, start) = (row(x.shape(), axis), row(out, axis), start * row(out, axis + 1));
    match x.device() {
        Device::Gpu(_) => launch(&kernel!("slice", "pad"), y.elements(), [x_row, y_row], start, x, &y),
        Device::Cpu(cpu) => cpu.run(|| {
            let x = x.cpu();
            threads::rows(y.cpu_mut(), y_row, |first, y| {
                for (i, y) in y.chunks_mut(y_row).enumerate() {
                    y[..start].fill(0.0);
                    y[start..start + x_row].copy_from_slice(&x[(first + i) * x_row..][..x_row]);
                    y[start + x_row..].fill(0.0);
                }
            });
        }),
    }
    y
}

struct Slice {
    axis: usize,
    start: usize,
    len: usize,
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        cut(x[0], self.axis, self.start, self.len)
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(pad(gy, ctx.shape(0), self.axis, self.start))]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

struct Concat {
    axis: usize,
    out: Shape,
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let mut y = x[0].empty(self.out);
        let y_row = row(self.out, self.axis);
        let x_rows: Vec<usize> = x.iter().map(|x| row(x.shape(), self.axis)).collect();
        if let Device::Gpu(_) = y.device() {
            let mut start = 0;
            for (x, &x_row) in x.iter().zip(&x_rows) {
                launch(&kernel!("slice", "place"), x.elements(), [x_row, y_row], start, x, &y);
                start += x_row;
            }
            return y;
        }
        let x: Vec<&[f32]> = x.iter().map(|x| x.cpu()).collect();
        threads::rows(y.cpu_mut(), y_row, |first, y| {
            for (i, mut y) in y.chunks_mut(y_row).enumerate() {
                for (x, &x_row) in x.iter().zip(&x_rows) {
                    let (part, rest) = y.split_at_mut(x_row);
                    part.copy_from_slice(&x[(first + i) * x_row..][..x_row]);
                    y = rest;
                }
            }
        });
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let mut start = 0;
        (0..ctx.inputs())
            .map(|i| {
                let len = ctx.shape(i)[self.axis];
                start += len;
                ctx.wants(i).then(|| cut(gy, self.axis, start - len, len))
            })
            .collect()
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

impl Tensor {
    /// Places `start..start + len` of one axis; the gradient elsewhere is 0.
    ///
    /// # Panics
    /// If the axis does not exist or is shorter.
    #[track_caller]
    pub fn slice(&self, axis: usize, start: usize, len: usize) -> Tensor {
        let shape = self.shape();
        assert!(axis < shape.rank(), "slice: axis {axis} of {shape}");
        assert!(
            start.checked_add(len).is_some_and(|end| end <= shape[axis]),
            "slice: {len} places from {start} on of axis {axis} of {shape}"
        );
        Tensor::apply(Slice { axis, start, len }, &[self])
    }

    /// Tensors one after the other along `axis`; all other sizes must agree.
    ///
    /// # Panics
    /// If there are none, the axis does not exist, or sizes disagree.
    #[track_caller]
    pub fn concat(tensors: &[&Tensor], axis: usize) -> Tensor {
        let first = tensors.first().expect("concat: wants at least one tensor").shape();
        assert!(axis < first.rank(), "concat: axis {axis} of {first}");
        for x in tensors {
            let fits = x.shape().rank() == first.rank() && resized(x.shape(), axis, first[axis]) == first;
            assert!(fits, "concat: {first} and {} along axis {axis}: other sizes differ", x.shape());
        }
        let size = tensors.iter().map(|x| x.shape()[axis]).sum();
        let out = resized(first, axis, size);
        Tensor::apply(Concat { axis, out }, tensors)
    }
}
