// Where a convolution leaves four or eight channels of one position.
// Defines put_y(), put_y8(); expects `y: array<f32>` to write and `bias: array<f32>` of its includer.
#import taps

// Of split s, position q, channels o and on: the bias is added and the sum rectified if that is wanted; past the end
// nothing is stored.
fn put_y(s: u32, q: u32, o: u32, sum: vec4<f32>) {
    if q >= p.len { return; }
    let to = (s * p.len + pixel(q)) * p.cout + o;
    let add = (p.flag & 1u) != 0u;
    if o < p.cout { y[to] = rectified(sum.x + select(0.0, bias[o], add)); }
    if o + 1u < p.cout { y[to + 1u] = rectified(sum.y + select(0.0, bias[o + 1u], add)); }
    if o + 2u < p.cout { y[to + 2u] = rectified(sum.z + select(0.0, bias[o + 2u], add)); }
    if o + 3u < p.cout { y[to + 3u] = rectified(sum.w + select(0.0, bias[o + 3u], add)); }
}

fn put_y8(s: u32, q: u32, o: u32, low: vec4<f32>, high: vec4<f32>) {
    put_y(s, q, o, low);
    put_y(s, q, o + 4u, high);
}
