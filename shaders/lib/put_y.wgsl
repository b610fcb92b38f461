// Where a convolution leaves four or eight channels of one position: positions lie in order, and channels come in fours.
// What is to lie otherwise goes through parts and finish_y.
// Defines bias4, bias_at(), put_y(), put_y8(); expects nothing of its includer.
#import operands
#import taps

@group(0) @binding(2) var<storage, read> bias4: array<vec4<f32>>;

// The bias of vector o of channels, zeros where none is wanted.
fn bias_at(o: u32) -> vec4<f32> {
    return select(vec4<f32>(), bias4[o], (p.flag & 1u) != 0u);
}

// Of split s, position q, vector o of channels: the sum and its bias, rectified if that is wanted; past the end nothing is
// stored.
fn put_y(s: u32, q: u32, o: u32, sum: vec4<f32>, bias: vec4<f32>) {
    if q >= p.len || o >= p.cout / 4u { return; }
    store_y((s * p.len + q) * (p.cout / 4u) + o, rectified(sum + bias));
}

fn put_y8(s: u32, q: u32, o: u32, low: vec4<f32>, high: vec4<f32>) {
    put_y(s, q, o, low, bias_at(o));
    put_y(s, q, o + 1u, high, bias_at(o + 1u));
}
