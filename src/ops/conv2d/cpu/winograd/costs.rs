//! What the transforms cost beside the multiplications they save, measured where one product of vectors begins a cycle.

use super::Form;

/// Transforms of patches, outputs and their gradients: as many multiplications as this many channels. Where products take half
/// the time they should be twice as many.
pub fn of_pixels(form: Form) -> f64 {
    let channels = match form {
        Form::Three => 45.0,
        Form::Five => 40.0,
    };
    if multiplies_twice() { 2.0 * channels } else { channels }
}

/// Transforms of the weights: as many multiplications as those of this many tiles.
pub const OF_WEIGHTS: f64 = 40.0;

/// Whether the processor begins two products of 16 numbers a cycle, as servers by Intel do: they have either arithmetic on
/// halves, or not yet the products of 16-bit numbers that AVX-512 has on a Zen 4.
fn multiplies_twice() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512fp16")
        || is_x86_feature_detected!("avx512f") && !is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
