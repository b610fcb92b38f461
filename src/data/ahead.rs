//! Batches that are read while the device is at work on the one before.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use super::{Batches, ImageShape, Images};
use crate::Error;

/// Some pictures of a source, owned.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedBatch {
    /// `[n, h, w, c]` values in -1..1.
    pub pixels: Vec<f32>,
    /// Number of pictures, at least 1.
    pub n: usize,
    /// Shape of each picture.
    pub shape: ImageShape,
}

/// What a reading task sends back: the walk behind the batch, and the batch.
type Read = (Batches, Result<OwnedBatch, Error>);

/// A walk whose next batch is decoded and mirrored on rayon's threads before it is asked for.
pub struct Ahead {
    images: Arc<dyn Images>,
    /// The walk as it stands after the last batch that was handed out.
    walked: Batches,
    coming: Option<Receiver<Read>>,
}

impl Ahead {
    /// A walk over `images` that goes on from `batches`.
    pub fn new(images: Arc<dyn Images>, batches: Batches) -> Ahead {
        Ahead { images, walked: batches, coming: None }
    }

    /// The walk as it stands after the last batch that was handed out, whatever was read since.
    pub fn walked(&self) -> &Batches {
        &self.walked
    }

    /// The source.
    pub fn images(&self) -> &Arc<dyn Images> {
        &self.images
    }

    /// The next batch, and the seconds that were spent waiting for it; reading the one after it begins.
    ///
    /// # Errors
    /// If a picture cannot be read, or the source has another length than the walk was made for.
    pub fn batch(&mut self) -> Result<(OwnedBatch, f64), Error> {
        let began = Instant::now();
        let coming = self.coming.take().unwrap_or_else(|| self.begin(self.walked.clone()));
        // A task that panicked drops its end; the panic itself was reported where it happened.
        let lost = || Error::config(self.images.name(), "reading a batch failed");
        let (walked, batch) = coming.recv().map_err(|_| lost())?;
        let batch = batch?;
        let waited = began.elapsed().as_secs_f64();
        self.walked = walked.clone();
        self.coming = Some(self.begin(walked));
        Ok((batch, waited))
    }

    fn begin(&self, mut batches: Batches) -> Receiver<Read> {
        let (send, receive) = channel();
        let images = self.images.clone();
        rayon::spawn(move || {
            let batch = batches.next(images.as_ref()).map(|batch| OwnedBatch {
                pixels: batch.pixels.to_vec(),
                n: batch.n,
                shape: batch.shape,
            });
            // Nobody listens when the walk was dropped; then nobody misses the batch.
            let _ = send.send((batches, batch));
        });
        receive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{OpenOptions, open};

    #[test]
    fn batches_are_those_of_the_walk_and_go_on_after_any_of_them() {
        let images: Arc<dyn Images> =
            Arc::from(open("shapes?size=6&limit=11&flip=1", &OpenOptions::default()).unwrap());
        let mut plain = Batches::new(11, 4, 5);
        let mut ahead = Ahead::new(images.clone(), Batches::new(11, 4, 5));
        for _ in 0..10 {
            let want = plain.next(images.as_ref()).unwrap().pixels.to_vec();
            let (got, waited) = ahead.batch().unwrap();
            assert!(got.pixels == want && waited >= 0.0);
            // The walk that a snapshot keeps knows nothing of what was read ahead.
            let text = serde_json::to_string(ahead.walked()).unwrap();
            assert_eq!(text, serde_json::to_string(&plain).unwrap());
        }
    }

    #[test]
    fn other_data_than_at_the_start_is_an_error() {
        let images: Arc<dyn Images> =
            Arc::from(open("shapes?size=6&limit=11", &OpenOptions::default()).unwrap());
        assert!(Ahead::new(images, Batches::new(12, 4, 5)).batch().is_err());
    }
}
