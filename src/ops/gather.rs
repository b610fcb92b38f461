//! Rows of a tensor by number.

use crate::device::cpu::threads;
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op, Shape, Tensor};

/// Row numbers travel to a GPU as floats, which are exact up to here.
const MOST_ROWS: usize = 1 << 24;

struct Gather {
    index: Vec<usize>,
}

params! {
    struct Params {
        len: u32,
        width: u32,
    }
}

/// Elements of one place of axis 0.
fn width(shape: Shape) -> usize {
    shape[1..].iter().product()
}

fn params(of: &Tensor) -> Params {
    Params {
        len: of.elements() as u32,
        width: width(of.shape()) as u32,
    }
}

fn numbers(device: &Device, values: &[usize]) -> Tensor {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Tensor::from_slice(device, [values.len()], &values)
}

impl Gather {
    /// For each row the range, in the second list, of the places of `index` that name it, in rising order.
    fn readers(&self, rows: usize) -> (Vec<usize>, Vec<usize>) {
        let mut first = vec![0; rows + 1];
        for &row in &self.index {
            first[row + 1] += 1;
        }
        for row in 0..rows {
            first[row + 1] += first[row];
        }
        let mut order: Vec<usize> = (0..self.index.len()).collect();
        order.sort_by_key(|&i| self.index[i]);
        (first, order)
    }
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let x = x[0];
        let mut sizes = x.shape().sizes().to_vec();
        sizes[0] = self.index.len();
        let mut y = x.empty(&sizes[..]);
        let device = x.device();
        match &device {
            Device::Gpu(gpu) => {
                let index = numbers(&device, &self.index);
                let buffers = [("x", x.gpu()), ("index", index.gpu()), ("y", y.gpu())];
                gpu.launch(
                    &kernel!("gather", "forward"),
                    &params(&y),
                    &buffers,
                    Grid::elements(y.elements()),
                );
            }
            Device::Cpu(_) => {
                let (width, x) = (width(x.shape()), x.cpu());
                threads::rows(y.cpu_mut(), width, |first, y| {
                    for (y, &row) in y.chunks_mut(width).zip(&self.index[first..]) {
                        y.copy_from_slice(&x[row * width..][..width]);
                    }
                });
            }
        }
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let mut gx = gy.empty(ctx.shape(0));
        let (first, order) = self.readers(ctx.shape(0)[0]);
        let device = gy.device();
        match &device {
            Device::Gpu(gpu) => {
                let (first, order) = (numbers(&device, &first), numbers(&device, &order));
                let buffers =
                    [("gy", gy.gpu()), ("first", first.gpu()), ("order", order.gpu()), ("gx", gx.gpu())];
                gpu.launch(
                    &kernel!("gather", "backward"),
                    &params(&gx),
                    &buffers,
                    Grid::elements(gx.elements()),
                );
            }
            Device::Cpu(_) => {
                let (width, gy) = (width(gx.shape()), gy.cpu());
                threads::rows(gx.cpu_mut(), width, |start, gx| {
                    for (row, gx) in gx.chunks_mut(width).enumerate() {
                        gx.fill(0.0);
                        for &i in &order[first[start + row]..first[start + row + 1]] {
                            for (gx, gy) in gx.iter_mut().zip(&gy[i * width..]) {
                                *gx += gy;
                            }
                        }
                    }
                });
            }
        }
        vec![Some(gx)]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

impl Tensor {
    /// Places `rows` of axis 0, in that order; a place may be named more than once.
    ///
    /// # Panics
    /// If there are no rows, one does not exist, or the tensor has no axes or more than 2^24 rows.
    #[track_caller]
    pub fn gather_rows(&self, rows: &[usize]) -> Tensor {
        let shape = self.shape();
        assert!(shape.rank() > 0, "gather_rows: a scalar has no rows");
        assert!(!rows.is_empty(), "gather_rows: wants at least one row of {shape}");
        assert!(
            shape[0].max(rows.len()) <= MOST_ROWS,
            "gather_rows: {} rows of {shape} exceed 2^24",
            rows.len()
        );
        if let Some(row) = rows.iter().find(|&&row| row >= shape[0]) {
            panic!("gather_rows: row {row} of {shape}");
        }
        Tensor::apply(Gather { index: rows.to_vec() }, &[self])
    }
}
