// operands.wgsl where an operand is kept in halves (f16), two in a word, which become floats in registers. HALF_X and
// HALF_W say of which one that is true. Few adapters lack unpack2x16float, but those refuse every kernel of a file that
// names it.
// Defines x4, w4, y4, x2, w2, load_x(), load_w(), store_y(); expects nothing of its includer.

override HALF_X: bool = true;
override HALF_W: bool = true;

@group(0) @binding(4) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> w4: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y4: array<vec4<f32>>;
// The same memory as x4 and w4.
@group(0) @binding(7) var<storage, read> x2: array<vec2<u32>>;
@group(0) @binding(8) var<storage, read> w2: array<vec2<u32>>;

fn from_halves(words: vec2<u32>) -> vec4<f32> {
    return vec4(unpack2x16float(words.x), unpack2x16float(words.y));
}

fn load_x(at: u32) -> vec4<f32> {
    if HALF_X { return from_halves(x2[at]); }
    return x4[at];
}

fn load_w(at: u32) -> vec4<f32> {
    if HALF_W { return from_halves(w2[at]); }
    return w4[at];
}

fn store_y(at: u32, v: vec4<f32>) {
    y4[at] = v;
}
