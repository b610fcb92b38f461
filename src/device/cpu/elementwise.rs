//! Element-wise work over whole buffers: in parallel, and with the widest vectors.

use super::{threads, wide};

/// `y = f(x)`.
///
/// # Panics
/// If an operand is shorter than `y`, here and below.
pub fn map(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    threads::elements(y, |start, y| wide::each(&x[start..], y, &f));
}

/// `y = f(a, b)`.
pub fn map2(a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32 + Sync) {
    threads::elements(y, |start, y| wide::each2(&a[start..], &b[start..], y, &f));
}
