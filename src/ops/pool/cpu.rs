//! Pooling on the CPU: a task owns whole rows of its output, channels run innermost.

use super::Windows;
use crate::device::cpu::threads;
use crate::device::cpu::tile::LANES;
use crate::device::cpu::wide::{AddScaled, Lane, Wide, load, store, wide};

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

/// `winner` is None where nobody asks for it.
pub(super) fn max_forward(windows: &Windows, x: &[f32], y: &mut [f32], winner: Option<&mut [f32]>) {
    let width = windows.wo * windows.c;
    match winner {
        None => threads::rows(y, width, |first, y| max_rows(windows, x, first, y, None)),
        Some(winner) => {
            threads::pieces_of([y, winner], threads::whole_rows(width), |start, [y, winner]| {
                max_rows(windows, x, start / width, y, Some(winner));
            });
        }
    }
}

/// Whole rows, from row `first` of the output on.
fn max_rows(windows: &Windows, x: &[f32], first: usize, y: &mut [f32], winner: Option<&mut [f32]>) {
    let &Windows { h, w, c, ho, wo, pool, .. } = windows;
    let mut window = Vec::with_capacity(pool.k * pool.k);
    let mut winners = winner.map(|winner| winner.chunks_exact_mut(c));
    for (at, y) in (first * wo..).zip(y.chunks_exact_mut(c)) {
        let (n, oi, oj) = (at / wo / ho, at / wo % ho, at % wo);
        window.clear();
        for i in windows.pixels(oi, h) {
            for j in windows.pixels(oj, w) {
                let (di, dj) = (i + pool.pad - oi * pool.stride, j + pool.pad - oj * pool.stride);
                let pixel = ((n * h + i) * w + j) * c;
                window.push(((di * pool.k + dj) as f32, &x[pixel..pixel + c]));
            }
        }
        let winner = winners.as_mut().and_then(Iterator::next);
        wide(Largest { y, winner, window: &window });
    }
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

/// The largest of a window's pixels in each channel, or its first NaN, and which it was.
struct Largest<'a> {
    y: &'a mut [f32],
    winner: Option<&'a mut [f32]>,
    /// Position in the window and channels of each pixel.
    window: &'a [(f32, &'a [f32])],
}

impl Wide for Largest<'_> {
    /// Pixel after pixel, as they lie in memory, for the processor to foresee what is read.
    #[inline(always)]
    fn run(self) {
        let Largest { y, winner, window } = self;
        let (&(first, x), others) = window.split_first().expect("a window has a pixel");
        y.copy_from_slice(x);
        let Some(winner) = winner else {
            for (_, x) in others {
                keep_larger([&mut *y], x, |x| [x]);
            }
            return;
        };
        winner.fill(first);
        for (position, x) in others {
            keep_larger([&mut *y, &mut *winner], x, |x| [x, [*position; LANES]]);
        }
    }
}

/// Puts `with(x)` in the place of what is kept, wherever the first of that is less.
#[inline(always)]
fn keep_larger<const N: usize>(mut kept: [&mut [f32]; N], x: &[f32], with: impl Fn(Lane) -> [Lane; N]) {
    let whole = x.len() - x.len() % LANES;
    for at in (0..whole).step_by(LANES) {
        keep_larger_lane(&mut kept, x, at, LANES, &with);
    }
    if whole < x.len() {
        keep_larger_lane(&mut kept, x, whole, x.len() - whole, &with);
    }
}

/// The same for `n` numbers from `at` on.
#[inline(always)]
fn keep_larger_lane<const N: usize>(
    kept: &mut [&mut [f32]; N],
    x: &[f32],
    at: usize,
    n: usize,
    with: impl Fn(Lane) -> [Lane; N],
) {
    let now = larger(kept.each_ref().map(|kept| load(&kept[at..][..n])), with(load(&x[at..][..n])));
    for (kept, now) in kept.iter_mut().zip(&now) {
        store(now, &mut kept[at..][..n]);
    }
}

/// The second value, and what belongs to it, where that is larger, or is NaN where the first is none. By masks, since the
/// compiler makes a branch of a choice here, and stores by a mask cost several processors ten times as much.
#[inline(always)]
fn larger<const N: usize>(mut first: [Lane; N], second: [Lane; N]) -> [Lane; N] {
    for i in 0..LANES {
        let (best, other) = (first[0][i], second[0][i]);
        let takes = (other > best) | other.is_nan() & !best.is_nan();
        let mask = u32::from(takes).wrapping_neg();
        for (first, second) in first.iter_mut().zip(&second) {
            first[i] = f32::from_bits(second[i].to_bits() & mask | first[i].to_bits() & !mask);
        }
    }
    first
}
