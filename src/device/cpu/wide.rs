//! Loops compiled for the widest vectors that the processor has.
//!
//! The compiler makes vectors of plain loops for the instruction sets that it may assume, which on x86-64 is an old one.
//! Rust never merges a product and a sum into one rounding by itself, so the bits do not depend on the set.

use super::tile::LANES;

/// One vector of loops that go vector by vector: small arrays, of which the compiler knows that they do not overlap.
pub type Lane = [f32; LANES];

/// The numbers of a slice that is no longer, and zeros after them.
#[inline(always)]
pub fn load(from: &[f32]) -> Lane {
    match from.try_into() {
        Ok(whole) => whole,
        Err(_) => {
            let mut lane = [0.0; LANES];
            lane[..from.len()].copy_from_slice(from);
            lane
        }
    }
}

/// As many numbers as the slice takes.
#[inline(always)]
pub fn store(lane: &Lane, to: &mut [f32]) {
    match <&mut Lane>::try_from(&mut *to) {
        Ok(to) => *to = *lane,
        Err(_) => to.copy_from_slice(&lane[..to.len()]),
    }
}

/// Work whose `run`, marked `#[inline(always)]`, is compiled once for each instruction set.
pub trait Wide {
    /// Does it.
    fn run(self);
}

/// `y + f * x`, of as many numbers as `y` has.
pub struct AddScaled<'a> {
    /// What is added to.
    pub y: &'a mut [f32],
    /// What is added, times `f`.
    pub x: &'a [f32],
    /// The factor.
    pub f: f32,
}

impl Wide for AddScaled<'_> {
    #[inline(always)]
    fn run(self) {
        let AddScaled { y, x, f } = self;
        let x = &x[..y.len()];
        for (y, x) in y.iter_mut().zip(x) {
            *y += f * x;
        }
    }
}

/// `y = f(x)`.
///
/// # Panics
/// If an operand is shorter than `y`, here and below.
pub fn each(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    wide(Each { x, y, f });
}

/// `y = f(a, b)`.
pub fn each2(a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    wide(Each2 { a, b, y, f });
}

struct Each<'a, F: Fn(f32) -> f32> {
    x: &'a [f32],
    y: &'a mut [f32],
    f: F,
}

impl<F: Fn(f32) -> f32> Wide for Each<'_, F> {
    #[inline(always)]
    fn run(self) {
        let Each { x, y, f } = self;
        let x = &x[..y.len()];
        for (y, x) in y.iter_mut().zip(x) {
            *y = f(*x);
        }
    }
}

struct Each2<'a, F: Fn(f32, f32) -> f32> {
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
    f: F,
}

impl<F: Fn(f32, f32) -> f32> Wide for Each2<'_, F> {
    #[inline(always)]
    fn run(self) {
        let Each2 { a, b, y, f } = self;
        let (a, b) = (&a[..y.len()], &b[..y.len()]);
        for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
            *y = f(*a, *b);
        }
    }
}

/// `y = f(long, channel)`, row by row as wide as `channel`.
pub struct ByChannel<'a, F: Fn(f32, f32) -> f32> {
    /// Rows, as many as there are results.
    pub long: &'a [f32],
    /// What belongs to every row.
    pub channel: &'a [f32],
    /// The results.
    pub y: &'a mut [f32],
    /// The function.
    pub f: F,
}

impl<F: Fn(f32, f32) -> f32> Wide for ByChannel<'_, F> {
    #[inline(always)]
    fn run(self) {
        let ByChannel { long, channel, y, f } = self;
        let long = &long[..y.len()];
        for (y, long) in y.chunks_mut(channel.len()).zip(long.chunks(channel.len())) {
            Each2 { a: long, b: channel, y, f: &f }.run();
        }
    }
}

/// Runs `work` with the widest vectors there are.
pub fn wide(work: impl Wide) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            // SAFETY: the processor has what the function was compiled for.
            return unsafe { avx512(work) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { avx2(work) };
        }
    }
    work.run();
}

/// # Safety
/// The processor must have AVX-512F and VL.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn avx512(work: impl Wide) {
    work.run();
}

/// # Safety
/// The processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(work: impl Wide) {
    work.run();
}

/// Tells the processor that the cache line of `floats[at]`, which may lie beyond the end, will be used soon.
#[inline(always)]
pub fn prefetch(floats: &[f32], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which touches no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(floats.as_ptr().wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (floats, at);
}
