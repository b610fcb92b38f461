//! Depth-wise transposed convolution on the CPU: a task owns whole rows, channels run innermost.

use super::Depthwise;
use crate::device::cpu::threads::{self, GRAIN};

pub(super) fn forward(op: &Depthwise, x: &[f32], w: &[f32], y: &mut [f32]) {
    let (k, c) = (op.conv.k, op.c);
    let table = |output: usize, size: usize| -> Vec<Vec<(usize, usize)>> {
        let reaching = |o| op.reaching(o, size).collect();
        (0..output).map(reaching).collect()
    };
    let (rows, columns) = (table(op.ho, op.h), table(op.wo, op.w));
    threads::rows(y, op.wo * c, |first, piece| {
        for (row, y) in (first..).zip(piece.chunks_exact_mut(op.wo * c)) {
            let n = row / op.ho;
            for (y, columns) in y.chunks_exact_mut(c).zip(&columns) {
                y.fill(0.0);
                for &(i, a) in &rows[row % op.ho] {
                    for &(j, b) in columns {
                        let x = &x[((n * op.h + i) * op.w + j) * c..][..c];
                        add_product(y, x, &w[(a * k + b) * c..][..c]);
                    }
                }
            }
        }
    });
}

pub(super) fn backward_x(op: &Depthwise, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    let (k, c) = (op.conv.k, op.c);
    threads::rows(gx, op.w * c, |first, piece| {
        for (row, gx) in (first..).zip(piece.chunks_exact_mut(op.w * c)) {
            let (n, i) = (row / op.h, row % op.h);
            gx.fill(0.0);
            for a in 0..k {
                let Some(oi) = op.reached(i, a, op.ho) else {
                    continue;
                };
                let gy = &gy[(n * op.ho + oi) * op.wo * c..][..op.wo * c];
                for (j, gx) in gx.chunks_exact_mut(c).enumerate() {
                    for b in 0..k {
                        if let Some(oj) = op.reached(j, b, op.wo) {
                            add_product(gx, &gy[oj * c..][..c], &w[(a * k + b) * c..][..c]);
                        }
                    }
                }
            }
        }
    });
}

pub(super) fn backward_w(op: &Depthwise, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let rows = op.n * op.h;
    let slice = (GRAIN / (op.w * op.c).max(1)).max(1);
    let sums = threads::map(rows.div_ceil(slice), |s| {
        let mut sum = vec![0.0; gw.len()];
        for row in s * slice..((s + 1) * slice).min(rows) {
            add_row(op, row, x, gy, &mut sum);
        }
        sum
    });
    gw.fill(0.0);
    for sum in &sums {
        gw.iter_mut().zip(sum).for_each(|(gw, s)| *gw += s);
    }
}

/// What row `row` of `x` adds to the gradient of the weight.
fn add_row(op: &Depthwise, row: usize, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let (k, c) = (op.conv.k, op.c);
    let (n, i) = (row / op.h, row % op.h);
    let x = &x[row * op.w * c..][..op.w * c];
    for a in 0..k {
        let Some(oi) = op.reached(i, a, op.ho) else {
            continue;
        };
        let gy = &gy[(n * op.ho + oi) * op.wo * c..][..op.wo * c];
        for (j, x) in x.chunks_exact(c).enumerate() {
            for b in 0..k {
                if let Some(oj) = op.reached(j, b, op.wo) {
                    add_product(&mut gw[(a * k + b) * c..][..c], x, &gy[oj * c..][..c]);
                }
            }
        }
    }
}

impl Depthwise {
    /// Input rows (or columns) of `size` that reach output `o`, each with the row of the kernel it takes.
    fn reaching(&self, o: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
        let (stride, shifted) = (self.conv.stride, o + self.conv.pad);
        (0..self.conv.k.min(shifted + 1)).filter_map(move |a| {
            let i = (shifted - a) / stride;
            ((shifted - a).is_multiple_of(stride) && i < size).then_some((i, a))
        })
    }
}

fn add_product(y: &mut [f32], a: &[f32], b: &[f32]) {
    for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
        *y += a * b;
    }
}
