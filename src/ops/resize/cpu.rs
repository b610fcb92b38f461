//! Resizing on the CPU: first along columns, where whole rows are long vectors, then along the row.

use super::{Mode, Resize};
use crate::device::cpu::threads;
use crate::device::cpu::wide::{Wide, wide};

pub(super) fn forward(resize: &Resize, x: &[f32], y: &mut [f32]) {
    let (rows, columns) = (resize.rows, resize.columns);
    let (row_table, column_table) = (rows.table(resize.mode), columns.table(resize.mode));
    let c = resize.c;
    let (wide_in, wide_out) = (columns.source * c, columns.output * c);
    threads::rows(y, wide_out, |first, piece| {
        let mut mixed = vec![0.0; wide_in];
        for (row, y) in (first..).zip(piece.chunks_exact_mut(wide_out)) {
            let (n, between) = (row / rows.output, row_table[row % rows.output]);
            let source = |i: usize| &x[(n * rows.source + i) * wide_in..][..wide_in];
            let vertical = if between.f == 0.0 {
                source(between.lo)
            } else {
                mix(&mut mixed, source(between.lo), source(between.hi), between.f);
                &mixed
            };
            for (y, between) in y.chunks_exact_mut(c).zip(&column_table) {
                let lo = &vertical[between.lo * c..][..c];
                if resize.mode == Mode::Nearest {
                    y.copy_from_slice(lo);
                } else {
                    mix(y, lo, &vertical[between.hi * c..][..c], between.f);
                }
            }
        }
    });
}

pub(super) fn backward(resize: &Resize, gy: &[f32], gx: &mut [f32]) {
    let (rows, columns) = (resize.rows, resize.columns);
    let (row_readers, column_readers) = (rows.readers(resize.mode), columns.readers(resize.mode));
    let c = resize.c;
    let (wide_in, wide_out) = (columns.source * c, columns.output * c);
    threads::rows(gx, wide_in, |first, piece| {
        let mut sum = vec![0.0; wide_out];
        for (row, gx) in (first..).zip(piece.chunks_exact_mut(wide_in)) {
            let (n, i) = (row / rows.source, row % rows.source);
            sum.fill(0.0);
            for &(o, f) in &row_readers[i] {
                add(&mut sum, &gy[(n * rows.output + o) * wide_out..][..wide_out], f);
            }
            for (gx, readers) in gx.chunks_exact_mut(c).zip(&column_readers) {
                gx.fill(0.0);
                for &(o, f) in readers {
                    add(gx, &sum[o * c..][..c], f);
                }
            }
        }
    });
}

fn mix(y: &mut [f32], lo: &[f32], hi: &[f32], f: f32) {
    wide(Mix { y, lo, hi, f });
}

/// `lo + f * (hi - lo)`.
struct Mix<'a> {
    y: &'a mut [f32],
    lo: &'a [f32],
    hi: &'a [f32],
    f: f32,
}

impl Wide for Mix<'_> {
    #[inline(always)]
    fn run(self) {
        let Mix { y, lo, hi, f } = self;
        for (y, (lo, hi)) in y.iter_mut().zip(lo.iter().zip(hi)) {
            *y = lo + f * (hi - lo);
        }
    }
}

fn add(y: &mut [f32], x: &[f32], factor: f32) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}
