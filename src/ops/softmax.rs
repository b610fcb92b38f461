//! Soft-max and its logarithm over the last axis.

use crate::device::cpu::threads;
use crate::device::gpu::Grid;
use crate::device::{Device, kernel, params};
use crate::tensor::{Ctx, Op, Tensor};

struct Softmax {
    log: bool,
}

params! {
    struct Params {
        rows: u32,
        c: u32,
    }
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn forward(&self, x: &[&Tensor], keep: &mut Vec<Tensor>) -> Tensor {
        let x = x[0];
        let mut y = x.empty_like();
        let (rows, params) = rows(x);
        match x.device() {
            Device::Gpu(gpu) => {
                let kernel = if self.log {
                    kernel!("softmax", "log_forward")
                } else {
                    kernel!("softmax", "forward")
                };
                let buffers = [("x", x.gpu()), ("y", y.gpu())];
                gpu.launch(&kernel, &params, &buffers, Grid::elements(rows));
            }
            Device::Cpu(cpu) => cpu.run(|| self.forward_cpu(x.shape().last(), x.cpu(), y.cpu_mut())),
        }
        keep.push(y.clone());
        y
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let kept = ctx.kept(0);
        let mut gx = gy.empty_like();
        let (rows, params) = rows(gy);
        match gy.device() {
            Device::Gpu(gpu) => {
                let kernel = if self.log {
                    kernel!("softmax", "log_backward")
                } else {
                    kernel!("softmax", "backward")
                };
                let buffers = [("kept", kept.gpu()), ("gy", gy.gpu()), ("gx", gx.gpu())];
                gpu.launch(&kernel, &params, &buffers, Grid::elements(rows));
            }
            Device::Cpu(cpu) => {
                cpu.run(|| self.backward_cpu(gy.shape().last(), kept.cpu(), gy.cpu(), gx.cpu_mut()))
            }
        }
        vec![Some(gx)]
    }

    fn reads(&self, _i: usize) -> bool {
        false
    }
}

fn rows(x: &Tensor) -> (usize, Params) {
    let c = x.shape().last();
    let rows = x.elements() / c.max(1);
    let params = Params { rows: rows as u32, c: c as u32 };
    (rows, params)
}

impl Softmax {
    fn forward_cpu(&self, c: usize, x: &[f32], y: &mut [f32]) {
        threads::rows(y, c, |first, y| {
            for (y, x) in y.chunks_mut(c).zip(x[first * c..].chunks(c)) {
                // Not f32::max, which drops a NaN.
                let m = x.iter().fold(f32::MIN, |m, &x| if x > m || x.is_nan() { x } else { m });
                let mut s = 0.0;
                for (y, x) in y.iter_mut().zip(x) {
                    *y = (x - m).exp();
                    s += *y;
                }
                let log_s = s.ln();
                for (y, x) in y.iter_mut().zip(x) {
                    *y = if self.log { (x - m) - log_s } else { *y / s };
                }
            }
        });
    }

    fn backward_cpu(&self, c: usize, kept: &[f32], gy: &[f32], gx: &mut [f32]) {
        threads::rows(gx, c, |first, gx| {
            let start = first * c;
            let inputs = kept[start..].chunks(c).zip(gy[start..].chunks(c));
            for (gx, (y, gy)) in gx.chunks_mut(c).zip(inputs) {
                if self.log {
                    let sum: f32 = gy.iter().sum();
                    for (gx, (y, gy)) in gx.iter_mut().zip(y.iter().zip(gy)) {
                        *gx = gy - y.exp() * sum;
                    }
                } else {
                    let dot: f32 = y.iter().zip(gy).map(|(y, gy)| y * gy).sum();
                    for (gx, (y, gy)) in gx.iter_mut().zip(y.iter().zip(gy)) {
                        *gx = y * (gy - dot);
                    }
                }
            }
        });
    }
}

impl Tensor {
    /// `exp(x) / sum(exp(x))` over the last axis, safe for any finite values.
    pub fn softmax(&self) -> Tensor {
        Tensor::apply(Softmax { log: false }, &[self])
    }

    /// `x - log(sum(exp(x)))` over the last axis, safe for any finite values.
    pub fn log_softmax(&self) -> Tensor {
        Tensor::apply(Softmax { log: true }, &[self])
    }
}
