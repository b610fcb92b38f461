//! The feature network of FID. Its speed does not depend on its weights, so random ones serve.

use super::{Case, Make};
use crate::data::ImageShape;
use crate::metrics::{FeatureNetwork, Inception, InceptionOptions};

/// Side of the pictures: CIFAR-10's. The network enlarges them, which counts.
const SIDE: usize = 32;

/// Features of `images` pictures at once, from bytes to numbers on the host.
pub fn inception(images: usize) -> Vec<Case> {
    let shape = ImageShape { h: SIDE, w: SIDE, c: 3 };
    let make: Make = Box::new(move |device, rng| {
        let net = Inception::random(device, InceptionOptions::default(), rng);
        let pixels: Vec<u8> = (0..images * shape.values()).map(|_| rng.below(256) as u8).collect();
        // A device that failed says so when it is waited for, which the measurement does.
        Box::new(move || drop(net.forward(&pixels, shape)))
    });
    vec![Case {
        name: "inception".into(),
        shape: format!("{images}x{SIDE}x{SIDE}x3"),
        work: None,
        images,
        make,
    }]
}
