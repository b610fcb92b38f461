// operands.wgsl by words of 64 bits, two floats each, for adapters that a processor plays: their drivers load and store word by
// word and lane by lane, which is most of what a product takes, and this way there are half as many words.
// Defines x4, w4, y4, load_x(), load_w(), store_y(); expects nothing of its includer.

@group(0) @binding(4) var<storage, read> x4: array<vec2<u64>>;
@group(0) @binding(5) var<storage, read> w4: array<vec2<u64>>;
@group(0) @binding(6) var<storage, read_write> y4: array<vec2<u64>>;

fn floats(words: vec2<u64>) -> vec4<f32> {
    let low = vec2<u32>(words);
    let high = vec2<u32>(words >> vec2(32u));
    return bitcast<vec4<f32>>(vec4(low.x, high.x, low.y, high.y));
}

fn load_x(at: u32) -> vec4<f32> {
    return floats(x4[at]);
}

fn load_w(at: u32) -> vec4<f32> {
    return floats(w4[at]);
}

fn store_y(at: u32, v: vec4<f32>) {
    let bits = bitcast<vec4<u32>>(v);
    y4[at] = vec2<u64>(bits.xz) | (vec2<u64>(bits.yw) << vec2(32u));
}
