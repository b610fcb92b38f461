//! Pooling on the CPU: a task owns whole rows of its output, channels run innermost.

use super::Windows;
use crate::device::cpu::threads::{self, GRAIN};
use crate::device::cpu::wide::{AddScaled, Wide, wide};

pub(super) fn avg_forward(windows: &Windows, x: &[f32], y: &mut [f32]) {
    let &Windows { h, w, c, ho, wo, .. } = windows;
    threads::rows(y, wo * c, |first, rows| {
        for (row, y) in (first..).zip(rows.chunks_exact_mut(wo * c)) {
            let (n, is) = (row / ho, windows.pixels(row % ho, h));
            for (o, y) in y.chunks_exact_mut(c).enumerate() {
                let js = windows.pixels(o, w);
                y.fill(0.0);
                for i in is.clone() {
                    let at = ((n * h + i) * w + js.start) * c;
                    for x in x[at..at + js.len() * c].chunks_exact(c) {
                        add(y, x, 1.0);
                    }
                }
                let share = windows.share(is.len() * js.len());
                y.iter_mut().for_each(|y| *y *= share);
            }
        }
    });
}

pub(super) fn avg_backward(windows: &Windows, gy: &[f32], gx: &mut [f32]) {
    let &Windows { h, w, c, ho, wo, .. } = windows;
    threads::rows(gx, w * c, |first, rows| {
        for (row, gx) in (first..).zip(rows.chunks_exact_mut(w * c)) {
            let (n, i) = (row / h, row % h);
            gx.fill(0.0);
            for oi in windows.seeing(i, ho) {
                let height = windows.pixels(oi, h).len();
                for (j, gx) in gx.chunks_exact_mut(c).enumerate() {
                    for oj in windows.seeing(j, wo) {
                        let share = windows.share(height * windows.pixels(oj, w).len());
                        let at = ((n * ho + oi) * wo + oj) * c;
                        add(gx, &gy[at..at + c], share);
                    }
                }
            }
        }
    });
}

pub(super) fn max_forward(windows: &Windows, x: &[f32], y: &mut [f32], winner: &mut [f32]) {
    let &Windows { h, w, c, ho, wo, pool, .. } = windows;
    let width = wo * c;
    let piece = (GRAIN / width).max(1) * width;
    threads::pieces_of([y, winner], piece, |start, [y, winner]| {
        let rows = y.chunks_exact_mut(width).zip(winner.chunks_exact_mut(width));
        for (row, (y, winner)) in (start / width..).zip(rows) {
            let (n, oi) = (row / ho, row % ho);
            let is = windows.pixels(oi, h);
            let pixels = y.chunks_exact_mut(c).zip(winner.chunks_exact_mut(c));
            for (oj, (y, winner)) in pixels.enumerate() {
                let js = windows.pixels(oj, w);
                for i in is.clone() {
                    for j in js.clone() {
                        let (di, dj) = (i + pool.pad - oi * pool.stride, j + pool.pad - oj * pool.stride);
                        let tap = (di * pool.k + dj) as f32;
                        let at = ((n * h + i) * w + j) * c;
                        let x = &x[at..at + c];
                        if i == is.start && j == js.start {
                            y.copy_from_slice(x);
                            winner.fill(tap);
                        } else {
                            larger(y, winner, x, tap);
                        }
                    }
                }
            }
        }
    });
}

pub(super) fn max_backward(windows: &Windows, gy: &[f32], winner: &[f32], gx: &mut [f32]) {
    let &Windows { h, w, c, ho, wo, pool, .. } = windows;
    threads::rows(gx, w * c, |first, rows| {
        for (row, gx) in (first..).zip(rows.chunks_exact_mut(w * c)) {
            let (n, i) = (row / h, row % h);
            gx.fill(0.0);
            for oi in windows.seeing(i, ho) {
                for (j, gx) in gx.chunks_exact_mut(c).enumerate() {
                    for oj in windows.seeing(j, wo) {
                        let (di, dj) = (i + pool.pad - oi * pool.stride, j + pool.pad - oj * pool.stride);
                        let tap = (di * pool.k + dj) as f32;
                        let at = ((n * ho + oi) * wo + oj) * c;
                        let won = gy[at..at + c].iter().zip(&winner[at..at + c]);
                        for (gx, (&gy, &winner)) in gx.iter_mut().zip(won) {
                            *gx += if winner == tap { gy } else { 0.0 };
                        }
                    }
                }
            }
        }
    });
}

impl Windows {
    /// What one of `seen` pixels counts in an average.
    fn share(&self, seen: usize) -> f32 {
        let counted = if self.pool.count_pad {
            self.pool.k * self.pool.k
        } else {
            seen
        };
        1.0 / counted as f32
    }
}

fn add(y: &mut [f32], x: &[f32], f: f32) {
    wide(AddScaled { y, x, f });
}

fn larger(y: &mut [f32], winner: &mut [f32], x: &[f32], tap: f32) {
    wide(Larger { y, winner, x, tap });
}

/// Takes over where `x` is larger, or is the first NaN. With masks, since the compiler makes a branch of a choice here,
/// which costs ten times as much.
struct Larger<'a> {
    y: &'a mut [f32],
    winner: &'a mut [f32],
    x: &'a [f32],
    tap: f32,
}

impl Wide for Larger<'_> {
    #[inline(always)]
    fn run(self) {
        let Larger { y, winner, x, tap } = self;
        let either = |mask: u32, a: f32, b: f32| f32::from_bits(a.to_bits() & mask | b.to_bits() & !mask);
        for ((y, winner), &x) in y.iter_mut().zip(winner).zip(x) {
            let takes = ((x > *y) | x.is_nan()) & !y.is_nan();
            let mask = u32::from(takes).wrapping_neg();
            *y = either(mask, x, *y);
            *winner = either(mask, tap, *winner);
        }
    }
}
