//! Tells truth from generated architectures: pairs of a truth reference and another one, read by one shared encoder.

use super::encoder::Encoder;
use super::{Aggregate, GenerativeConfig, RewardForm};
use crate::nn::{Dense, Init, Module, Visitor};
use crate::space::{Sketch, Space};
use crate::{Error, Tensor};

/// A relativistic, pairwise, Siamese discriminator.
pub(super) struct Discriminator {
    encoder: Encoder,
    /// The first layer on `[e(y) ; e(x)]`, in two halves, so that each graph goes through it once and not once a pair.
    reference: Dense,
    other: Dense,
    head: Dense,
}

impl Discriminator {
    pub fn new(space: &dyn Space, config: &GenerativeConfig, init: &mut Init) -> Discriminator {
        let hidden = config.hidden;
        Discriminator {
            encoder: Encoder::new(space, config, init),
            reference: Dense::new(hidden, hidden, init),
            other: Dense::new(hidden, hidden, init),
            head: Dense::new(hidden, 1, init),
        }
    }

    /// Log-odds `[pairs]` that the second of each pair of `sketches` is true, given that the first is.
    pub fn logits(&self, sketches: &[&Sketch], pairs: &[(usize, usize)]) -> Tensor {
        let e = self.encoder.forward(sketches).graphs;
        let (ys, xs): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
        let y = self.reference.forward(&e).gather_rows(&ys);
        let x = self.other.forward(&e).gather_rows(&xs);
        self.head.forward(&(y + x).relu()).reshape([pairs.len()])
    }

    /// How true each of `others` looks beside `references`.
    ///
    /// # Errors
    /// If the device failed.
    pub fn rewards(
        &self,
        references: &[&Sketch],
        others: &[&Sketch],
        config: &GenerativeConfig,
    ) -> Result<Vec<f64>, Error> {
        let all: Vec<&Sketch> = references.iter().chain(others).copied().collect();
        let m = references.len();
        let pairs = (0..others.len()).flat_map(|x| (0..m).map(move |y| (y, m + x)));
        let logits = self.logits(&all, &pairs.collect::<Vec<_>>()).to_vec()?;
        let answers = |of: &[f32]| {
            let answers = of.iter().map(|&x| reward(f64::from(x), config.reward));
            match config.aggregate {
                Aggregate::Mean => answers.sum::<f64>() / m as f64,
                Aggregate::Max => answers.fold(f64::NEG_INFINITY, f64::max),
            }
        };
        Ok(logits.chunks(m).map(answers).collect())
    }
}

fn reward(logit: f64, form: RewardForm) -> f64 {
    match form {
        RewardForm::Probability => 1.0 / (1.0 + (-logit).exp()),
        // -log(1 - sigmoid(x)) = log(1 + e^x).
        RewardForm::NegLog => logit.max(0.0) + (-logit.abs()).exp().ln_1p(),
        RewardForm::Logit => logit,
    }
}

impl Module for Discriminator {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("encoder", &mut self.encoder);
        v.module("reference", &mut self.reference);
        v.module("other", &mut self.other);
        v.module("head", &mut self.head);
    }
}
