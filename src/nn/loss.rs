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
