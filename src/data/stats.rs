//! What a source holds: counts, classes, mean and standard deviation of its channels.

use super::{ImageShape, Images, first_error};
use crate::Error;
use rayon::prelude::*;

/// Pictures summed as one unit; fixed, so that the result does not depend on the number of threads.
const BLOCK: usize = 256;

/// A class and how many pictures it has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClassCount {
    /// Name of the class.
    pub name: String,
    /// Pictures of the class.
    pub count: usize,
}

/// Figures of a whole source.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// Number of pictures.
    pub count: usize,
    /// Shape of each.
    pub shape: ImageShape,
    /// The classes in their order, if the source has any.
    pub classes: Option<Vec<ClassCount>>,
    /// Mean of each channel, pixels in 0..1.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel over all pixels, `sqrt(E[(x - mean)^2])`, pixels in 0..1.
    pub std: Vec<f64>,
    /// Pictures that could not be decoded and were left out.
    pub skipped: usize,
}

/// Reads every picture of `images` and sums up.
///
/// # Errors
/// If a picture cannot be read.
pub fn stats(images: &dyn Images) -> Result<Stats, Error> {
    let (count, shape) = (images.len(), images.shape());
    let blocks: Vec<_> = (0..count.div_ceil(BLOCK))
        .into_par_iter()
        .map(|b| block_sums(images, b * BLOCK..((b + 1) * BLOCK).min(count)))
        .collect();
    let mut sums = vec![[0.0f64; 2]; shape.c];
    for block in first_error(blocks)? {
        for (sum, part) in sums.iter_mut().zip(block) {
            sum[0] += part[0];
            sum[1] += part[1];
        }
    }
    let pixels = (count * shape.h * shape.w) as f64;
    let moments = sums.iter().map(|[first, second]| {
        let mean = first / pixels;
        // The sums are of values around 0, the figures of values in 0..1.
        let variance = (second / pixels - mean * mean).max(0.0);
        (mean * 0.5 + 0.5, variance.sqrt() * 0.5)
    });
    let (mean, std) = moments.unzip();
    Ok(Stats {
        count,
        shape,
        classes: images.classes().map(|names| class_counts(images, names)),
        mean,
        std,
        skipped: images.skipped(),
    })
}

fn block_sums(images: &dyn Images, range: std::ops::Range<usize>) -> Result<Vec<[f64; 2]>, Error> {
    let shape = images.shape();
    let mut pixels = vec![0.0; shape.values()];
    let mut sums = vec![[0.0f64; 2]; shape.c];
    for i in range {
        images.read(i, &mut pixels)?;
        for pixel in pixels.chunks_exact(shape.c) {
            for (sum, v) in sums.iter_mut().zip(pixel) {
                let v = f64::from(*v);
                sum[0] += v;
                sum[1] += v * v;
            }
        }
    }
    Ok(sums)
}

fn class_counts(images: &dyn Images, names: &[String]) -> Vec<ClassCount> {
    let mut counts = vec![0; names.len()];
    for label in (0..images.len()).filter_map(|i| images.label(i)) {
        counts[label] += 1;
    }
    names
        .iter()
        .zip(counts)
        .map(|(name, count)| ClassCount { name: name.clone(), count })
        .collect()
}
