// One step of Adam.
//
//   forward: d     = g + decay * w
//            new_m = beta1 * m + m_rate * d                   m_rate = 1 - beta1
//            new_v = beta2 * v + v_rate * d * d              v_rate = 1 - beta2
//            new_w = w - step * new_m / (sqrt(new_v) / root_correction + eps)
//
// step is the learning rate over 1 - beta1^t, root_correction the root of 1 - beta2^t.
// One invocation owns four elements of each: buffers reach to the next multiple of four.
#import grid

struct Params {
    len: u32,   // vectors of four of each buffer
    step: f32,
    beta1: f32,
    m_rate: f32,
    beta2: f32,
    v_rate: f32,
    eps: f32,
    decay: f32,
    root_correction: f32,
}

@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> new_w: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> new_m: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> new_v: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    // Once: after the first store drivers read it anew.
    let old = w[o];
    let d = g[o] + p.decay * old;
    let first = p.beta1 * m[o] + p.m_rate * d;
    let second = p.beta2 * v[o] + p.v_rate * d * d;
    new_m[o] = first;
    new_v[o] = second;
    new_w[o] = old - p.step * first / (sqrt(second) / p.root_correction + p.eps);
}
