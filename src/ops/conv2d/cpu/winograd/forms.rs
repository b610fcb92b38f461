//! The matrices of both forms, and loops that apply them to vectors of channels.

use crate::device::cpu::tile::LANES;
use crate::device::cpu::wide::Wide;

/// Side of the kernel; tiles have 2x2 outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// F(2x2, 3x3).
    Three,
    /// F(2x2, 5x5).
    Five,
}

/// `A'` along one axis: what each frequency adds to the two outputs.
const A_THREE: [[f32; 4]; 2] = [[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, -1.0]];
const A_FIVE: [[f32; 6]; 2] = [[1.0, 1.0, 1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, 0.5, -2.0, 1.0]];

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
        self.side() + 1
    }

    /// All frequencies.
    pub fn frequencies(self) -> usize {
        self.patch() * self.patch()
    }

    /// Multiplications for an output, by pair of channels.
    pub fn multiplications(self) -> f64 {
        self.frequencies() as f64 / 4.0
    }

    /// What frequency `f` adds to the four outputs of a tile.
    pub fn share(self, f: usize) -> [f32; 4] {
        let p = self.patch();
        let a = |output: usize, u: usize| match self {
            Form::Three => A_THREE[output][u],
            Form::Five => A_FIVE[output][u],
        };
        std::array::from_fn(|k| a(k / 2, f / p) * a(k % 2, f % p))
    }
}

/// F(2x2, 3x3): the points 0, 1, -1, infinity. Each function is one axis of a product of three matrices.
pub mod three {
    /// `B'`, of `B' d B`.
    #[inline(always)]
    pub fn patch([d0, d1, d2, d3]: [f32; 4]) -> [f32; 4] {
        [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
    }

    /// `G`, of `G g G'`.
    #[inline(always)]
    pub fn kernel([g0, g1, g2]: [f32; 3]) -> [f32; 4] {
        let outer = g0 + g2;
        [g0, 0.5 * (outer + g1), 0.5 * (outer - g1), g2]
    }

    /// `A`, of `A gy A'`.
    #[inline(always)]
    pub fn gradient([y0, y1]: [f32; 2]) -> [f32; 4] {
        [y0, y0 + y1, y0 - y1, -y1]
    }

    /// `G'`, of `G' u G`.
    #[inline(always)]
    pub fn kernel_gradient([u0, u1, u2, u3]: [f32; 4]) -> [f32; 3] {
        let sum = 0.5 * (u1 + u2);
        [u0 + sum, 0.5 * (u1 - u2), sum + u3]
    }
}

/// F(2x2, 5x5): the points 0, 1, -1, 1/2, -2, infinity.
pub mod five {
    /// `B'`, of `B' d B`.
    #[inline(always)]
    pub fn patch([d0, d1, d2, d3, d4, d5]: [f32; 6]) -> [f32; 6] {
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

    /// `G`, of `G g G'`.
    #[inline(always)]
    pub fn kernel([g0, g1, g2, g3, g4]: [f32; 5]) -> [f32; 6] {
        let (even, odd) = (g0 + g2 + g4, g1 + g3);
        [
            g0,
            (even + odd) * (1.0 / 3.0),
            (even - odd) * (1.0 / 3.0),
            (16.0 * g0 + 8.0 * g1 + 4.0 * g2 + 2.0 * g3 + g4) * (1.0 / 15.0),
            (g0 - 2.0 * g1 + 4.0 * g2 - 8.0 * g3 + 16.0 * g4) * (1.0 / 15.0),
            g4,
        ]
    }

    /// `A`, of `A gy A'`.
    #[inline(always)]
    pub fn gradient([y0, y1]: [f32; 2]) -> [f32; 6] {
        [y0, y0 + y1, y0 - y1, y0 + 0.5 * y1, y0 - 2.0 * y1, y1]
    }

    /// `G'`, of `G' u G`.
    #[inline(always)]
    pub fn kernel_gradient([u0, u1, u2, u3, u4, u5]: [f32; 6]) -> [f32; 5] {
        let (even, odd) = ((u1 + u2) * (1.0 / 3.0), (u1 - u2) * (1.0 / 3.0));
        let (a, b) = (u3 * (1.0 / 15.0), u4 * (1.0 / 15.0));
        [
            u0 + even + 16.0 * a + b,
            odd + 8.0 * a - 2.0 * b,
            even + 4.0 * a + 4.0 * b,
            odd + 2.0 * a - 8.0 * b,
            even + a + 16.0 * b + u5,
        ]
    }
}

/// Squares of `I` by `I` numbers as squares of `O` by `O`, one for each channel: `f` down the columns, then along the rows.
/// Row by row, `to[place * stride + channel]`.
pub struct Square<'a, const I: usize, const O: usize, T: Fn([f32; I]) -> [f32; O]> {
    /// Operands, slices of one length.
    pub from: [[&'a [f32]; I]; I],
    /// Results.
    pub to: &'a mut [f32],
    /// Between two results of one operand.
    pub stride: usize,
    /// The function.
    pub f: T,
}

/// A channel in each place of a vector.
type Lane = [f32; LANES];

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
                    let from = &from[j][at..at + n];
                    match from.try_into() {
                        Ok(whole) => *lane = whole,
                        Err(_) => lane[..n].copy_from_slice(from),
                    }
                }
                for (middle, lane) in middle.iter_mut().zip(line(column, &f)) {
                    middle[j] = lane;
                }
            }
            for (i, row) in middle.into_iter().enumerate() {
                for (j, lane) in line(row, &f).into_iter().enumerate() {
                    let to = &mut to[(i * O + j) * stride + at..][..n];
                    match <&mut Lane>::try_from(&mut *to) {
                        Ok(to) => *to = lane,
                        Err(_) => to.copy_from_slice(&lane[..n]),
                    }
                }
            }
        }
    }
}
