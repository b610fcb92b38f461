//! Pooling on the CPU: a task owns whole rows of its output, channels run innermost.

use super::Windows;
use crate::device::cpu::threads::{self, GRAIN};
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
            let mut window = Vec::with_capacity(pool.k * pool.k);
            for (oj, (y, winner)) in pixels.enumerate() {
                window.clear();
                for i in is.clone() {
                    for j in windows.pixels(oj, w) {
                        let (di, dj) = (i + pool.pad - oi * pool.stride, j + pool.pad - oj * pool.stride);
                        let at = ((n * h + i) * w + j) * c;
                        window.push(((di * pool.k + dj) as f32, &x[at..at + c]));
                    }
                }
                wide(Largest { y, winner, window: &window });
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

/// The largest of a window's pixels in each channel, or its first NaN, and which it was.
struct Largest<'a> {
    y: &'a mut [f32],
    winner: &'a mut [f32],
    /// Position in the window and channels of each pixel.
    window: &'a [(f32, &'a [f32])],
}

impl Wide for Largest<'_> {
    /// Lane by lane, so that each is written once and by no condition: stores by a mask cost several processors ten times
    /// as much.
    #[inline(always)]
    fn run(self) {
        let Largest { y, winner, window } = self;
        for at in (0..y.len()).step_by(LANES) {
            let n = LANES.min(y.len() - at);
            let (mut best, mut place) = ([f32::NEG_INFINITY; LANES], [window[0].0; LANES]);
            for (position, x) in window {
                [best, place] = larger([best, place], [load(&x[at..at + n]), [*position; LANES]]);
            }
            store(&best, &mut y[at..at + n]);
            store(&place, &mut winner[at..at + n]);
        }
    }
}

/// The second value and place where that is larger, or is NaN where the first is none. By masks, since the compiler makes a
/// branch of a choice here.
#[inline(always)]
fn larger([mut best, mut place]: [Lane; 2], [other, its_place]: [Lane; 2]) -> [Lane; 2] {
    let either = |mask: u32, a: f32, b: f32| f32::from_bits(a.to_bits() & mask | b.to_bits() & !mask);
    for i in 0..LANES {
        let takes = (other[i] > best[i]) | other[i].is_nan() & !best[i].is_nan();
        let mask = u32::from(takes).wrapping_neg();
        best[i] = either(mask, other[i], best[i]);
        place[i] = either(mask, its_place[i], place[i]);
    }
    [best, place]
}
