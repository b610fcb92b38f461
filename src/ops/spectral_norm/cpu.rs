//! Power iteration on the CPU. Small weights stay on the calling thread.

use super::Matrix;
use crate::device::cpu::dot::dot;
use crate::device::cpu::threads::{self, GRAIN};

impl Matrix {
    /// Rows of one task.
    fn slice(&self) -> usize {
        (GRAIN / self.c).max(1)
    }
}

pub(super) fn iterate(matrix: Matrix, eps: f32, w: &[f32], u: &[f32], new_u: &mut [f32], new_v: &mut [f32]) {
    let Matrix { rows, c } = matrix;
    let slice = matrix.slice();
    threads::pieces(new_v, slice, |start, v| {
        for (v, row) in v.iter_mut().zip(w[start * c..].chunks_exact(c)) {
            *v = dot(row, u) as f32;
        }
    });
    normalise(new_v, eps);
    if rows <= slice {
        new_u.fill(0.0);
        add_rows(w, new_v, new_u);
    } else {
        let v = &*new_v;
        let sums = threads::map(rows.div_ceil(slice), |s| {
            let mut sum = vec![0.0; c];
            let (first, end) = (s * slice, ((s + 1) * slice).min(rows));
            add_rows(&w[first * c..end * c], &v[first..end], &mut sum);
            sum
        });
        new_u.fill(0.0);
        for sum in &sums {
            new_u.iter_mut().zip(sum).for_each(|(u, s)| *u += s);
        }
    }
    normalise(new_u, eps);
}

pub(super) fn sigma(matrix: Matrix, w: &[f32], u: &[f32], v: &[f32]) -> f32 {
    let Matrix { rows, c } = matrix;
    let slice = matrix.slice();
    let sums = threads::map(rows.div_ceil(slice), |s| {
        let at = s * slice..((s + 1) * slice).min(rows);
        let products = w[at.start * c..].chunks_exact(c).zip(&v[at]);
        products.map(|(row, v)| f64::from(*v) * dot(row, u)).sum::<f64>()
    });
    sums.iter().sum::<f64>() as f32
}

pub(super) fn backward(g: f32, u: &[f32], v: &[f32], gw: &mut [f32]) {
    let c = u.len();
    threads::rows(gw, c, |first, rows| {
        for (row, v) in rows.chunks_exact_mut(c).zip(&v[first..]) {
            let factor = g * v;
            row.iter_mut().zip(u).for_each(|(gw, u)| *gw = factor * u);
        }
    });
}

/// Adds each row times its factor, four rows at a time so that the sum is read and written less often.
fn add_rows(w: &[f32], factors: &[f32], sum: &mut [f32]) {
    let c = sum.len();
    let (w4, f4) = (w.chunks_exact(4 * c), factors.chunks_exact(4));
    let (w_rest, f_rest) = (w4.remainder(), f4.remainder());
    for (w, f) in w4.zip(f4) {
        let (w01, w23) = w.split_at(2 * c);
        let ((w0, w1), (w2, w3)) = (w01.split_at(c), w23.split_at(c));
        let rows = w0.iter().zip(w1).zip(w2.iter().zip(w3));
        for (sum, ((w0, w1), (w2, w3))) in sum.iter_mut().zip(rows) {
            *sum += (f[0] * w0 + f[1] * w1) + (f[2] * w2 + f[3] * w3);
        }
    }
    for (w, f) in w_rest.chunks_exact(c).zip(f_rest) {
        sum.iter_mut().zip(w).for_each(|(sum, w)| *sum += f * w);
    }
}

fn normalise(x: &mut [f32], eps: f32) {
    let factor = (1.0 / dot(x, x).sqrt().max(f64::from(eps))) as f32;
    x.iter_mut().for_each(|x| *x *= factor);
}
