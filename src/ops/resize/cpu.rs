//! Resizing on the CPU: first along columns, where whole rows are long vectors, then along the row.

use std::cell::RefCell;

use super::Resize;
use super::axis::Between;
use crate::device::cpu::scratch::Scratch;
use crate::device::cpu::threads;
use crate::device::cpu::wide::{AddScaled, Wide, wide};

thread_local! {
    /// The row that is mixed of two, or summed from several.
    static ROW: RefCell<Scratch> = RefCell::default();
}

pub(super) fn forward(resize: &Resize, x: &[f32], y: &mut [f32]) {
    let (rows, columns) = (resize.rows, resize.columns);
    let (row_table, column_table) = (rows.table(resize.mode), columns.table(resize.mode));
    let c = resize.c;
    let (wide_in, wide_out) = (columns.source * c, columns.output * c);
    threads::rows(y, wide_out, |first, piece| {
        ROW.with_borrow_mut(|mixed| {
            let mixed = mixed.floats(wide_in);
            for (row, y) in (first..).zip(piece.chunks_exact_mut(wide_out)) {
                let (n, between) = (row / rows.output, row_table[row % rows.output]);
                let source = |i: usize| &x[(n * rows.source + i) * wide_in..][..wide_in];
                let (lo, hi, f) = (source(between.lo), source(between.hi), between.f);
                let vertical = if f == 0.0 {
                    lo
                } else {
                    wide(Mix { y: mixed, lo, hi, f });
                    &*mixed
                };
                wide(AlongRow { y, x: vertical, columns: &column_table, c });
            }
        });
    });
}

pub(super) fn backward(resize: &Resize, gy: &[f32], gx: &mut [f32]) {
    let (rows, columns) = (resize.rows, resize.columns);
    let (row_readers, column_readers) = (rows.readers(resize.mode), columns.readers(resize.mode));
    let c = resize.c;
    let (wide_in, wide_out) = (columns.source * c, columns.output * c);
    threads::rows(gx, wide_in, |first, piece| {
        ROW.with_borrow_mut(|sum| {
            let sum = sum.floats(wide_out);
            for (row, gx) in (first..).zip(piece.chunks_exact_mut(wide_in)) {
                let (n, i) = (row / rows.source, row % rows.source);
                sum.fill(0.0);
                for &(o, f) in &row_readers[i] {
                    let x = &gy[(n * rows.output + o) * wide_out..][..wide_out];
                    wide(AddScaled { y: sum, x, f });
                }
                wide(GradientAlongRow { gx, gy: sum, readers: &column_readers, c });
            }
        });
    });
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

/// The pixels of an output row from those of a source row.
struct AlongRow<'a> {
    y: &'a mut [f32],
    x: &'a [f32],
    columns: &'a [Between],
    c: usize,
}

impl Wide for AlongRow<'_> {
    #[inline(always)]
    fn run(self) {
        let AlongRow { y, x, columns, c } = self;
        for (y, &Between { lo, hi, f }) in y.chunks_exact_mut(c).zip(columns) {
            let (lo, hi) = (&x[lo * c..][..c], &x[hi * c..][..c]);
            // What lies on a pixel is that one, whatever its neighbour holds.
            if f == 0.0 {
                y.copy_from_slice(lo);
            } else {
                Mix { y, lo, hi, f }.run();
            }
        }
    }
}

/// The gradient of a source row's pixels from that of an output row.
struct GradientAlongRow<'a> {
    gx: &'a mut [f32],
    gy: &'a [f32],
    readers: &'a [Vec<(usize, f32)>],
    c: usize,
}

impl Wide for GradientAlongRow<'_> {
    #[inline(always)]
    fn run(self) {
        let GradientAlongRow { gx, gy, readers, c } = self;
        for (y, readers) in gx.chunks_exact_mut(c).zip(readers) {
            y.fill(0.0);
            for &(o, f) in readers {
                AddScaled { y, x: &gy[o * c..][..c], f }.run();
            }
        }
    }
}
