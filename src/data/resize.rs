//! Antialiased bilinear resizing of 8-bit pictures, bit for bit what Pillow's `Image.resize(size, BILINEAR)` gives.
//!
//! A separable triangle filter whose support grows with the reduction, its weights normalised at the borders and
//! rounded to 22-bit fixed point; rows are done first and rounded to bytes before the columns. (Pillow 13 does the
//! columns first where a picture grows wider and less high; the releases before it never do.)

/// Fraction bits of the weights: a byte times a weight times a few taps stays within 32 bits.
const BITS: u32 = 32 - 8 - 2;

/// An 8-bit picture, `bytes[(y * w + x) * c + channel]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub bytes: Vec<u8>,
}

impl Picture {
    /// Cuts the largest centred part with the aspect of `h` x `w` and resizes it to that size.
    pub fn fit(self, h: usize, w: usize) -> Picture {
        if (self.h, self.w) == (h, w) {
            return self;
        }
        // Compare self.w / self.h with w / h in whole numbers.
        let (crop_h, crop_w) = if self.w * h > self.h * w {
            (self.h, (self.h * w / h).max(1))
        } else {
            ((self.w * h / w).max(1), self.w)
        };
        self.crop_centre(crop_h, crop_w).resize(h, w)
    }

    fn crop_centre(self, h: usize, w: usize) -> Picture {
        if (self.h, self.w) == (h, w) {
            return self;
        }
        let (top, left) = ((self.h - h) / 2, (self.w - w) / 2);
        let mut bytes = Vec::with_capacity(h * w * self.c);
        for y in top..top + h {
            let start = (y * self.w + left) * self.c;
            bytes.extend_from_slice(&self.bytes[start..start + w * self.c]);
        }
        Picture { h, w, c: self.c, bytes }
    }

    /// Resizes to `h` x `w`.
    pub fn resize(self, h: usize, w: usize) -> Picture {
        let wide = if self.w == w { self } else { self.resize_rows(w) };
        if wide.h == h { wide } else { wide.resize_columns(h) }
    }

    fn resize_rows(&self, w: usize) -> Picture {
        let taps = taps(self.w, w);
        let mut bytes = Vec::with_capacity(self.h * w * self.c);
        for row in self.bytes.chunks_exact(self.w * self.c) {
            match self.c {
                1 => resize_row::<1>(row, &taps, &mut bytes),
                3 => resize_row::<3>(row, &taps, &mut bytes),
                c => unreachable!("pictures have 1 or 3 channels, not {c}"),
            }
        }
        Picture { w, bytes, ..*self }
    }

    fn resize_columns(&self, h: usize) -> Picture {
        let stride = self.w * self.c;
        let mut bytes = Vec::with_capacity(h * stride);
        let mut sums = vec![0; stride];
        for tap in taps(self.h, h) {
            sums.fill(HALF);
            let rows = self.bytes[tap.first * stride..].chunks_exact(stride);
            for (weight, row) in tap.weights.iter().zip(rows) {
                for (sum, v) in sums.iter_mut().zip(row) {
                    *sum += weight * i32::from(*v);
                }
            }
            bytes.extend(sums.iter().map(|sum| to_byte(*sum)));
        }
        Picture { h, bytes, ..*self }
    }
}

/// Appends one resized row of `C` channels.
fn resize_row<const C: usize>(row: &[u8], taps: &[Tap], out: &mut Vec<u8>) {
    let (pixels, _) = row.as_chunks::<C>();
    for tap in taps {
        let mut sums = [HALF; C];
        for (weight, pixel) in tap.weights.iter().zip(&pixels[tap.first..]) {
            for (sum, v) in sums.iter_mut().zip(pixel) {
                *sum += weight * i32::from(*v);
            }
        }
        out.extend(sums.map(to_byte));
    }
}

/// What one output sample reads: inputs from `first` on, with fixed-point weights.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

/// Half a byte step, where every sum starts, so that cutting off the fraction rounds.
const HALF: i32 = 1 << (BITS - 1);

fn to_byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    (0..to)
        .map(|o| {
            let centre = (o as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let raw: Vec<f64> = (first..end)
                .map(|i| (1.0 - ((i as f64 - centre + 0.5) / support).abs()).max(0.0))
                .collect();
            let total: f64 = raw.iter().sum();
            let weights = raw.iter().map(|w| (w / total * f64::from(1u32 << BITS) + 0.5) as i32).collect();
            Tap { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(h: usize, w: usize, seed: usize) -> Picture {
        let bytes = (0..h * w * 3).map(|i| ((i * i * 7 + i * seed) % 251) as u8);
        Picture { h, w, c: 3, bytes: bytes.collect() }
    }

    #[test]
    #[rustfmt::skip]
    fn equals_pillow() {
        let cases: [([usize; 4], &[u8]); 5] = [
            ([8, 8, 4, 4], &[
                96, 109, 121, 108, 96, 135, 101, 129, 98, 148, 130, 94, 130, 69, 104, 107, 115, 105, 129, 175, 112, 130,
                129, 111, 145, 89, 128, 143, 102, 109, 135, 150, 140, 123, 122, 134, 129, 149, 138, 142, 119, 129, 148,
                111, 84, 146, 124, 111]),
            ([7, 5, 3, 4], &[
                67, 116, 139, 113, 95, 148, 100, 141, 117, 147, 119, 128, 163, 123, 73, 128, 82, 96, 72, 92, 68, 104,
                152, 80, 152, 101, 132, 141, 106, 142, 108, 134, 155, 108, 101, 105]),
            ([4, 4, 6, 6], &[
                0, 20, 54, 51, 92, 147, 98, 167, 208, 83, 180, 82, 131, 130, 144, 182, 77, 237, 80, 59, 51, 69, 131,
                145, 75, 186, 207, 144, 116, 81, 151, 109, 144, 140, 119, 237, 146, 111, 48, 94, 163, 143, 73, 185, 206,
                199, 59, 80, 157, 81, 144, 84, 133, 238, 91, 168, 50, 123, 138, 144, 158, 103, 208, 173, 90, 84, 105,
                57, 149, 33, 27, 244, 40, 103, 55, 93, 115, 88, 144, 131, 111, 132, 147, 71, 120, 100, 95, 111, 50, 128,
                2, 24, 60, 56, 99, 31, 107, 178, 12, 96, 195, 57, 148, 149, 39, 202, 99, 10]),
            ([9, 6, 2, 6], &[
                80, 49, 82, 114, 147, 119, 115, 172, 91, 176, 105, 125, 160, 131, 84, 69, 89, 137, 135, 161, 101, 109,
                92, 153, 150, 129, 132, 139, 125, 86, 135, 109, 119, 136, 121, 120]),
            ([3, 3, 5, 1], &[66, 128, 133, 89, 130, 142, 124, 133, 156, 129, 128, 140, 133, 124, 130]),
        ];
        for ([h, w, oh, ow], want) in cases {
            assert_eq!(picture(h, w, 13).resize(oh, ow).bytes, want, "{h}x{w} -> {oh}x{ow}");
        }
        let big = picture(64, 48, 5).resize(23, 17).bytes;
        let hash = big.iter().fold(0u32, |h, v| h.wrapping_mul(31).wrapping_add(u32::from(*v)));
        assert_eq!(hash, 3_325_114_826);
    }

    #[test]
    fn halving_weighs_one_three_three_one() {
        let tap = &taps(8, 4)[1];
        let eighth = 1 << (BITS - 3);
        assert_eq!(tap.weights, [eighth, 3 * eighth, 3 * eighth, eighth]);
    }

    #[test]
    fn fit_crops_the_centre_to_the_wanted_aspect() {
        let p = Picture {
            h: 2,
            w: 6,
            c: 1,
            bytes: vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        };
        assert_eq!(p.clone().fit(2, 2).bytes, [3, 4, 9, 10]);
        assert_eq!(p.clone().fit(2, 6), p);
        assert_eq!(p.fit(1, 4).w, 4);
        let line = picture(500, 1, 3).fit(4, 4);
        assert_eq!((line.h, line.w, line.bytes.len()), (4, 4, 48));
    }
}
