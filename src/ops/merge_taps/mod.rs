//! One convolution weight of the weights of an edge's candidates, so that a mixed edge is one convolution.

mod cpu;
mod gpu;

use std::sync::Arc;

use crate::tensor::{Ctx, Op};
use crate::{Device, Shape, Tensor};

/// Which taps of an edge's convolution belong to which candidate; made once per edge.
#[derive(Debug, Clone)]
pub struct TapMerge(Arc<Taps>);

#[derive(Debug)]
struct Taps {
    /// `maps[i][j]`: position in the union of tap `j` of candidate `i`.
    maps: Vec<Vec<usize>>,
    taps: usize,
    /// On the device: `[taps, candidates]` places in the candidates' lists or -1, then the maps one after the other.
    table: Tensor,
}

impl Taps {
    /// Position in `table` of the map of candidate `i`.
    fn offset(&self, i: usize) -> usize {
        let before: usize = self.maps[..i].iter().map(Vec::len).sum();
        self.taps * self.maps.len() + before
    }
}

impl TapMerge {
    /// Candidate `i` has `maps[i].len()` taps, of which tap `j` is tap `maps[i][j]` of all `taps`.
    ///
    /// # Panics
    /// If there is no candidate, a position is past the end, or a candidate names one twice.
    #[track_caller]
    pub fn new(device: &Device, maps: &[Vec<usize>], taps: usize) -> TapMerge {
        assert!(!maps.is_empty(), "merge_taps: no candidates");
        let mut table = vec![-1.0; taps * maps.len()];
        for (i, map) in maps.iter().enumerate() {
            for (j, &t) in map.iter().enumerate() {
                assert!(t < taps, "merge_taps: candidate {i} has tap {t} of {taps}");
                let place = &mut table[t * maps.len() + i];
                assert!(*place < 0.0, "merge_taps: candidate {i} names tap {t} twice");
                *place = j as f32;
            }
        }
        table.extend(maps.iter().flatten().map(|&t| t as f32));
        TapMerge(Arc::new(Taps {
            maps: maps.to_vec(),
            taps,
            table: Tensor::from_slice(device, [table.len()], &table),
        }))
    }

    /// The merged weight `[taps,cin,cout]` of candidates' weights `[T_i,cin,cout]`:
    /// `W[t] = sum over candidates i that have tap t of coefficients[i] * W_i[t]`.
    ///
    /// # Panics
    /// If a shape does not fit.
    #[track_caller]
    pub fn apply(&self, coefficients: &Tensor, weights: &[&Tensor]) -> Tensor {
        let maps = &self.0.maps;
        assert!(
            weights.len() == maps.len() && coefficients.shape().sizes() == [maps.len()],
            "merge_taps: {} weights, coefficients {}, {} candidates",
            weights.len(),
            coefficients.shape(),
            maps.len()
        );
        for (i, (w, map)) in weights.iter().zip(maps).enumerate() {
            let first = weights[0].shape();
            let fits = w.shape().rank() == 3
                && w.shape()[0] == map.len()
                && w.shape()[1..] == first[1..]
                && w.elements() > 0;
            assert!(
                fits,
                "merge_taps: weight {i} is {}, wants [{},cin,cout] like the first, {first}",
                w.shape(),
                map.len()
            );
        }
        let op = MergeTaps {
            taps: self.0.clone(),
            tap: [weights[0].shape()[1], weights[0].shape()[2]],
        };
        let inputs: Vec<&Tensor> = std::iter::once(coefficients).chain(weights.iter().copied()).collect();
        Tensor::apply(op, &inputs)
    }
}

/// Inputs: the coefficients, then the weights.
struct MergeTaps {
    taps: Arc<Taps>,
    /// `[cin, cout]` of one tap.
    tap: [usize; 2],
}

impl MergeTaps {
    /// Elements of one tap.
    fn size(&self) -> usize {
        self.tap[0] * self.tap[1]
    }
}

impl Op for MergeTaps {
    fn name(&self) -> &'static str {
        "merge_taps"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        let (a, w) = (x[0], &x[1..]);
        match a.device() {
            Device::Gpu(gpu) => gpu::forward(&gpu, self, a, w),
            Device::Cpu(cpu) => {
                let mut y = a.empty([self.taps.taps, self.tap[0], self.tap[1]]);
                cpu.run(|| cpu::forward(self, a.cpu(), w, y.cpu_mut()));
                y
            }
        }
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        let candidates = self.taps.maps.len();
        let ga = ctx.wants(0).then(|| {
            let w: Vec<&Tensor> = (1..=candidates).map(|i| ctx.x(i)).collect();
            match gy.device() {
                Device::Gpu(gpu) => gpu::backward_a(&gpu, self, &w, gy),
                Device::Cpu(cpu) => {
                    let ga = cpu.value(|| cpu::backward_a(self, &w, gy.cpu()));
                    let ga = ga.unwrap_or_else(|| vec![0.0; candidates]);
                    Tensor::from_slice(&gy.device(), [candidates], &ga)
                }
            }
        });
        let gw = (0..candidates).map(|i| {
            let wanted = ctx.wants(i + 1);
            wanted.then(|| self.backward_w(ctx.x(0), i, ctx.shape(i + 1), gy))
        });
        std::iter::once(ga).chain(gw).collect()
    }
}

impl MergeTaps {
    fn backward_w(&self, a: &Tensor, i: usize, shape: Shape, gy: &Tensor) -> Tensor {
        let mut gw = gy.empty(shape);
        match gy.device() {
            Device::Gpu(gpu) => gpu::backward_w(&gpu, self, a, i, gy, &gw),
            Device::Cpu(cpu) => cpu.run(|| cpu::backward_w(self, a.cpu()[i], i, gy.cpu(), gw.cpu_mut())),
        }
        gw
    }
}
