// Element-wise arithmetic of two tensors, either of which may be one element or one vector of channels.
//
//   forward: y[o] = a[o] op b[o]    with a and b read again from their start where they are shorter than y
//
// KIND chooses op. One invocation owns four elements: buffers reach to the next multiple of four.
#import grid

override KIND: u32 = 0u;
// How a side is read: 0 it is as long as y, 1 in vectors of four again and again, 2 element by element again and again.
override REPEAT_A: u32 = 2u;
override REPEAT_B: u32 = 2u;

struct Params {
    len: u32,     // vectors of four of y
    a_len: u32,   // elements of a: those of y, channels or 1
    b_len: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
// The same memory as a and b.
@group(0) @binding(3) var<storage, read> a4: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b4: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

// Where the four elements of y from 4 * o on read a side of `len` elements.
fn places(o: u32, len: u32) -> vec4<u32> {
    return (4u * o + vec4(0u, 1u, 2u, 3u)) % vec4(len);
}

fn read_a(o: u32) -> vec4<f32> {
    switch REPEAT_A {
        case 0u: { return a4[o]; }
        case 1u: { return a4[o % (p.a_len / 4u)]; }
        default: {
            let i = places(o, p.a_len);
            return vec4(a[i.x], a[i.y], a[i.z], a[i.w]);
        }
    }
}

fn read_b(o: u32) -> vec4<f32> {
    switch REPEAT_B {
        case 0u: { return b4[o]; }
        case 1u: { return b4[o % (p.b_len / 4u)]; }
        default: {
            let i = places(o, p.b_len);
            return vec4(b[i.x], b[i.y], b[i.z], b[i.w]);
        }
    }
}

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let s = read_a(o);
    let t = read_b(o);
    switch KIND {
        case 0u: { y[o] = s + t; }
        case 1u: { y[o] = s - t; }
        case 2u: { y[o] = s * t; }
        default: { y[o] = s / t; }
    }
}
