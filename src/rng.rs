//! The one source of randomness: a seeded xoshiro generator whose state can be stored in a snapshot.

use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng};
use serde::{Deserialize, Serialize};

/// A seeded xoshiro256++ generator. Its state serialises, so a resumed run draws what an unbroken one would have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// A generator that always draws the same sequence for the same `seed`.
    pub fn seed(seed: u64) -> Rng {
        Rng(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// An independent generator for purpose `stream` of the same `seed`.
    pub fn stream(seed: u64, stream: &str) -> Rng {
        // FNV-1a keeps the streams of one seed apart by name, whatever order they are made in.
        let hash = stream
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Rng::seed(seed ^ hash)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`, 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform integer in `0..n`, without bias.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "Rng::below: n is 0");
        let n = n as u64;
        let limit = u64::MAX - u64::MAX % n;
        loop {
            let bits = self.bits();
            if bits < limit {
                return (bits % n) as usize;
            }
        }
    }

    /// Standard normal draw.
    pub fn normal(&mut self) -> f32 {
        StandardNormal.sample(&mut self.0)
    }

    /// Standard Gumbel draw, `-ln(-ln(u))`.
    pub fn gumbel(&mut self) -> f32 {
        // 53 bits centred in their cell, so that neither logarithm meets 0.
        let u = ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -(-u.ln()).ln() as f32
    }

    /// `n` standard normal draws.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }

    /// A random order of `0..n` (Fisher-Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_draws_and_state_survives_serialisation() {
        let mut a = Rng::seed(7);
        a.normals(5);
        let text = serde_json::to_string(&a).unwrap();
        let mut b: Rng = serde_json::from_str(&text).unwrap();
        assert_eq!(a.normals(100), b.normals(100));
        assert_ne!(Rng::stream(7, "z").bits(), Rng::stream(7, "w").bits());
    }

    #[test]
    fn moments_of_the_draws() {
        let mut rng = Rng::seed(1);
        let n = 200_000;
        let mean = |f: &mut dyn FnMut() -> f32| (0..n).map(|_| f64::from(f())).sum::<f64>() / n as f64;
        assert!(mean(&mut || rng.normal()).abs() < 0.01);
        assert!((mean(&mut || rng.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((mean(&mut || rng.uniform()) - 0.5).abs() < 0.005);
        assert!((mean(&mut || rng.gumbel()) - 0.577_215_66).abs() < 0.02);
        let mut seen = rng.permutation(100);
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }
}
