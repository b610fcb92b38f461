//! How near a generator's pictures are to real ones.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::Sampler;
use crate::metrics::{
    FeatureNetwork, Keep, Moments, NetworkKind, extract, frechet_distance, inception_score,
};
use crate::space::build::{Generator, Relaxation};
use crate::{Device, Error};

/// Chunks of the Inception Score.
const SPLITS: usize = 10;
/// Images of what may be called FID.
const FID_IMAGES: usize = 50_000;

impl std::ops::AddAssign for Seconds {
    fn add_assign(&mut self, more: Seconds) {
        self.sampling += more.sampling;
        self.features += more.features;
        self.algebra += more.algebra;
    }
}

/// Compares pictures of a generator with real ones by the features of a network.
pub struct Evaluator {
    network: Box<dyn FeatureNetwork>,
    reference: Moments,
    /// Where the reference comes from.
    source: String,
    n: usize,
    seed: u64,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Fréchet distance to the real pictures.
    pub distance: f64,
    /// Mean and spread of the score over ten chunks, if the network gives logits.
    pub score: Option<(f64, f64)>,
    /// Where the time went.
    pub seconds: Seconds,
}

/// Wall time of the parts of an evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seconds {
    /// The generator's pictures.
    pub sampling: f64,
    /// Their features.
    pub features: f64,
    /// Distance and score.
    pub algebra: f64,
}

impl Evaluator {
    /// An evaluator that makes `n` pictures with latents of `seed` and compares them with `reference`, the moments of
    /// the features of `source` under the same network.
    pub fn new(
        network: Box<dyn FeatureNetwork>,
        reference: Moments,
        source: &str,
        n: usize,
        seed: u64,
    ) -> Evaluator {
        Evaluator {
            network,
            reference,
            source: source.to_owned(),
            n,
            seed,
        }
    }

    /// Whether its distance may be called FID: the published network, 50,000 images.
    pub fn is_fid(&self) -> bool {
        self.network.info().kind == NetworkKind::Published && self.n == FID_IMAGES
    }

    /// The name of the distance: `fid` or `frechet`.
    pub fn distance_name(&self) -> &'static str {
        if self.is_fid() { "fid" } else { "frechet" }
    }

    /// The name of the score: `is` or `score`.
    pub fn score_name(&self) -> &'static str {
        if self.is_fid() { "is" } else { "score" }
    }

    /// Whether there is a score: the network gives logits, and there are enough pictures for its chunks.
    pub fn has_score(&self) -> bool {
        self.network.classes().is_some() && self.n >= SPLITS
    }

    /// What the numbers rest on.
    pub fn protocol(&self) -> Value {
        let info = self.network.info();
        json!({
            "network": info.name, "file": info.file, "sha256": info.sha256, "input": info.input,
            "features": self.network.dims(), "generated": self.n, "reference": self.source,
            "reference_images": self.reference.n, "splits": SPLITS,
        })
    }

    /// Compares pictures of `generator` as it is, in evaluation mode.
    ///
    /// # Errors
    /// If the device fails or a feature is not finite.
    pub fn evaluate(&self, generator: &mut Generator, device: &Device) -> Result<Evaluation, Error> {
        let logits = self.has_score();
        let mut pixels = Sampler::new(generator, Relaxation::Softmax, device, self.n, self.seed);
        let keep = Keep { features: false, logits };
        let began = Instant::now();
        let found = extract(self.network.as_ref(), &mut pixels, super::BATCH, keep, &mut |_| Ok(()))?;
        let (extracted, sampling) = (began.elapsed().as_secs_f64(), pixels.seconds());
        let moments = found
            .moments
            .ok_or_else(|| Error::config("eval_images", "a distance takes at least two images"))?;
        let score = match &found.logits {
            Some(logits) => {
                let score = inception_score(logits, SPLITS, None)?;
                Some((score.mean, score.std))
            }
            None => None,
        };
        let distance = frechet_distance(&moments, &self.reference)?.distance;
        let seconds = Seconds {
            sampling,
            features: extracted - sampling,
            algebra: began.elapsed().as_secs_f64() - extracted,
        };
        Ok(Evaluation { distance, score, seconds })
    }

    /// `found` as keys of a line of metrics, each ending in `_{which}`.
    pub fn keys(&self, found: &Evaluation, which: &str) -> Map<String, Value> {
        let mut keys = Map::new();
        keys.insert(format!("{}_{which}", self.distance_name()), json!(found.distance));
        if let Some((mean, std)) = found.score {
            let name = self.score_name();
            keys.insert(format!("{name}_mean_{which}"), json!(mean));
            keys.insert(format!("{name}_std_{which}"), json!(std));
        }
        keys
    }
}
