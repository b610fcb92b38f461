//! Sums over rows of a tensor by number: picking rows, passing messages along the edges of graphs, pooling.

use crate::device::cpu::threads;
use crate::device::gpu::{Gpu, Grid};
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op, Shape, Tensor};

/// Row numbers travel to a GPU as floats, which are exact up to here.
const MOST_ROWS: usize = 1 << 24;

/// Which rows are added up for each row of a result, and with which weights: `y[i] = sum of w * x[r]` over the entries
/// `(r, w)` of list `i`. An empty list gives zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSums {
    /// Where each list begins in the two vectors below, and where the last one ends.
    first: Vec<usize>,
    rows: Vec<usize>,
    weights: Vec<f32>,
}

impl RowSums {
    /// No lists yet.
    pub fn new() -> RowSums {
        RowSums {
            first: vec![0],
            rows: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Adds the list of the next row of the result.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (usize, f32)>) {
        for (row, weight) in entries {
            self.rows.push(row);
            self.weights.push(weight);
        }
        self.first.push(self.rows.len());
    }

    /// Rows of the result.
    pub fn len(&self) -> usize {
        self.first.len() - 1
    }

    /// Whether there are no lists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lists of the gradient: for each of `rows` rows of the input, who reads it, in rising order.
    fn transposed(&self, rows: usize) -> RowSums {
        let mut first = vec![0; rows + 1];
        for &row in &self.rows {
            first[row + 1] += 1;
        }
        for row in 0..rows {
            first[row + 1] += first[row];
        }
        let mut next = first.clone();
        let mut readers = RowSums {
            first,
            rows: vec![0; self.rows.len()],
            weights: vec![0.0; self.rows.len()],
        };
        for list in 0..self.len() {
            for i in self.first[list]..self.first[list + 1] {
                let at = &mut next[self.rows[i]];
                readers.rows[*at] = list;
                readers.weights[*at] = self.weights[i];
                *at += 1;
            }
        }
        readers
    }

    /// The sums of rows of `x`.
    fn of(&self, x: &Tensor) -> Tensor {
        let mut sizes = x.shape().sizes().to_vec();
        sizes[0] = self.len();
        let mut y = x.empty(&sizes[..]);
        let device = x.device();
        match &device {
            Device::Gpu(gpu) => self.launch(gpu, &device, x, &y),
            Device::Cpu(cpu) => cpu.run(|| {
                let (width, x) = (width(x.shape()), x.cpu());
                threads::rows(y.cpu_mut(), width, |start, y| {
                    for (list, y) in y.chunks_mut(width).enumerate() {
                        y.fill(0.0);
                        for i in self.first[start + list]..self.first[start + list + 1] {
                            let (row, w) = (self.rows[i], self.weights[i]);
                            for (y, x) in y.iter_mut().zip(&x[row * width..]) {
                                *y += w * x;
                            }
                        }
                    }
                });
            }),
        }
        y
    }

    fn launch(&self, gpu: &Gpu, device: &Device, x: &Tensor, y: &Tensor) {
        let params = Params {
            len: y.elements() as u32,
            width: width(y.shape()) as u32,
        };
        let numbers = |values: &[usize]| -> Vec<f32> { values.iter().map(|&v| v as f32).collect() };
        // A buffer is never empty, lists may all be.
        let upload = |mut values: Vec<f32>| {
            values.resize(values.len().max(1), 0.0);
            Tensor::from_slice(device, [values.len()], &values)
        };
        let (first, rows) = (upload(numbers(&self.first)), upload(numbers(&self.rows)));
        let weights = upload(self.weights.clone());
        let buffers = [
            ("x", x.gpu()),
            ("first", first.gpu()),
            ("rows", rows.gpu()),
            ("weights", weights.gpu()),
            ("y", y.gpu()),
        ];
        gpu.launch(&kernel!("gather", "sums"), &params, &buffers, Grid::elements(y.elements()));
    }
}

impl Default for RowSums {
    fn default() -> RowSums {
        RowSums::new()
    }
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

struct Gather {
    sums: RowSums,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        self.sums.of(x[0])
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        vec![Some(self.sums.transposed(ctx.shape(0)[0]).of(gy))]
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
        let sums = RowSums {
            first: (0..=rows.len()).collect(),
            rows: rows.to_vec(),
            weights: vec![1.0; rows.len()],
        };
        self.gathered("gather_rows", sums)
    }

    /// Weighted sums of places of axis 0: `[n, ...] -> [lists, ...]`. Along the edges of graphs it passes messages, over the
    /// nodes of graphs it pools.
    ///
    /// # Panics
    /// If there are no lists, a place does not exist, or the tensor has no axes or more than 2^24 rows.
    #[track_caller]
    pub fn gather_sums(&self, sums: &RowSums) -> Tensor {
        self.gathered("gather_sums", sums.clone())
    }

    #[track_caller]
    fn gathered(&self, op: &str, sums: RowSums) -> Tensor {
        let shape = self.shape();
        assert!(shape.rank() > 0, "{op}: a scalar has no rows");
        assert!(!sums.is_empty(), "{op}: wants at least one row of {shape}");
        let most = shape[0].max(sums.len()).max(sums.rows.len());
        assert!(most <= MOST_ROWS, "{op}: {} rows of {shape} exceed 2^24", sums.rows.len());
        if let Some(row) = sums.rows.iter().find(|&&row| row >= shape[0]) {
            panic!("{op}: row {row} of {shape}");
        }
        Tensor::apply(Gather { sums }, &[self])
    }
}
