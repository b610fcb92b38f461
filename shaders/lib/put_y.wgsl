// Where a convolution leaves eight channels of one position.
// Defines put_y(); expects `y: array<f32>` to write and `bias: array<f32>` of its includer.
#import taps

// Of split s, position q, channels o and on: the bias is added and the sum rectified if that is wanted; past the end
// nothing is stored.
fn put_y(s: u32, q: u32, o: u32, low: vec4<f32>, high: vec4<f32>) {
    if q >= p.len { return; }
    let to = (s * p.len + pixel(q)) * p.cout + o;
    for (var i = 0u; i < 4u; i++) {
        if o + i < p.cout {
            y[to + i] = rectified(low[i] + select(0.0, bias[min(o + i, p.cout - 1u)], (p.flag & 1u) != 0u));
        }
        if o + 4u + i < p.cout {
            y[to + 4u + i] = rectified(high[i] + select(0.0, bias[min(o + 4u + i, p.cout - 1u)], (p.flag & 1u) != 0u));
        }
    }
}
