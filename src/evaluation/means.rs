//! An evaluator by mean values of pictures, for tests of everything around an evaluation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Evaluator;
use crate::Error;
use crate::data::ImageShape;
use crate::metrics::{FeatureNetwork, Moments, NetworkInfo, NetworkKind, Output};

/// Four mean values of a picture as features, two of them as logits; counts the pictures.
struct Means {
    info: NetworkInfo,
    seen: Arc<AtomicUsize>,
}

impl FeatureNetwork for Means {
    fn info(&self) -> &NetworkInfo {
        &self.info
    }

    fn dims(&self) -> usize {
        4
    }

    fn classes(&self) -> Option<usize> {
        Some(2)
    }

    fn forward(&self, pixels: &[u8], shape: ImageShape) -> Result<Output, Error> {
        let mut all = Output::default();
        for picture in pixels.chunks_exact(shape.values()) {
            self.seen.fetch_add(1, Ordering::Relaxed);
            let quarter = |i: usize| {
                let part = &picture[i * picture.len() / 4..(i + 1) * picture.len() / 4];
                part.iter().map(|v| f32::from(*v)).sum::<f32>() / part.len() as f32
            };
            let features = [quarter(0), quarter(1), quarter(2), quarter(3)];
            all.logits.extend_from_slice(&features[..2]);
            all.features.extend(features);
        }
        Ok(all)
    }
}

/// An evaluator of `n` pictures against made-up ones, and the count of the pictures it has seen.
pub(crate) fn evaluator(n: usize) -> (Evaluator, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let info = NetworkInfo {
        name: "means".into(),
        file: String::new(),
        sha256: String::new(),
        input: String::new(),
        logits: String::new(),
        kind: NetworkKind::Classifier,
    };
    let network = Means { info, seen: seen.clone() };
    let covariance = (0..16).map(|i| if i % 5 == 0 { 900.0 } else { 100.0 }).collect();
    let reference = Moments::from_parts(Some(100), vec![120.0; 4], covariance).unwrap();
    let evaluator = Evaluator::new(Box::new(network), reference, "made up", n, 7);
    (evaluator, seen)
}
