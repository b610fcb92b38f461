// Four halves (f16) in two words. Defines to_halves(); expects nothing of its includer.

// Rounds to the nearest half, of two to the even one; from 65520 on to infinity. WGSL's pack2x16float may round either way.
fn to_halves(v: vec4<f32>) -> vec2<u32> {
    let bits = bitcast<vec4<u32>>(v);
    let size = bits & vec4(0x7fffffffu);
    // The exponent's bias becomes 15, and 13 bits are rounded away.
    let odd = (size >> vec4(13u)) & vec4(1u);
    let normal = (size + vec4(0xfffu) + odd - vec4(0x38000000u)) >> vec4(13u);
    // Below 2^-14 the unit of a half is 2^-24, which is that of a float between 0.5 and 1: the addition rounds.
    let small = bitcast<vec4<u32>>(bitcast<vec4<f32>>(size) + 0.5) - vec4(0x3f000000u);
    var half = select(normal, small, size < vec4(0x38800000u));
    half = select(half, vec4(0x7c00u), size >= vec4(0x477ff000u));
    half = select(half, vec4(0x7e00u), size > vec4(0x7f800000u));
    half |= (bits >> vec4(16u)) & vec4(0x8000u);
    return vec2(half.x | (half.y << 16u), half.z | (half.w << 16u));
}
