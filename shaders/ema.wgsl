// Running averages.
//
//   forward: y[o] = a_factor * a[o] + b_factor * b[o]
//
// One invocation owns one element.
#import grid

struct Params {
    len: u32,
    a_factor: f32,
    b_factor: f32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    y[o] = p.a_factor * a[o] + p.b_factor * b[o];
}
