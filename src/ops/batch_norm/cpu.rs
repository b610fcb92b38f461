//! Batch normalisation on the CPU. Several pixels of few channels are taken as one wide row, so that loops over a
//! row are long enough for vectors.

use std::ops::Range;

use super::BatchNorm;
use crate::device::cpu::threads;
use crate::device::cpu::wide::{ByChannel, Wide, wide};

/// Floats of a wide row at least.
const WIDE: usize = 64;
/// Wide rows summed in `f32` before the sums go to `f64`.
const FLUSH: usize = 64;

/// Floats of a wide row of whole pixels.
fn wide_row(c: usize) -> usize {
    WIDE.div_ceil(c) * c
}

/// A value per channel, repeated over a wide row.
fn spread(c: usize, f: impl Fn(usize) -> f32) -> Vec<f32> {
    let one: Vec<f32> = (0..c).map(f).collect();
    one.repeat(wide_row(c) / c)
}

/// Sums by channel over `elements`, whole pixels: `add(sums, at)` adds the terms of elements `at`, at most a wide row.
fn channel_sums(elements: Range<usize>, c: usize, add: impl Fn(&mut [f32], Range<usize>)) -> Vec<f64> {
    let mut sums = vec![0.0_f64; c];
    wide(ChannelSums { elements, c, add, sums: &mut sums });
    sums
}

struct ChannelSums<'a, F: Fn(&mut [f32], Range<usize>)> {
    elements: Range<usize>,
    c: usize,
    add: F,
    sums: &'a mut [f64],
}

impl<F: Fn(&mut [f32], Range<usize>)> Wide for ChannelSums<'_, F> {
    #[inline(always)]
    fn run(self) {
        let ChannelSums { elements, c, add, sums } = self;
        let width = wide_row(c);
        let mut lanes = vec![0.0_f32; width];
        for block in elements.clone().step_by(width * FLUSH) {
            lanes.fill(0.0);
            let end = (block + width * FLUSH).min(elements.end);
            for at in (block..end).step_by(width) {
                let at = at..(at + width).min(end);
                add(&mut lanes[..at.len()], at);
            }
            for lanes in lanes.chunks_exact(c) {
                sums.iter_mut().zip(lanes).for_each(|(s, l)| *s += f64::from(*l));
            }
        }
    }
}

/// Calls `f` for slices of whole pixels, about a grain each, in parallel; results in order.
fn slices<T: Send>(len: usize, c: usize, f: impl Fn(Range<usize>) -> T + Sync + Send) -> Vec<T> {
    let slice = threads::whole_rows(c);
    threads::map(len.div_ceil(slice), |s| f(s * slice..((s + 1) * slice).min(len)))
}

/// What is known of the channels over some rows.
struct Moments {
    rows: f64,
    sums: Vec<f64>,
    /// What squares were taken about: the means, rounded.
    centers: Vec<f32>,
    squares: Vec<f64>,
}

/// Moments of slices, each in two passes of which the second reads the cache, merged exactly.
pub(super) fn moments(x: &[f32], mean: &mut [f32], var: &mut [f32]) {
    let c = mean.len();
    let of_slices = slices(x.len(), c, |slice| {
        let rows = (slice.len() / c) as f64;
        let sums = channel_sums(slice.clone(), c, |sums, at| {
            sums.iter_mut().zip(&x[at]).for_each(|(s, x)| *s += x);
        });
        let centers = spread(c, |ch| (sums[ch] / rows) as f32);
        let squares = channel_sums(slice, c, |squares, at| {
            for (s, (x, center)) in squares.iter_mut().zip(x[at].iter().zip(&centers)) {
                *s += (x - center) * (x - center);
            }
        });
        Moments { rows, sums, centers, squares }
    });
    let rows = (x.len() / c) as f64;
    // Slices outside, channels inside: what is known of a slice lies together, and one thread goes through all of it.
    let mut means = vec![0.0; c];
    for slice in &of_slices {
        means.iter_mut().zip(&slice.sums).for_each(|(mean, sum)| *mean += sum);
    }
    means.iter_mut().for_each(|mean| *mean /= rows);
    // About any centre k: sum (x-m)^2 = sum (x-k)^2 - n (mean-k)^2 + n (mean-m)^2.
    let mut squares = vec![0.0; c];
    for slice in &of_slices {
        let of_slice = slice.sums.iter().zip(&slice.centers).zip(&slice.squares);
        for ((total, mean), ((sum, center), square)) in squares.iter_mut().zip(&means).zip(of_slice) {
            let mean_of_slice = sum / slice.rows;
            let (away, rounding) = (mean_of_slice - mean, mean_of_slice - f64::from(*center));
            *total += square + slice.rows * (away * away - rounding * rounding);
        }
    }
    for ch in 0..c {
        mean[ch] = means[ch] as f32;
        var[ch] = (squares[ch] / rows).max(0.0) as f32;
    }
}

impl BatchNorm {
    fn reciprocal_deviation(&self, ch: usize) -> f32 {
        1.0 / (self.var.cpu()[ch] + self.eps).sqrt()
    }
}

pub(super) fn forward(op: &BatchNorm, x: &[f32], gamma: &[f32], beta: &[f32], y: &mut [f32]) {
    let c = gamma.len();
    let mean = spread(c, |ch| op.mean.cpu()[ch]);
    let factor = spread(c, |ch| op.reciprocal_deviation(ch) * gamma[ch]);
    let beta = spread(c, |ch| beta[ch]);
    let width = wide_row(c);
    threads::rows_back(y, width, |first, rows| {
        let x = &x[first * width..][..rows.len()];
        let channels = [&mean[..], &factor[..], &beta[..]];
        wide(Normalised { x, y: rows, channels });
    });
}

/// `(x - mean) * factor + beta`, row by row as wide as these.
struct Normalised<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    channels: [&'a [f32]; 3],
}

impl Wide for Normalised<'_> {
    #[inline(always)]
    fn run(self) {
        let [mean, factor, beta] = self.channels;
        let width = mean.len();
        for (y, x) in self.y.chunks_mut(width).zip(self.x.chunks(width)) {
            let channel = mean.iter().zip(factor).zip(beta);
            for ((y, x), ((mean, factor), beta)) in y.iter_mut().zip(x).zip(channel) {
                *y = (x - mean) * factor + beta;
            }
        }
    }
}

pub(super) fn backward_sums(op: &BatchNorm, x: &[f32], gy: &[f32], ggamma: &mut [f32], gbeta: &mut [f32]) {
    let c = ggamma.len();
    let mean = spread(c, |ch| op.mean.cpu()[ch]);
    let of_slices = slices(x.len(), c, |slice| {
        let sums = channel_sums(slice.clone(), c, |sums, at| {
            sums.iter_mut().zip(&gy[at]).for_each(|(s, g)| *s += g);
        });
        let products = channel_sums(slice, c, |products, at| {
            let terms = gy[at.clone()].iter().zip(&x[at]).zip(&mean);
            for (s, ((g, x), mean)) in products.iter_mut().zip(terms) {
                *s += g * (x - mean);
            }
        });
        [sums, products]
    });
    // As in `moments`.
    let mut totals = [vec![0.0; c], vec![0.0; c]];
    for of_slice in &of_slices {
        for (totals, sums) in totals.iter_mut().zip(of_slice) {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
    }
    let [sums, products] = totals;
    for ch in 0..c {
        gbeta[ch] = sums[ch] as f32;
        ggamma[ch] = (products[ch] * f64::from(op.reciprocal_deviation(ch))) as f32;
    }
}

/// `gx = gamma r (gy - gbeta / n - (x - mean) r ggamma / n)`, or `gamma r gy` without `sums`.
pub(super) fn backward_x(
    op: &BatchNorm,
    x: &[f32],
    gamma: &[f32],
    gy: &[f32],
    sums: Option<(&[f32], &[f32])>,
    gx: &mut [f32],
) {
    let c = gamma.len();
    let width = wide_row(c);
    let rows = (gx.len() / c) as f32;
    let factor = spread(c, |ch| op.reciprocal_deviation(ch) * gamma[ch]);
    let Some((ggamma, gbeta)) = sums else {
        threads::rows_back(gx, width, |first, rows| {
            let long = &gy[first * width..];
            wide(ByChannel {
                long,
                channel: &factor,
                y: rows,
                f: |gy, factor| gy * factor,
            });
        });
        return;
    };
    let mean = spread(c, |ch| op.mean.cpu()[ch]);
    let along = spread(c, |ch| op.reciprocal_deviation(ch) * ggamma[ch] / rows);
    let shift = spread(c, |ch| gbeta[ch] / rows);
    threads::rows_back(gx, width, |first, rows| {
        let at = first * width..first * width + rows.len();
        let channels = [&mean[..], &along[..], &shift[..], &factor[..]];
        wide(Gradient { x: &x[at.clone()], gy: &gy[at], gx: rows, channels });
    });
}

/// `factor * (gy - shift - (x - mean) * along)`, row by row as wide as these.
struct Gradient<'a> {
    x: &'a [f32],
    gy: &'a [f32],
    gx: &'a mut [f32],
    channels: [&'a [f32]; 4],
}

impl Wide for Gradient<'_> {
    #[inline(always)]
    fn run(self) {
        let [mean, along, shift, factor] = self.channels;
        let width = mean.len();
        let inputs = self.x.chunks(width).zip(self.gy.chunks(width));
        for (gx, (x, gy)) in self.gx.chunks_mut(width).zip(inputs) {
            let channel = mean.iter().zip(along).zip(shift.iter().zip(factor));
            let inputs = x.iter().zip(gy).zip(channel);
            for (gx, ((x, gy), ((mean, along), (shift, factor)))) in gx.iter_mut().zip(inputs) {
                *gx = factor * (gy - shift - (x - mean) * along);
            }
        }
    }
}
