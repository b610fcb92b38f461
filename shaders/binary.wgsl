// Element-wise arithmetic of two tensors, either of which may be one element or one vector of channels.
//
//   forward: y[o] = a[o] op b[o]    with a and b read again from their start where they are shorter than y
//
// KIND chooses op. One invocation owns one element.
#import grid

override KIND: u32 = 0u;
// Whether a side is shorter than y; spares the remainder otherwise.
override REPEAT_A: bool = true;
override REPEAT_B: bool = true;

struct Params {
    len: u32,     // elements of y
    a_len: u32,   // elements of a: len, channels or 1
    b_len: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    var i = o;
    if REPEAT_A { i = o % p.a_len; }
    var j = o;
    if REPEAT_B { j = o % p.b_len; }
    let s = a[i];
    let t = b[j];
    switch KIND {
        case 0u: { y[o] = s + t; }
        case 1u: { y[o] = s - t; }
        case 2u: { y[o] = s * t; }
        default: { y[o] = s / t; }
    }
}
