//! The geometry of a convolution: which shifted pixels it reads.

/// An ordinary convolution's settings, square in stride and dilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Pixels between two outputs.
    pub stride: usize,
    /// Zero rows and columns added on each side.
    pub pad: [usize; 2],
    /// Pixels between two kernel elements.
    pub dilation: usize,
}

impl Conv2d {
    /// A `k` by `k` kernel with stride 1 and no padding.
    pub fn new(k: usize) -> Conv2d {
        Conv2d {
            kernel: [k, k],
            stride: 1,
            pad: [0, 0],
            dilation: 1,
        }
    }

    /// A `k` by `k` kernel (`k` odd) with stride 1 that keeps the image size.
    pub fn same(k: usize) -> Conv2d {
        Conv2d::new(k).pad((k - 1) / 2)
    }

    /// The same with another stride.
    pub fn stride(self, stride: usize) -> Conv2d {
        Conv2d { stride, ..self }
    }

    /// The same with `pad` zeros on all four sides.
    pub fn pad(self, pad: usize) -> Conv2d {
        Conv2d { pad: [pad, pad], ..self }
    }

    /// The same with another dilation.
    pub fn dilation(self, dilation: usize) -> Conv2d {
        Conv2d { dilation, ..self }
    }

    /// Number of kernel elements.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// A convolution as a list of taps:
///
/// `y[n,i,j,:] = bias + sum over t of x[n, i*stride + dy_t, j*stride + dx_t, :] * w[t]`, pixels outside being zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TapConv {
    /// `(dy, dx)` of each tap, in the order of the weight's first axis.
    pub taps: Vec<(i32, i32)>,
    /// Pixels between two outputs.
    pub stride: usize,
    /// The output has `(h + slack) / stride + 1` rows, and likewise columns.
    pub slack: [i32; 2],
}

impl From<Conv2d> for TapConv {
    fn from(conv: Conv2d) -> TapConv {
        let [kh, kw] = conv.kernel;
        let offset = |k: usize, pad: usize| (k * conv.dilation) as i32 - pad as i32;
        let slack = |k: usize, pad: usize| 2 * pad as i32 - (conv.dilation * (k - 1)) as i32 - 1;
        TapConv {
            taps: (0..kh)
                .flat_map(|ky| (0..kw).map(move |kx| (ky, kx)))
                .map(|(ky, kx)| (offset(ky, conv.pad[0]), offset(kx, conv.pad[1])))
                .collect(),
            stride: conv.stride,
            slack: [slack(kh, conv.pad[0]), slack(kw, conv.pad[1])],
        }
    }
}

impl TapConv {
    /// Output height and width for an input of `h` by `w`.
    ///
    /// # Panics
    /// If the kernel is larger than the padded image.
    #[track_caller]
    pub fn out(&self, h: usize, w: usize) -> [usize; 2] {
        let side = |size: usize, slack: i32| {
            let room = size as i32 + slack;
            assert!(room >= 0, "conv2d: the kernel is larger than the padded image ({h} by {w})");
            room as usize / self.stride + 1
        };
        [side(h, self.slack[0]), side(w, self.slack[1])]
    }

    /// One convolution whose taps are the distinct taps of all `parts`, and for each part the place of each of its
    /// taps in that union.
    ///
    /// # Panics
    /// If there is no part, or stride or output size differ.
    #[track_caller]
    pub fn union(parts: &[TapConv]) -> (TapConv, Vec<Vec<usize>>) {
        let first = parts.first().expect("TapConv::union: no parts");
        let mut union = TapConv { taps: Vec::new(), ..first.clone() };
        let mut maps = Vec::new();
        for part in parts {
            assert!(
                part.stride == first.stride && part.slack == first.slack,
                "TapConv::union: strides or output sizes differ"
            );
            let place = |tap: &(i32, i32)| {
                union.taps.iter().position(|t| t == tap).unwrap_or_else(|| {
                    union.taps.push(*tap);
                    union.taps.len() - 1
                })
            };
            maps.push(part.taps.iter().map(place).collect());
        }
        (union, maps)
    }

    /// The convolutions over `gy` that together give the gradient of an `h` by `w` input: one for each residue of
    /// the input position modulo the stride, since a pixel is only read by taps of its own residue.
    pub(super) fn adjoint(&self) -> Vec<Residue> {
        let s = self.stride as i32;
        let mut all = Vec::new();
        for oy in 0..s {
            for ox in 0..s {
                let mut reached: Vec<(usize, (i32, i32))> = self
                    .taps
                    .iter()
                    .enumerate()
                    .filter(|(_, (dy, dx))| (oy - dy).rem_euclid(s) == 0 && (ox - dx).rem_euclid(s) == 0)
                    .map(|(t, (dy, dx))| (t, ((oy - dy) / s, (ox - dx) / s)))
                    .collect();
                // From left to right again, so that taps side by side read consecutive floats.
                reached.sort_by_key(|(_, tap)| *tap);
                let (which, taps) = reached.into_iter().unzip();
                all.push(Residue { which, taps, at: [oy as usize, ox as usize] });
            }
        }
        all
    }
}

/// The part of an input gradient at positions `at + stride * (i, j)`.
pub(super) struct Residue {
    /// Indices of the taps that read such positions.
    pub which: Vec<usize>,
    /// Where in `gy`, relative to `(i, j)`, each of them stored its product.
    pub taps: Vec<(i32, i32)>,
    /// The residue in rows and columns.
    pub at: [usize; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_candidates_have_41_distinct_taps_of_69() {
        let parts: Vec<TapConv> = [
            Conv2d::same(1),
            Conv2d::same(3),
            Conv2d::same(5),
            Conv2d::new(3).dilation(2).pad(2),
            Conv2d::new(5).dilation(2).pad(4),
        ]
        .map(TapConv::from)
        .to_vec();
        let (union, maps) = TapConv::union(&parts);
        assert_eq!(union.taps.len(), 41);
        assert_eq!(maps.iter().map(Vec::len).sum::<usize>(), 69);
        for (part, map) in parts.iter().zip(&maps) {
            for (tap, place) in part.taps.iter().zip(map) {
                assert_eq!(union.taps[*place], *tap);
            }
        }
    }

    #[test]
    fn output_sizes_follow_the_usual_formula() {
        assert_eq!(TapConv::from(Conv2d::same(5)).out(7, 9), [7, 9]);
        assert_eq!(TapConv::from(Conv2d::new(3).stride(2)).out(299, 299), [149, 149]);
        assert_eq!(TapConv::from(Conv2d::new(5).dilation(2).pad(4).stride(2)).out(2, 3), [1, 2]);
    }

    #[test]
    fn every_tap_belongs_to_one_residue() {
        let conv = TapConv::from(Conv2d::new(5).dilation(2).pad(4).stride(2));
        let residues = conv.adjoint();
        assert_eq!(residues.len(), 4);
        assert_eq!(residues.iter().map(|r| r.which.len()).sum::<usize>(), 25);
    }
}
