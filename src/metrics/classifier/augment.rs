//! Random shifts and reflections of training pictures, the same for the same seed whatever the number of threads.

use rayon::prelude::*;

use crate::Rng;
use crate::data::{Batch, ImageShape};

/// Most pixels that a picture is shifted by; what comes in is black.
const SHIFT: usize = 4;

/// The pictures of a batch, each shifted by up to four pixels either way and reflected half of the time.
pub(super) fn augmented(batch: &Batch, seed: u64) -> Vec<f32> {
    let shape = batch.shape;
    let mut out = vec![0.0; batch.pixels.len()];
    out.par_chunks_exact_mut(shape.values())
        .zip(batch.pixels.par_chunks_exact(shape.values()))
        .zip(batch.indices)
        .for_each(|((out, pixels), index)| {
            let mut rng = Rng::stream(seed, &format!("augment {} {index}", batch.epoch));
            let shift = [0; 2].map(|_: usize| rng.below(2 * SHIFT + 1) as isize - SHIFT as isize);
            moved(pixels, shape, shift, rng.bits() >> 63 == 1, out);
        });
    out
}

/// `out(i, j) = pixels(i + shift, j + shift)`, its columns from right to left if `mirrored`.
fn moved(pixels: &[f32], shape: ImageShape, shift: [isize; 2], mirrored: bool, out: &mut [f32]) {
    let ImageShape { h, w, c } = shape;
    for (i, row) in out.chunks_exact_mut(w * c).enumerate() {
        let from = i as isize + shift[0];
        for (j, pixel) in row.chunks_exact_mut(c).enumerate() {
            let j = if mirrored { w - 1 - j } else { j } as isize + shift[1];
            match (0..h as isize).contains(&from) && (0..w as isize).contains(&j) {
                true => pixel.copy_from_slice(&pixels[(from as usize * w + j as usize) * c..][..c]),
                false => pixel.fill(-1.0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_shifted_and_reflected() {
        let shape = ImageShape { h: 2, w: 3, c: 1 };
        let pixels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        let go = |shift, mirrored| {
            let mut out = [9.0; 6];
            moved(&pixels, shape, shift, mirrored, &mut out);
            out
        };
        assert_eq!(go([0, 0], false), pixels);
        assert_eq!(go([0, 0], true), [0.3, 0.2, 0.1, 0.6, 0.5, 0.4]);
        assert_eq!(go([1, -1], false), [-1.0, 0.4, 0.5, -1.0, -1.0, -1.0]);
        assert_eq!(go([0, 3], false), [-1.0; 6]);
    }
}
