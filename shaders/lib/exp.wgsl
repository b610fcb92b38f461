// exp, tanh and log to about two units in the last place, and a test for NaN. The built-ins may be off by 1e-5 for large
// arguments, and drivers may drop NaN or overflow inside them.
// Defines is_nan(), exp_of(), tanh_of(), log_of(); expects nothing of its includer.

// Looks at the bits, because a driver may assume that x == x.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn power_of_two(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

// exp(x) for any x but NaN: 0 far below, infinite above 88.8.
fn exp_of(x: f32) -> f32 {
    let t = clamp(x, -104.0, 89.0);
    let n = round(t * 1.44269504);
    let e = rest_of_exp(t, n) + 1.0;
    // In two factors, since neither 2^128 nor 2^-150 is a float.
    let half = i32(n) / 2;
    return e * power_of_two(half) * power_of_two(i32(n) - half);
}

// e of exp(t) = 2^n (1 + e), for the n whose 2^n is nearest.
fn rest_of_exp(t: f32, n: f32) -> f32 {
    // ln 2 in two parts, of which the first has few bits, so that n * 0.693359375 is exact.
    let r = (t - n * 0.693359375) + n * 2.12194440e-4;
    var q = fma(r, 1.9875691e-4, 1.3981999e-3);
    q = fma(r, q, 8.3334519e-3);
    q = fma(r, q, 4.1665796e-2);
    q = fma(r, q, 1.6666666e-1);
    q = fma(r, q, 0.5);
    return fma(r * r, q, r);
}

// Hyperbolic tangent of any x but NaN. The built-in overflows for large arguments on some drivers and loses digits near 0.
fn tanh_of(x: f32) -> f32 {
    let t = 2.0 * min(abs(x), 20.0);
    let n = round(t * 1.44269504);
    // e^t - 1, which near 0, where n is 0, loses nothing.
    let scale = power_of_two(i32(n));
    let e = fma(scale, rest_of_exp(t, n), scale - 1.0);
    return bitcast<f32>(bitcast<u32>(e / (e + 2.0)) | (bitcast<u32>(x) & 0x80000000u));
}

// log(x); what the driver makes of it for x <= 0.
fn log_of(x: f32) -> f32 {
    if x <= 0.0 || x > 3.4e38 {
        return log(x);
    }
    // Denormal arguments are scaled up first.
    let small = x < 1.2e-38;
    let scaled = select(x, x * 8388608.0, small);
    // x = 2^n * m with m in sqrt(1/2) .. sqrt(2).
    let bits = bitcast<u32>(scaled) + 0x004afb0du;
    let n = f32(i32(bits >> 23u) - 127 - select(0, 23, small));
    let m = bitcast<f32>((bits & 0x007fffffu) + 0x3f3504f3u);
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    var q = fma(z, 0.24279079, 0.28498787);
    q = fma(z, q, 0.40000972);
    q = fma(z, q, 0.66666663);
    let h = 0.5 * f * f;
    return n * 0.693359375 + (f - (h - (s * fma(z, q, h) - n * 2.12194440e-4)));
}
