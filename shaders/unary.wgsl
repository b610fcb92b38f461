// Element-wise functions of one tensor.
//
//   forward:   y[o] = f(x[o])
//   backward: gx[o] = gy[o] * f'    with f' as a function of v[o], which is x or y, whichever f keeps
//
// KIND chooses f, a and b are its settings. One invocation owns four elements: buffers reach to the next multiple of
// four. NaN goes through every function.
#import grid
#import exp

override KIND: u32 = 0u;

struct Params {
    len: u32,   // vectors of four of each buffer
    a: f32,
    b: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> gx: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

// exp of a negative argument only, so that nothing overflows.
fn sigmoid_of(x: f32) -> f32 {
    let e = exp_of(-abs(x));
    return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

fn value(x: f32) -> f32 {
    switch KIND {
        case 0u: { return select(x, 0.0, x < 0.0); }            // relu
        case 1u: { return select(x, p.a * x, x < 0.0); }        // leaky_relu
        case 2u: { return tanh_of(x); }
        case 3u: { return sigmoid_of(x); }
        case 4u: { return exp_of(x); }
        case 5u: { return log_of(x); }
        case 6u: { return sqrt(x); }
        case 7u: { return x * x; }                              // square
        case 8u: { return p.a * x; }                            // scale
        case 9u: { return x + p.a; }                            // add_scalar
        case 10u: { return select(select(x, p.a, x < p.a), p.b, x > p.b); }  // clamp
        default: { return abs(x); }
    }
}

fn through(x: f32) -> f32 {
    if is_nan(x) { return x; }
    return value(x);
}

fn slope(v: f32) -> f32 {
    switch KIND {
        case 0u: { return select(0.0, 1.0, v > 0.0); }
        case 1u: { return select(p.a, 1.0, v > 0.0); }
        case 2u: { return 1.0 - v * v; }
        case 3u: { return v * (1.0 - v); }
        case 4u: { return v; }
        case 5u: { return 1.0 / v; }
        case 6u: { return 0.5 / v; }
        case 7u: { return 2.0 * v; }
        case 8u: { return p.a; }
        case 9u: { return 1.0; }
        case 10u: { return select(0.0, 1.0, v >= p.a && v <= p.b); }
        default: { return sign(v); }
    }
}

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let t = x[o];
    y[o] = vec4(through(t.x), through(t.y), through(t.z), through(t.w));
}

@compute @workgroup_size(WG)
fn backward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let t = v[o];
    gx[o] = gy[o] * vec4(slope(t.x), slope(t.y), slope(t.z), slope(t.w));
}
