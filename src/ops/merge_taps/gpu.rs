//! Launches of `shaders/merge_taps.wgsl`.

use super::MergeTaps;
use crate::Tensor;
use crate::device::gpu::{Gpu, Grid};
use crate::device::{kernel, params};

params! {
    #[derive(Default)]
    struct Params {
        len: u32,
        size: u32,
        candidates: u32,
        first: u32,
        count: u32,
        chained: u32,
        offset: u32,
        slice: u32,
        group: u32,
        slices: u32,
    }
}

/// Weights of one launch: eight storage buffers less table, coefficients and output.
const PER_LAUNCH: usize = 5;

/// Elements that one workgroup sums at least, and slices at most.
const SLICE: usize = 2048;
const SLICES: usize = 256;

impl MergeTaps {
    /// Parameters of a launch that reads candidate `i` alone.
    fn params(&self, i: usize, len: usize) -> Params {
        Params {
            len: len as u32,
            size: self.size() as u32,
            candidates: self.taps.maps.len() as u32,
            first: i as u32,
            count: 1,
            offset: self.taps.offset(i) as u32,
            ..Params::default()
        }
    }
}

pub(super) fn forward(gpu: &Gpu, op: &MergeTaps, a: &Tensor, w: &[&Tensor]) -> Tensor {
    let names = ["w0", "w1", "w2", "w3", "w4"];
    let mut sum: Option<Tensor> = None;
    let mut done = 0;
    while done < w.len() {
        let chained = usize::from(sum.is_some());
        let taken = (w.len() - done).min(PER_LAUNCH - chained);
        let y = a.empty([op.taps.taps, op.tap[0], op.tap[1]]);
        let terms: Vec<&Tensor> = sum.iter().chain(w[done..done + taken].iter().copied()).collect();
        let mut buffers = vec![("table", op.taps.table.gpu()), ("a", a.gpu()), ("y", y.gpu())];
        for (slot, name) in names.into_iter().enumerate() {
            buffers.push((name, terms.get(slot).unwrap_or(&terms[0]).gpu()));
        }
        let params = Params {
            // The sum so far takes the place of a weight but is no candidate.
            first: (done - chained) as u32,
            count: terms.len() as u32,
            chained: chained as u32,
            ..op.params(0, y.elements())
        };
        gpu.launch(&kernel!("merge_taps", "forward"), &params, &buffers, Grid::elements(y.elements()));
        sum = Some(y);
        done += taken;
    }
    sum.expect("checked: at least one candidate")
}

pub(super) fn backward_w(gpu: &Gpu, op: &MergeTaps, a: &Tensor, i: usize, gy: &Tensor, gw: &Tensor) {
    gpu.launch(
        &kernel!("merge_taps", "backward_w"),
        &op.params(i, gw.elements()),
        &[("table", op.taps.table.gpu()), ("a", a.gpu()), ("gy", gy.gpu()), ("gw", gw.gpu())],
        Grid::elements(gw.elements()),
    );
}

pub(super) fn backward_a(gpu: &Gpu, op: &MergeTaps, w: &[&Tensor], gy: &Tensor) -> Tensor {
    // Every candidate has as many slices as the largest, so that their sums are one array.
    let slices = gy.elements().div_ceil(SLICE).clamp(1, SLICES);
    let sums = gy.empty([w.len(), slices]);
    for (i, w) in w.iter().enumerate() {
        let params = Params {
            slice: w.elements().div_ceil(slices) as u32,
            group: (i * slices) as u32,
            slices: slices as u32,
            ..op.params(i, w.elements())
        };
        gpu.launch(
            &kernel!("merge_taps", "backward_a"),
            &params,
            &[("table", op.taps.table.gpu()), ("w0", w.gpu()), ("gy", gy.gpu()), ("sums", sums.gpu())],
            Grid::groups(slices),
        );
    }
    sums.sum(&[1])
}
