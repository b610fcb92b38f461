//! The matrices of both forms, and loops that apply them to vectors of channels.
//!
//! `B'` is what a set of points asks for; the others evaluate polynomials there (`A`, `G`), or are the transpose of that
//! (`A'`, `G'`).

use std::array::from_fn;

use crate::device::cpu::tile::LANES;
use crate::device::cpu::wide::{Lane, Wide, load, prefetch, store, wide};

/// Outputs of a tile along an axis.
pub const OUTPUTS: usize = 4;

/// Side of the kernel; tiles have 4x4 outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// F(4x4, 3x3).
    Three,
    /// F(4x4, 5x5).
    Five,
}

impl Form {
    /// Taps along an axis.
    pub fn side(self) -> usize {
        match self {
            Form::Three => 3,
            Form::Five => 5,
        }
    }

    /// Pixels of a patch along an axis, and frequencies.
    pub fn patch(self) -> usize {
        OUTPUTS + self.side() - 1
    }

    /// All frequencies.
    pub fn frequencies(self) -> usize {
        self.patch().pow(2)
    }

    /// Multiplications for an output, by pair of channels.
    pub fn multiplications(self) -> f64 {
        self.frequencies() as f64 / OUTPUTS.pow(2) as f64
    }

    /// `B' d B` of a patch.
    pub fn of_patch<'a>(self, d: impl Fn(usize, usize) -> &'a [f32], to: &mut [f32], stride: usize) {
        match self {
            Form::Three => square(d, to, stride, patch_of_six),
            Form::Five => square(d, to, stride, patch_of_eight),
        }
    }

    /// `G g G'` of a kernel.
    pub fn of_kernel<'a>(self, g: impl Fn(usize, usize) -> &'a [f32], to: &mut [f32], stride: usize) {
        match self {
            Form::Three => square(g, to, stride, SixPoints::kernel::<3, 6>),
            Form::Five => square(g, to, stride, EightPoints::kernel::<5, 8>),
        }
    }

    /// `A' m A`, the outputs of a tile.
    pub fn outputs_of<'a>(self, m: impl Fn(usize, usize) -> &'a [f32], to: &mut [f32], stride: usize) {
        match self {
            Form::Three => square(m, to, stride, SixPoints::moments::<6, 4>),
            Form::Five => square(m, to, stride, EightPoints::moments::<8, 4>),
        }
    }

    /// `A gy A'` of the gradients of a tile's outputs.
    pub fn of_gradient<'a>(self, gy: impl Fn(usize, usize) -> &'a [f32], to: &mut [f32], stride: usize) {
        match self {
            Form::Three => square(gy, to, stride, SixPoints::values::<4, 6>),
            Form::Five => square(gy, to, stride, EightPoints::values::<4, 8>),
        }
    }

    /// `G' u G`, the gradient of a kernel.
    pub fn kernel_of<'a>(self, u: impl Fn(usize, usize) -> &'a [f32], to: &mut [f32], stride: usize) {
        match self {
            Form::Three => square(u, to, stride, SixPoints::kernel_gradient::<6, 3>),
            Form::Five => square(u, to, stride, EightPoints::kernel_gradient::<8, 5>),
        }
    }
}

/// The points of a form: 0, some with both signs, some with one, infinity, in this order. With each stands what its row of
/// `G` is multiplied by.
trait Points {
    const PAIRS: &'static [(f32, f32)];
    const SINGLES: &'static [(f32, f32)];

    /// The polynomial of coefficients `c` at all points.
    #[inline(always)]
    fn values<const K: usize, const N: usize>(c: [f32; K]) -> [f32; N] {
        let mut y = [0.0; N];
        y[0] = c[0];
        let mut at = 1;
        for &(point, _) in Self::PAIRS {
            let [even, odd] = halves(c, point);
            y[at] = even + odd;
            y[at + 1] = even - odd;
            at += 2;
        }
        for &(point, _) in Self::SINGLES {
            let [even, odd] = halves(c, point);
            y[at] = even + odd;
            at += 1;
        }
        y[N - 1] = c[K - 1];
        y
    }

    /// The transpose of that.
    #[inline(always)]
    fn moments<const N: usize, const K: usize>(y: [f32; N]) -> [f32; K] {
        let mut c = [0.0; K];
        c[0] = y[0];
        let mut at = 1;
        for &(point, _) in Self::PAIRS {
            let (sum, difference) = (y[at] + y[at + 1], y[at] - y[at + 1]);
            let mut power = 1.0;
            for (k, c) in c.iter_mut().enumerate() {
                *c += power * if k % 2 == 0 { sum } else { difference };
                power *= point;
            }
            at += 2;
        }
        for &(point, _) in Self::SINGLES {
            let mut power = 1.0;
            for c in &mut c {
                *c += power * y[at];
                power *= point;
            }
            at += 1;
        }
        c[K - 1] += y[N - 1];
        c
    }

    /// One axis of `G g G'`.
    #[inline(always)]
    fn kernel<const K: usize, const N: usize>(g: [f32; K]) -> [f32; N] {
        Self::normal(Self::values(g))
    }

    /// One axis of `G' u G`.
    #[inline(always)]
    fn kernel_gradient<const N: usize, const K: usize>(u: [f32; N]) -> [f32; K] {
        Self::moments(Self::normal(u))
    }

    /// Each point's value times what belongs to it.
    #[inline(always)]
    fn normal<const N: usize>(mut y: [f32; N]) -> [f32; N] {
        let mut at = 1;
        for &(_, factor) in Self::PAIRS {
            y[at] *= factor;
            y[at + 1] *= factor;
            at += 2;
        }
        for &(_, factor) in Self::SINGLES {
            y[at] *= factor;
            at += 1;
        }
        y
    }
}

/// A polynomial's even and odd powers.
#[inline(always)]
fn halves<const K: usize>(c: [f32; K], point: f32) -> [f32; 2] {
    let mut halves = [0.0; 2];
    halves[0] = c[0];
    halves[1] = point * c[1];
    let mut power = point;
    for k in 2..K {
        power *= point;
        halves[k % 2] += power * c[k];
    }
    halves
}

struct SixPoints;
struct EightPoints;

impl Points for SixPoints {
    const PAIRS: &'static [(f32, f32)] = &[(1.0, 1.0 / 3.0)];
    const SINGLES: &'static [(f32, f32)] = &[(0.5, 16.0 / 15.0), (-2.0, 1.0 / 15.0)];
}

impl Points for EightPoints {
    const PAIRS: &'static [(f32, f32)] = &[(1.0, -2.0 / 9.0), (2.0, 1.0 / 90.0), (0.5, 32.0 / 45.0)];
    const SINGLES: &'static [(f32, f32)] = &[];
}

/// One axis of `B' d B` for the points 0, 1, -1, 1/2, -2 and infinity: with the customary 2 in the place of 1/2 sums lose two to
/// three times as much.
#[inline(always)]
fn patch_of_six([d0, d1, d2, d3, d4, d5]: [f32; 6]) -> [f32; 6] {
    let (odd, even) = (d1 - d3, d2 - d4);
    [
        (d0 + d4) - 2.0 * d2 - 1.5 * odd,
        (d4 - d1) + 0.5 * d2 + 2.5 * d3,
        2.5 * d2 - (d1 + d4) - 0.5 * d3,
        2.0 * odd + even,
        0.5 * odd - even,
        (d1 + d5) - 2.0 * d3 - 1.5 * even,
    ]
}

/// The same for 0, 1, -1, 2, -2, 1/2, -1/2 and infinity.
#[inline(always)]
fn patch_of_eight([d0, d1, d2, d3, d4, d5, d6, d7]: [f32; 8]) -> [f32; 8] {
    let ones = [(d2 + d6) - 4.25 * d4, (d1 + d5) - 4.25 * d3];
    let twos = [(d6 + 0.25 * d2) - 1.25 * d4, (0.5 * d1 + 2.0 * d5) - 2.5 * d3];
    let halves = [(d6 + 4.0 * d2) - 5.0 * d4, (2.0 * d1 + 0.5 * d5) - 2.5 * d3];
    [
        (d0 - d6) + 5.25 * (d4 - d2),
        ones[0] + ones[1],
        ones[0] - ones[1],
        twos[0] + twos[1],
        twos[0] - twos[1],
        halves[0] + halves[1],
        halves[0] - halves[1],
        (d7 - d1) + 5.25 * (d3 - d5),
    ]
}

/// Floats that are asked for ahead of those that are read and written, three cache lines: a square reads and writes more
/// places in turn than processors foresee by themselves.
const AHEAD: usize = 48;

/// Squares of `I` by `I` numbers as squares of `O` by `O`, one for each channel: `f` down the columns, then along the rows.
/// Row by row, `to[place * stride + channel]`.
fn square<'a, const I: usize, const O: usize>(
    from: impl Fn(usize, usize) -> &'a [f32],
    to: &mut [f32],
    stride: usize,
    f: impl Fn([f32; I]) -> [f32; O],
) {
    let from: [[&[f32]; I]; I] = from_fn(|i| from_fn(|j| from(i, j)));
    wide(Square { from, to, stride, f });
}

/// What [`square`] does.
struct Square<'a, const I: usize, const O: usize, T: Fn([f32; I]) -> [f32; O]> {
    /// Operands, slices of one length.
    from: [[&'a [f32]; I]; I],
    /// Results.
    to: &'a mut [f32],
    /// Between two results of one operand.
    stride: usize,
    /// The function.
    f: T,
}

/// `f` of every lane. Through small arrays, about which the compiler knows that they do not overlap.
#[inline(always)]
fn line<const I: usize, const O: usize>(x: [Lane; I], f: impl Fn([f32; I]) -> [f32; O]) -> [Lane; O] {
    let mut y = [[0.0; LANES]; O];
    for i in 0..LANES {
        let mut one = [0.0; I];
        for (one, x) in one.iter_mut().zip(&x) {
            *one = x[i];
        }
        for (y, value) in y.iter_mut().zip(f(one)) {
            y[i] = value;
        }
    }
    y
}

impl<const I: usize, const O: usize, T: Fn([f32; I]) -> [f32; O]> Wide for Square<'_, I, O, T> {
    #[inline(always)]
    fn run(self) {
        let Square { from, to, stride, f } = self;
        let len = from[0][0].len();
        for at in (0..len).step_by(LANES) {
            let n = LANES.min(len - at);
            let mut middle = [[[0.0; LANES]; I]; O];
            for j in 0..I {
                let mut column = [[0.0; LANES]; I];
                for (lane, from) in column.iter_mut().zip(&from) {
                    prefetch(from[j], at + AHEAD);
                    *lane = load(&from[j][at..at + n]);
                }
                for (middle, lane) in middle.iter_mut().zip(line(column, &f)) {
                    middle[j] = lane;
                }
            }
            for (i, row) in middle.into_iter().enumerate() {
                for (j, lane) in line(row, &f).into_iter().enumerate() {
                    let place = (i * O + j) * stride + at;
                    prefetch(to, place + AHEAD);
                    store(&lane, &mut to[place..][..n]);
                }
            }
        }
    }
}
