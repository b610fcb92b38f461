//! Which source pixels an output pixel is made of, along one axis. In integers, so that no rounding can move a pixel.

use super::{Coordinates, Mode};

/// Sizes along one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub source: usize,
    pub output: usize,
}

/// An output pixel is `(1 - f) x[lo] + f x[hi]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Between {
    pub lo: usize,
    pub hi: usize,
    pub f: f32,
}

impl Axis {
    /// Source pixels of each output pixel.
    pub fn table(&self, mode: Mode) -> Vec<Between> {
        (0..self.output).map(|o| self.between(o, mode)).collect()
    }

    /// Source position as a fraction: `position / unit`.
    fn between(&self, o: usize, mode: Mode) -> Between {
        let (position, unit) = match mode {
            Mode::Nearest | Mode::Bilinear(Coordinates::Asymmetric) => (o * self.source, self.output),
            Mode::Bilinear(Coordinates::HalfPixel) => {
                let doubled = (2 * o + 1) * self.source;
                (doubled.saturating_sub(self.output), 2 * self.output)
            }
        };
        let lo = position / unit;
        if mode == Mode::Nearest {
            return Between { lo, hi: lo, f: 0.0 };
        }
        Between {
            lo,
            hi: (lo + 1).min(self.source - 1),
            f: (position % unit) as f32 / unit as f32,
        }
    }

    /// For each source pixel the output pixels that read it, with their weights; the gradient's side of `table`.
    pub fn readers(&self, mode: Mode) -> Vec<Vec<(usize, f32)>> {
        let mut readers = vec![Vec::new(); self.source];
        for (o, between) in self.table(mode).into_iter().enumerate() {
            let Between { lo, hi, f } = between;
            if lo == hi {
                readers[lo].push((o, 1.0));
                continue;
            }
            readers[lo].push((o, 1.0 - f));
            if f > 0.0 {
                readers[hi].push((o, f));
            }
        }
        readers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Mode = Mode::Bilinear(Coordinates::HalfPixel);

    #[test]
    fn doubling_mixes_quarters() {
        let axis = Axis { source: 2, output: 4 };
        let f: Vec<(usize, f32)> = axis.table(HALF).iter().map(|b| (b.lo, b.f)).collect();
        assert_eq!(f, [(0, 0.0), (0, 0.25), (0, 0.75), (1, 0.25)]);
        assert_eq!(axis.readers(HALF)[1], [(1, 0.25), (2, 0.75), (3, 1.0)]);
    }

    #[test]
    fn weights_of_every_output_add_up_to_one() {
        for (source, output) in [(1, 1), (1, 7), (7, 1), (5, 13), (13, 5), (32, 299)] {
            for mode in [Mode::Nearest, HALF, Mode::Bilinear(Coordinates::Asymmetric)] {
                let mut sums = vec![0.0; output];
                for readers in (Axis { source, output }).readers(mode) {
                    readers.iter().for_each(|(o, f)| sums[*o] += f);
                }
                assert!(sums.iter().all(|s| (s - 1.0_f32).abs() < 1e-6), "{source} {output}");
            }
        }
    }
}
