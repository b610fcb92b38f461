//! Seeded epochs over a source, in batches.

use std::num::NonZeroUsize;

use super::{ImageShape, Images, first_error};
use crate::{Error, Rng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A walk over a source: every picture once an epoch, in an order drawn anew for each, the last partial batch kept.
///
/// Its serialised form is its whole state: a walk read back goes on with exactly the batches that would have come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batches {
    seed: u64,
    batch: NonZeroUsize,
    len: usize,
    epoch: u64,
    position: usize,
    #[serde(skip)]
    order: Vec<usize>,
    #[serde(skip)]
    pixels: Vec<f32>,
    #[serde(skip)]
    labels: Vec<Option<usize>>,
    /// Whether a random half is mirrored though the source does not ask for it.
    #[serde(default)]
    flip: bool,
}

/// Some pictures of a source, borrowed from the [`Batches`] that read them.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// `[n, h, w, c]` values in -1..1.
    pub pixels: &'a [f32],
    /// Number of pictures, at least 1.
    pub n: usize,
    /// Shape of each picture.
    pub shape: ImageShape,
    /// Class of each picture, `None` where the source has none.
    pub labels: &'a [Option<usize>],
    /// Position of each picture in the source.
    pub indices: &'a [usize],
    /// Epoch that the batch belongs to, from 0.
    pub epoch: u64,
}

impl Batches {
    /// A walk over `len` pictures, `batch` at a time.
    ///
    /// # Panics
    /// If `len` or `batch` is 0.
    #[track_caller]
    pub fn new(len: usize, batch: usize, seed: u64) -> Batches {
        let batch = NonZeroUsize::new(batch).expect("Batches::new: batches of 0 pictures");
        assert!(len > 0, "Batches::new: no pictures");
        Batches {
            seed,
            batch,
            len,
            epoch: 0,
            position: 0,
            order: Vec::new(),
            pixels: Vec::new(),
            labels: Vec::new(),
            flip: false,
        }
    }

    /// The same walk with a random half of the pictures mirrored if `flip`, or if the source asks for it.
    pub fn mirrored(self, flip: bool) -> Batches {
        Batches { flip, ..self }
    }

    /// Batches in one epoch.
    pub fn per_epoch(&self) -> usize {
        self.len.div_ceil(self.batch.get())
    }

    /// Epochs that were walked to their end.
    pub fn epoch(&self) -> u64 {
        if self.position == self.len {
            self.epoch + 1
        } else {
            self.epoch
        }
    }

    /// The next pictures of `images`, mirrored at random if the source asks for it.
    ///
    /// # Errors
    /// If a picture cannot be read, or `images` has another length than this walk was made for.
    pub fn next(&mut self, images: &dyn Images) -> Result<Batch<'_>, Error> {
        if images.len() != self.len {
            return Err(Error::config(
                images.name(),
                format!(
                    "has {} pictures, the run was started with {}; use the same data",
                    images.len(),
                    self.len
                ),
            ));
        }
        if self.position >= self.len {
            self.epoch += 1;
            self.position = 0;
            self.order.clear();
        }
        if self.order.len() != self.len {
            let stream = format!("batches {}", self.epoch);
            self.order = Rng::stream(self.seed, &stream).permutation(self.len);
        }
        let end = (self.position.saturating_add(self.batch.get())).min(self.len);
        let (seed, epoch) = (self.seed, self.epoch);
        let flip = self.flip || images.flip();
        let indices = &self.order[self.position..end];
        let shape = images.shape();
        self.pixels.resize(indices.len() * shape.values(), 0.0);
        let results: Vec<_> = self
            .pixels
            .par_chunks_mut(shape.values())
            .zip(indices)
            .map(|(out, i)| {
                images.read(*i, out)?;
                if flip && mirrored(seed, epoch, *i) {
                    mirror(out, shape);
                }
                Ok(())
            })
            .collect();
        first_error(results)?;
        self.labels.clear();
        self.labels.extend(indices.iter().map(|i| images.label(*i)));
        self.position = end;
        Ok(Batch {
            pixels: &self.pixels,
            n: indices.len(),
            shape,
            labels: &self.labels,
            indices,
            epoch,
        })
    }
}

fn mirrored(seed: u64, epoch: u64, i: usize) -> bool {
    Rng::stream(seed, &format!("flip {epoch} {i}")).bits() >> 63 == 1
}

fn mirror(pixels: &mut [f32], shape: ImageShape) {
    let c = shape.c;
    for row in pixels.chunks_exact_mut(shape.w * c) {
        for x in 0..shape.w / 2 {
            for channel in 0..c {
                row.swap(x * c + channel, (shape.w - 1 - x) * c + channel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{OpenOptions, Shapes, open};

    fn walk(batches: &mut Batches, images: &dyn Images, steps: usize) -> Vec<(Vec<usize>, Vec<f32>)> {
        let mut seen = Vec::new();
        for _ in 0..steps {
            let batch = batches.next(images).unwrap();
            assert_eq!((batch.n, batch.pixels.len()), (batch.indices.len(), batch.n * batch.shape.values()));
            for (i, label) in batch.indices.iter().zip(batch.labels) {
                assert_eq!(*label, images.label(*i));
            }
            seen.push((batch.indices.to_vec(), batch.pixels.to_vec()));
        }
        seen
    }

    #[test]
    fn an_epoch_holds_every_picture_once_with_a_partial_last_batch() {
        let images = Shapes::new(4, 10, 1);
        let mut batches = Batches::new(10, 4, 3);
        assert_eq!(batches.per_epoch(), 3);
        let mut orders = Vec::new();
        for epoch in 0..3 {
            assert_eq!(batches.epoch(), epoch);
            let seen = walk(&mut batches, &images, 3);
            assert_eq!(seen.iter().map(|s| s.0.len()).collect::<Vec<_>>(), [4, 4, 2]);
            let order: Vec<usize> = seen.into_iter().flat_map(|s| s.0).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
            orders.push(order);
        }
        assert!(orders[0] != orders[1] && orders[1] != orders[2]);
    }

    #[test]
    fn a_resumed_walk_equals_an_unbroken_one() {
        let images = open("shapes?size=6&limit=11&flip=1", &OpenOptions::default()).unwrap();
        for stop in 0..9 {
            let mut batches = Batches::new(11, 3, 5);
            walk(&mut batches, images.as_ref(), stop);
            let text = serde_json::to_string(&batches).unwrap();
            let mut resumed: Batches = serde_json::from_str(&text).unwrap();
            assert_eq!(batches.epoch(), resumed.epoch());
            assert_eq!(walk(&mut batches, images.as_ref(), 9), walk(&mut resumed, images.as_ref(), 9));
        }
    }

    #[test]
    fn flip_mirrors_about_half_and_differently_each_epoch() {
        let images = open("shapes?size=7&limit=200&flip=1", &OpenOptions::default()).unwrap();
        let mut batches = Batches::new(200, 200, 5);
        let mut flags = vec![Vec::new(), Vec::new()];
        let mut plain = vec![0.0; 7 * 7 * 3];
        for flags in &mut flags {
            let batch = batches.next(images.as_ref()).unwrap();
            flags.resize(200, false);
            for (i, got) in batch.indices.iter().zip(batch.pixels.chunks_exact(7 * 7 * 3)) {
                images.read(*i, &mut plain).unwrap();
                flags[*i] = got != plain;
                if flags[*i] {
                    mirror(&mut plain, batch.shape);
                    assert_eq!(got, plain);
                }
            }
        }
        let share = flags[0].iter().filter(|f| **f).count();
        assert!((70..130).contains(&share), "{share} of 200");
        assert_ne!(flags[0], flags[1]);
    }

    #[test]
    fn other_data_than_at_the_start_is_an_error() {
        let error = Batches::new(11, 3, 5).next(&Shapes::new(4, 12, 0)).unwrap_err();
        assert!(error.to_string().contains("has 12 pictures, the run was started with 11"), "{error}");
        let state = r#"{"seed":1,"batch":0,"len":3,"epoch":0,"position":0}"#;
        assert!(serde_json::from_str::<Batches>(state).is_err());
    }
}
