// Axes of a tensor in another order.
//
//   forward: y[i0,i1,i2,i3] = x[i0*s0 + i1*s1 + i2*s2 + i3*s3]
//
// d1, d2, d3 are the inner sizes of y, s0..s3 the strides of its axes in x. One invocation owns one y.
#import grid
#import index

struct Params {
    len: u32,   // elements of y
    d1: u32,
    d2: u32,
    d3: u32,
    s0: u32,
    s1: u32,
    s2: u32,
    s3: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let i = nhwc(o, p.d1, p.d2, p.d3);
    y[o] = x[i.x * p.s0 + i.y * p.s1 + i.z * p.s2 + i.w * p.s3];
}
