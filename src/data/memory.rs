//! Pictures that are kept decoded in memory, as bytes.

use super::resize::Picture;
use super::source::Source;
use super::{ImageShape, Images, from_byte, luminance};
use crate::Error;
use rayon::prelude::*;

/// Decoded pictures of one shape; grey ones are stored once and repeated over the channels at every read.
pub(super) struct Memory {
    pub name: String,
    pub shape: ImageShape,
    /// Channels in `bytes`, equal to `shape.c` or 1.
    pub stored_c: usize,
    pub bytes: Vec<u8>,
    pub labels: Vec<Option<usize>>,
    pub classes: Option<Vec<String>>,
    pub skipped: usize,
    pub flip: bool,
}

impl Memory {
    /// Keeps `bytes`, pictures of shape `stored`, after the source's `limit`, `size` and `gray`.
    pub fn new(
        source: &Source,
        stored: ImageShape,
        mut bytes: Vec<u8>,
        mut labels: Vec<Option<usize>>,
        classes: Option<Vec<String>>,
    ) -> Memory {
        let count = labels.len().min(source.limit.unwrap_or(usize::MAX));
        bytes.truncate(count * stored.values());
        labels.truncate(count);
        let (h, w) = source.size.map_or((stored.h, stored.w), |s| (s, s));
        let stored_c = if source.gray { 1 } else { stored.c };
        if (h, w, stored_c) != (stored.h, stored.w, stored.c) {
            bytes = convert(&bytes, stored, ImageShape { h, w, c: stored_c });
        }
        Memory {
            name: source.text.clone(),
            shape: ImageShape { h, w, c: if source.gray { 1 } else { 3 } },
            stored_c,
            bytes,
            labels,
            classes,
            skipped: 0,
            flip: source.flip,
        }
    }
}

fn convert(bytes: &[u8], from: ImageShape, to: ImageShape) -> Vec<u8> {
    let mut out = vec![0; bytes.len() / from.values() * to.values()];
    out.par_chunks_mut(to.values())
        .zip(bytes.par_chunks(from.values()))
        .for_each(|(out, bytes)| {
            let picture = Picture {
                h: from.h,
                w: from.w,
                c: from.c,
                bytes: bytes.to_vec(),
            };
            store(&picture.fit(to.h, to.w), out);
        });
    out
}

/// Copies `picture` to `out`, which has as many channels or one.
pub(super) fn store(picture: &Picture, out: &mut [u8]) {
    if out.len() == picture.bytes.len() {
        out.copy_from_slice(&picture.bytes);
        return;
    }
    for (v, rgb) in out.iter_mut().zip(picture.bytes.chunks_exact(3)) {
        *v = luminance([rgb[0], rgb[1], rgb[2]]);
    }
}

/// Turns stored bytes into values, a single stored channel repeated `repeat` times.
pub(super) fn expand(bytes: &[u8], repeat: usize, out: &mut [f32]) {
    if repeat == 1 {
        for (o, v) in out.iter_mut().zip(bytes) {
            *o = from_byte(*v);
        }
        return;
    }
    for (pixel, v) in out.chunks_exact_mut(repeat).zip(bytes) {
        pixel.fill(from_byte(*v));
    }
}

impl Images for Memory {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn shape(&self) -> ImageShape {
        self.shape
    }

    fn read(&self, i: usize, out: &mut [f32]) -> Result<(), Error> {
        assert_eq!(out.len(), self.shape.values(), "Images::read: size of out");
        let stride = self.shape.h * self.shape.w * self.stored_c;
        let bytes = &self.bytes[i * stride..(i + 1) * stride];
        expand(bytes, self.shape.c / self.stored_c, out);
        Ok(())
    }

    fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    fn label(&self, i: usize) -> Option<usize> {
        self.labels[i]
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn skipped(&self) -> usize {
        self.skipped
    }

    fn flip(&self) -> bool {
        self.flip
    }
}
