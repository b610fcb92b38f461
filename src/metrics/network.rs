//! What a feature network is, and features of a whole sequence of pictures.

use serde::{Deserialize, Serialize};

use super::{FeatureSet, MomentSums, Moments, Values};
use crate::Error;
use crate::data::{ImageShape, Pixels};
use crate::device::Device;

/// What the numbers of a network may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// Inception with the published weights of 2015-12-05: FID, Inception Score, KID.
    Published,
    /// Inception with other weights.
    Inception,
    /// A classifier of our own.
    Classifier,
}

/// What is printed beside every number that rests on a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInfo {
    /// `inception-2015-12-05` for the weights that FID is defined by, `inception` for others, `classifier DATA`.
    pub name: String,
    /// The file of its weights, as it was named.
    pub file: String,
    /// Hash of that file.
    pub sha256: String,
    /// How pictures are resized and scaled, and whether halves are what then is convolved: features that differ in it are
    /// not of one kind.
    pub input: String,
    /// How logits are made, where that can be chosen; empty elsewhere.
    pub logits: String,
    /// What its numbers may be called.
    pub kind: NetworkKind,
}

/// [`NetworkInfo::input`] of a network that resizes and scales by `rule` on this device.
pub(super) fn input_on(device: &Device, rule: &str) -> String {
    let halves = if device.half() { "; halves in convolutions" } else { "" };
    format!("{rule}{halves}")
}

/// Row-major results for some pictures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    /// Rows of `dims` features.
    pub features: Vec<f32>,
    /// Rows of `classes` logits; empty if the network gives none.
    pub logits: Vec<f32>,
}

/// A network that describes pictures by features, and perhaps by logits of classes. The result for a picture does not
/// depend on the others it is given with.
pub trait FeatureNetwork {
    /// What it is.
    fn info(&self) -> &NetworkInfo;

    /// Features of a picture.
    fn dims(&self) -> usize;

    /// Logits of a picture; `None` if it gives none.
    fn classes(&self) -> Option<usize>;

    /// Features and logits of pictures of bytes `[n,h,w,c]`, `c` 3 or 1, in bounded memory; waits for the device.
    ///
    /// # Errors
    /// If the device fails.
    fn forward(&self, pixels: &[u8], shape: ImageShape) -> Result<Output, Error>;
}

/// Values of pictures of bytes in three channels; grey is the same in all of them.
pub(super) fn in_colour(pixels: &[u8], shape: ImageShape, value: impl Fn(f32) -> f32) -> Vec<f32> {
    let repeat = 3 / shape.c;
    pixels
        .iter()
        .flat_map(|v| std::iter::repeat_n(value(f32::from(*v)), repeat))
        .collect()
}

/// What is to be kept of a sequence of pictures beside the moments of its features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// The features of every picture, for the kernel distance and for neighbours.
    pub features: bool,
    /// The logits of every picture, for a score.
    pub logits: bool,
}

/// What a sequence of pictures gave.
#[derive(Debug, Clone)]
pub struct Extracted {
    /// Number of pictures.
    pub n: usize,
    /// Mean and covariance of the features; `None` for a single picture, which has no covariance.
    pub moments: Option<Moments>,
    /// The features, if they were to be kept.
    pub features: Option<FeatureSet>,
    /// The logits, if they were to be kept.
    pub logits: Option<FeatureSet>,
}

/// Sends all of `pixels` through `network`, `batch` at a time; `step(done)` may stop it with an error. The result does
/// not depend on `batch`.
///
/// # Errors
/// If a picture cannot be read, the device fails, a feature is not finite, logits are to be kept of a network that has
/// none, or `step` says so.
///
/// # Panics
/// If `batch` is 0.
pub fn extract(
    network: &dyn FeatureNetwork,
    pixels: &mut dyn Pixels,
    batch: usize,
    keep: Keep,
    step: &mut dyn FnMut(usize) -> Result<(), Error>,
) -> Result<Extracted, Error> {
    assert!(batch > 0, "extract: batches of 0 pictures");
    if keep.logits && network.classes().is_none() {
        let reason = "the score takes logits, which come only with the features of 2048 dimensions";
        return Err(Error::config("dims", reason));
    }
    let mut sums = MomentSums::new(network.dims());
    let room = |kept: bool, width: usize| Vec::with_capacity(if kept { pixels.len() * width } else { 0 });
    let mut features = room(keep.features, network.dims());
    let mut logits = room(keep.logits, network.classes().unwrap_or(0));
    let mut done = 0;
    while done < pixels.len() {
        let n = batch.min(pixels.len() - done);
        let bytes = pixels.next(n)?;
        let output = network.forward(&bytes, pixels.shape())?;
        sums.add(&output.features)?;
        if keep.features {
            features.extend(output.features);
        }
        if keep.logits {
            logits.extend(output.logits);
        }
        done += n;
        step(done)?;
    }
    let set = |d: usize, values: Vec<f32>| FeatureSet::new(d, Values::F32(values));
    Ok(Extracted {
        n: done,
        moments: (done > 1).then(|| sums.finish()).transpose()?,
        features: keep.features.then(|| set(network.dims(), features)).transpose()?,
        logits: match network.classes() {
            Some(classes) if keep.logits => Some(set(classes, logits)?),
            _ => None,
        },
    })
}
