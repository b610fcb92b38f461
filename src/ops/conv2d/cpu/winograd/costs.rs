//! What the transforms cost beside the multiplications they save, by measurement.

use super::Form;

/// What a convolution is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// The output, or the gradient of the input.
    Pixels,
    /// The gradient of the weights.
    Weights,
}

/// Transforms of patches, outputs and their gradients: as many multiplications as this many channels. The faster a processor
/// multiplies, the more of them.
pub fn of_pixels(form: Form, sought: Sought) -> f64 {
    match (multiplies_twice(), sought, form) {
        (false, ..) => 31.0,
        (true, Sought::Pixels, Form::Three) => 50.0,
        (true, Sought::Pixels, Form::Five) => 60.0,
        (true, Sought::Weights, Form::Three) => 75.0,
        (true, Sought::Weights, Form::Five) => 150.0,
    }
}

/// Transforms of the weights: as many multiplications as those of this many tiles.
pub fn of_weights(form: Form) -> f64 {
    match form {
        Form::Three => 80.0,
        Form::Five => 220.0,
    }
}

/// Whether the processor begins two products of 16 numbers a cycle, as servers by Intel do: they have either arithmetic on
/// halves, or not yet the products of 16-bit numbers that AVX-512 has on a Zen 4.
fn multiplies_twice() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512fp16")
        || is_x86_feature_detected!("avx512f") && !is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
