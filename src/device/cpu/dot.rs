//! Inner products whose rounding does not depend on the number of threads.

use super::threads::{self, GRAIN};

/// Elements summed in `f32` before the sum goes to `f64`.
const BLOCK: usize = 1024;

/// `sum_i a[i] * b[i]` on the calling thread.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    if a.len() <= BLOCK {
        return f64::from(block(a, b));
    }
    a.chunks(BLOCK).zip(b.chunks(BLOCK)).map(|(a, b)| f64::from(block(a, b))).sum()
}

/// `sum_i a[i] * b[i]` on all threads.
pub fn parallel(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len();
    if n <= GRAIN {
        return dot(a, b);
    }
    let piece = |i: usize| i * GRAIN..((i + 1) * GRAIN).min(n);
    threads::map(n.div_ceil(GRAIN), |i| dot(&a[piece(i)], &b[piece(i)]))
        .iter()
        .sum()
}

fn block(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for l in 0..16 {
            lanes[l] += a[l] * b[l];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    // A tree, because sixteen additions one after the other would take longer than a short product itself.
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            lanes[l] += lanes[l + half];
        }
    }
    lanes[0] + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_every_length() {
        for n in [0, 1, 15, 16, 17, 1023, 1025, 40_000] {
            let a: Vec<f32> = (0..n).map(|i| (i % 7) as f32).collect();
            let b: Vec<f32> = (0..n).map(|i| (i % 5) as f32).collect();
            let want: f64 = (0..n).map(|i| ((i % 7) * (i % 5)) as f64).sum();
            assert_eq!(dot(&a, &b), want, "{n}");
            assert_eq!(parallel(&a, &b), want, "{n}");
        }
    }
}
