//! Sum of tensors with weights that are values themselves: the mix of an edge's candidates.

use crate::Tensor;
use crate::device::cpu::wide::{self, AddScaled, wide};
use crate::device::cpu::{dot, elementwise, threads};
use crate::device::gpu::{Gpu, Grid};
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op};

params! {
    struct Params {
        len: u32,
        first: u32,
        count: u32,
        chained: u32,
        slice: u32,
        offset: u32,
    }
}

/// Inputs: the coefficients, then the tensors.
struct WeightedSum {
    /// Whether gradients flow to the coefficients: only then are the tensors kept.
    coefficients_tracked: bool,
}

impl Op for WeightedSum {
    fn name(&self) -> &'static str {
        "weighted_sum"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let (a, x) = (x[0], &x[1..]);
        match a.device() {
            Device::Gpu(gpu) => gpu_forward(&gpu, a, x),
            Device::Cpu(cpu) => {
                let mut y = x[0].empty_like();
                cpu.run(|| cpu_forward(a.cpu(), x, y.cpu_mut()));
                y
            }
        }
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let tensors = ctx.inputs() - 1;
        let ga = ctx.wants(0).then(|| {
            let x: Vec<&Tensor> = (1..=tensors).map(|i| ctx.x(i)).collect();
            match gy.device() {
                Device::Gpu(gpu) => gpu_backward_a(&gpu, &x, gy),
                Device::Cpu(cpu) => {
                    let ga = |x: &&Tensor| cpu.value(|| dot::parallel(x.cpu(), gy.cpu()) as f32);
                    let ga: Vec<f32> = x.iter().map(|x| ga(x).unwrap_or(0.0)).collect();
                    Tensor::from_slice(&gy.device(), [tensors], &ga)
                }
            }
        });
        let gx = (0..tensors).map(|i| {
            let wanted = ctx.wants(i + 1);
            wanted.then(|| backward_x(ctx.x(0), i, gy))
        });
        std::iter::once(ga).chain(gx).collect()
    }

    fn reads(&self, i: usize) -> bool {
        i == 0 || self.coefficients_tracked
    }
}

/// Tensors of one launch: eight storage buffers less the coefficients and the output.
const PER_LAUNCH: usize = 6;

fn gpu_forward(gpu: &Gpu, a: &Tensor, x: &[&Tensor]) -> Tensor {
    let names = ["x0", "x1", "x2", "x3", "x4", "x5"];
    let mut sum: Option<Tensor> = None;
    let mut done = 0;
    while done < x.len() {
        let chained = usize::from(sum.is_some());
        let taken = (x.len() - done).min(PER_LAUNCH - chained);
        let y = x[0].empty_like();
        let terms: Vec<&Tensor> = sum.iter().chain(x[done..done + taken].iter().copied()).collect();
        let mut buffers = vec![("a", a.gpu()), ("y", y.gpu())];
        for (slot, name) in names.into_iter().enumerate() {
            buffers.push((name, terms.get(slot).unwrap_or(&terms[0]).gpu()));
        }
        gpu.launch(
            &kernel!("weighted_sum", "forward"),
            &Params {
                len: y.elements() as u32,
                // The sum so far takes the place of a tensor but no coefficient.
                first: (done - chained) as u32,
                count: terms.len() as u32,
                chained: chained as u32,
                slice: 0,
                offset: 0,
            },
            &buffers,
            Grid::vectors(y.elements()),
        );
        sum = Some(y);
        done += taken;
    }
    sum.expect("checked: at least one tensor")
}

fn cpu_forward(a: &[f32], x: &[&Tensor], y: &mut [f32]) {
    let x: Vec<&[f32]> = x.iter().map(|x| x.cpu()).collect();
    threads::elements(y, |start, y| {
        wide::each(&x[0][start..], y, |x| a[0] * x);
        for (a, x) in a.iter().zip(&x).skip(1) {
            wide(AddScaled { y, x: &x[start..], f: *a });
        }
    });
}

/// `a[i] * gy`.
fn backward_x(a: &Tensor, i: usize, gy: &Tensor) -> Tensor {
    let mut gx = gy.empty_like();
    match gy.device() {
        Device::Gpu(gpu) => gpu.launch(
            &kernel!("weighted_sum", "backward_x"),
            &Params {
                len: gx.elements() as u32,
                first: i as u32,
                count: 1,
                chained: 0,
                slice: 0,
                offset: 0,
            },
            &[("a", a.gpu()), ("gy", gy.gpu()), ("gx", gx.gpu())],
            Grid::vectors(gx.elements()),
        ),
        Device::Cpu(cpu) => cpu.run(|| {
            let (a, gy) = (a.cpu()[i], gy.cpu());
            elementwise::map(gy, gx.cpu_mut(), |gy| a * gy);
        }),
    }
    gx
}

/// Vectors of four that one workgroup sums at least, and slices at most.
const SLICE: usize = 512;
const SLICES: usize = 512;

/// The inner product of each tensor with `gy`.
fn gpu_backward_a(gpu: &Gpu, x: &[&Tensor], gy: &Tensor) -> Tensor {
    let len = gy.elements();
    let vectors = len.div_ceil(4);
    let slice = vectors.div_ceil(SLICES).max(SLICE);
    let slices = vectors.div_ceil(slice);
    let sums = gy.empty([x.len(), slices]);
    for (i, x) in x.iter().enumerate() {
        gpu.launch(
            &kernel!("weighted_sum", "backward_a"),
            &Params {
                len: len as u32,
                first: 0,
                count: 1,
                chained: 0,
                slice: slice as u32,
                offset: (i * slices) as u32,
            },
            &[("x0", x.gpu()), ("gy", gy.gpu()), ("sums", sums.gpu())],
            Grid::groups(slices),
        );
    }
    sums.sum(&[1])
}

/// `y = sum_i coefficients[i] * tensors[i]`, for any number of tensors of one shape.
///
/// # Panics
/// If there is no tensor, their shapes differ, or there is not one coefficient for each.
#[track_caller]
pub fn weighted_sum(coefficients: &Tensor, tensors: &[&Tensor]) -> Tensor {
    assert!(
        !tensors.is_empty() && coefficients.shape().sizes() == [tensors.len()],
        "weighted_sum: {} tensors, coefficients {}",
        tensors.len(),
        coefficients.shape()
    );
    let shape = tensors[0].shape();
    for (i, x) in tensors.iter().enumerate() {
        assert!(
            x.shape() == shape && x.elements() > 0,
            "weighted_sum: tensor {i} is {}, the first is {shape}",
            x.shape()
        );
    }
    let op = WeightedSum { coefficients_tracked: coefficients.tracked() };
    let inputs: Vec<&Tensor> = std::iter::once(coefficients).chain(tensors.iter().copied()).collect();
    Tensor::apply(op, &inputs)
}
