// Running averages.
//
//   forward: y[o] = a_factor * a[o] + b_factor * b[o]
//
// One invocation owns four elements: buffers reach to the next multiple of four.
#import grid

struct Params {
    len: u32,   // vectors of four of each buffer
    a_factor: f32,
    b_factor: f32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    y[o] = p.a_factor * a[o] + p.b_factor * b[o];
}
