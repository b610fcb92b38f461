//! Losses of a generative adversarial pair.

use crate::Tensor;

/// The discriminator's hinge loss `[1]`: `mean(relu(1 - real)) + mean(relu(1 + fake))`.
pub fn hinge_loss(real: &Tensor, fake: &Tensor) -> Tensor {
    let real = real.neg().add_scalar(1.0).relu().mean_all();
    let fake = fake.add_scalar(1.0).relu().mean_all();
    &real + &fake
}

/// The generator's loss `[1]`: `-mean(fake)`.
pub fn generator_loss(fake: &Tensor) -> Tensor {
    fake.mean_all().neg()
}

/// Log-probability of `yes` `[..]` (each 0 or 1, or a softened label between) under independent coins whose log-odds are
/// `logits`, element by element: `y log p + (1 - y) log(1 - p) = y x - log(1 + e^x)`, without overflow.
pub fn bernoulli_log_likelihood(logits: &Tensor, yes: &Tensor) -> Tensor {
    let softplus = logits.relu() + logits.abs().neg().exp().add_scalar(1.0).log();
    logits * yes - softplus
}
