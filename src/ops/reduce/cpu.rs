//! Native kernels: f64 accumulators, blocks of fixed size, added up in order.

use super::Layout;
use crate::device::cpu::threads::{self, GRAIN};
use crate::device::cpu::wide::{Wide, wide};

pub(super) fn sum(layout: &Layout, factor: f32, x: &[f32], y: &mut [f32]) {
    let Layout { k0, r0, k1, r1 } = *layout;
    let row = k1 * r1;
    let block = (GRAIN / row.max(1)).max(1);
    let blocks = r0.div_ceil(block).max(1);
    let store = |y: &mut [f32], sums: &[f64]| {
        for (y, sum) in y.iter_mut().zip(sums) {
            *y = (sum * f64::from(factor)) as f32;
        }
    };
    if blocks == 1 {
        let together = (GRAIN / (r0 * row).max(1)).max(1);
        threads::pieces(y, together * k1.max(1), |start, y| {
            let mut sums = vec![0.0; k1];
            for (i, y) in y.chunks_mut(k1).enumerate() {
                let first = (start / k1 + i) * r0 * row;
                sums.fill(0.0);
                wide(AddRows {
                    layout,
                    rows: &x[first..first + r0 * row],
                    sums: &mut sums,
                });
                store(y, &sums);
            }
        });
        return;
    }
    let partial = threads::map(k0 * blocks, |task| {
        let (k, i) = (task / blocks, task % blocks);
        let (first, last) = (i * block, ((i + 1) * block).min(r0));
        let mut sums = vec![0.0; k1];
        let rows = &x[(k * r0 + first) * row..(k * r0 + last) * row];
        wide(AddRows { layout, rows, sums: &mut sums });
        sums
    });
    for (y, parts) in y.chunks_mut(k1.max(1)).zip(partial.chunks(blocks)) {
        let mut sums = vec![0.0; k1];
        for part in parts {
            for (sum, part) in sums.iter_mut().zip(part) {
                *sum += part;
            }
        }
        store(y, &sums);
    }
}

/// Adds rows of `[k1, r1]` to the sums of `k1`.
struct AddRows<'a> {
    layout: &'a Layout,
    rows: &'a [f32],
    sums: &'a mut [f64],
}

impl Wide for AddRows<'_> {
    #[inline(always)]
    fn run(self) {
        let AddRows { layout: &Layout { k1, r1, .. }, rows, sums } = self;
        if k1 == 1 {
            sums[0] += total(rows);
        } else if r1 == 1 {
            for row in rows.chunks_exact(k1) {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += f64::from(*x);
                }
            }
        } else {
            for (i, run) in rows.chunks_exact(r1).enumerate() {
                sums[i % k1] += total(run);
            }
        }
    }
}

/// The sum of a run, in eight lanes that the compiler can keep in one register.
#[inline(always)]
fn total(run: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let chunks = run.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|&x| f64::from(x)).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*x);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

pub(super) fn expand(layout: &Layout, factor: f32, gy: &[f32], gx: &mut [f32]) {
    let Layout { r0, k1, r1, .. } = *layout;
    if k1 == 1 && r1 == 1 {
        threads::rows(gx, r0, |first, gx| {
            for (gx, gy) in gx.chunks_mut(r0).zip(&gy[first..]) {
                gx.fill(factor * gy);
            }
        });
        return;
    }
    threads::rows(gx, k1 * r1, |first, gx| {
        for (i, row) in gx.chunks_mut(k1 * r1).enumerate() {
            let gy = &gy[(first + i) / r0 * k1..][..k1];
            for (run, gy) in row.chunks_mut(r1).zip(gy) {
                run.fill(factor * gy);
            }
        }
    });
}
