//! exp, tanh, the logistic function and the rectifier on the CPU by the formulas of `shaders/lib/exp.wgsl` and `shaders/unary.wgsl`: without
//! branches or calls, so that the compiler makes vectors of a loop over them. To about two units in the last place.

/// Added to a float of less than 2^22, its bits then end in the nearest integer.
const ROUNDER: f32 = 12_582_912.0;

/// `e^x`: 0 far below, infinite above 88.8; NaN stays NaN.
#[inline(always)]
pub fn exp_of(x: f32) -> f32 {
    let (n, e) = parts(x.clamp(-104.0, 89.0));
    // In two factors, since neither 2^128 nor 2^-150 is a float.
    let half = n >> 1;
    (e + 1.0) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// `n` and `e` of `e^t = 2^n (1 + e)`, `1 + e` between the square roots of 1/2 and 2, for `t` of moderate size.
#[inline(always)]
fn parts(t: f32) -> (i32, f32) {
    let shifted = t * std::f32::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    // ln 2 in two parts, of which the first has few bits, so that n * 0.693359375 is exact.
    let r = (t - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let q = 1.987_569_1e-4 * r + 1.398_199_9e-3;
    let q = q * r + 8.333_452e-3;
    let q = q * r + 4.166_579_6e-2;
    let q = q * r + 1.666_666_6e-1;
    let q = q * r + 0.5;
    (shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32, r * r * q + r)
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// Hyperbolic tangent; NaN stays NaN.
#[inline(always)]
pub fn tanh_of(x: f32) -> f32 {
    let t = 2.0 * x.abs();
    let (n, e) = parts(if t > 40.0 { 40.0 } else { t });
    // e^t - 1, which near 0, where n is 0, loses nothing.
    let scale = power_of_two(n);
    let e = scale * e + (scale - 1.0);
    (e / (e + 2.0)).copysign(x)
}

/// `1 / (1 + e^-x)`; NaN stays NaN. By the exponential of a negative number only, so that nothing overflows.
#[inline(always)]
pub fn sigmoid_of(x: f32) -> f32 {
    let e = exp_of(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// The rectifier; NaN stays NaN.
#[inline(always)]
pub fn relu_of(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative difference over floats of all sizes from 2^-30 to 2^7 of both signs.
    fn worst(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let floats = (0x3080_0000_u32..0x4300_0000).step_by(977).map(f32::from_bits);
        let both = floats.flat_map(|x| [x, -x]);
        let compared = both.filter_map(|x| {
            let want = exact(f64::from(x));
            // Denormal results have fewer digits.
            let normal = want.abs() > 1.2e-38 && want.abs() < 3.4e38;
            normal.then(|| ((f64::from(f(x)) - want) / want).abs())
        });
        compared.fold(0.0, f64::max)
    }

    #[test]
    fn they_are_accurate_everywhere() {
        assert!(worst(exp_of, f64::exp) < 3e-7);
        assert!(worst(tanh_of, f64::tanh) < 3e-7);
        assert!(worst(sigmoid_of, |x| 1.0 / (1.0 + (-x).exp())) < 3e-7);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(exp_of(0.0), 1.0);
        assert_eq!(exp_of(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp_of(f32::INFINITY), f32::INFINITY);
        assert_eq!((exp_of(89.0), exp_of(-104.0)), (f32::INFINITY, 0.0));
        let denormal = f64::from(exp_of(-100.0));
        assert!((denormal / (-100.0_f64).exp() - 1.0).abs() < 0.05, "{denormal}");
        assert_eq!((tanh_of(f32::INFINITY), tanh_of(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(tanh_of(-0.0).is_sign_negative());
        assert_eq!((sigmoid_of(f32::INFINITY), sigmoid_of(f32::NEG_INFINITY)), (1.0, 0.0));
        assert!([exp_of, tanh_of, sigmoid_of].iter().all(|f| f(f32::NAN).is_nan()));
    }
}
