// Sums over axes of x, seen as [K0, R0, K1, R1], of which R0 and R1 are summed and K0 and K1 kept, and the gradient.
//
//   columns: y[q,k0,k1] = factor * sum over r in chunk q of x[k0,r0,k1,r1]     r runs over R0 x R1
//   tree:    the same
//   expand:  x[k0,r0,k1,r1] = factor * y[k0,k1]
//
// columns: one invocation owns one y and adds up its chunk in order; neighbours read neighbouring k1.
// columns4: the same for four neighbouring y, where R1 is 1; `outputs` and `k1` count vectors of four.
// tree:    one workgroup owns one y; its invocations read neighbouring r and add up in a tree.
// expand:  one invocation owns one x.
// A long sum takes several launches, each over the chunk sums of the one before: [chunks, K0 * K1] -> [1, K0 * K1].
#import grid
#import index
#import reduce
#texture x4

struct Params {
    outputs: u32,   // K0 * K1
    r0: u32,
    k1: u32,
    r1: u32,
    chunk: u32,     // summed elements per chunk
    chunks: u32,
    factor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(0) var<storage, read> gy: array<f32>;
@group(0) @binding(1) var<storage, read_write> gx: array<f32>;
@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

// Element number r of the sum behind output number `out`.
fn source(out: u32, r: u32) -> u32 {
    let k = divmod(out, p.k1);
    let term = divmod(r, p.r1);
    return ((k.x * p.r0 + term.x) * p.k1 + k.y) * p.r1 + term.y;
}

@compute @workgroup_size(WG)
fn columns(at: Grid) {
    let o = linear(at);
    if o >= p.outputs * p.chunks { return; }
    let own = divmod(o, p.outputs);
    let out = own.y;
    let start = own.x * p.chunk;
    let end = min(start + p.chunk, p.r0 * p.r1);
    var sum = 0.0;
    for (var r = start; r < end; r++) {
        sum += x[source(out, r)];
    }
    y[o] = p.factor * sum;
}

@compute @workgroup_size(WG)
fn columns4(at: Grid) {
    let o = linear(at);
    if o >= p.outputs * p.chunks { return; }
    let own = divmod(o, p.outputs);
    let k = divmod(own.y, p.k1);
    let first = k.x * p.r0 * p.k1 + k.y;
    let start = own.x * p.chunk;
    let end = min(start + p.chunk, p.r0);
    var sum = vec4(0.0);
    for (var r = start; r < end; r++) {
        sum += x4[first + r * p.k1];
    }
    y4[o] = p.factor * sum;
}

@compute @workgroup_size(WG)
fn tree(at: Grid) {
    let o = linear_group(at);
    // Groups past the end sum nothing: the barriers want every invocation.
    let live = o < p.outputs * p.chunks;
    let out = o % p.outputs;
    let start = o / p.outputs * p.chunk;
    let end = select(0u, min(start + p.chunk, p.r0 * p.r1), live);
    var sum = 0.0;
    for (var r = start + at.local; r < end; r += WG) {
        sum += x[source(out, r)];
    }
    sum = workgroup_sum(at.local, sum);
    if live && at.local == 0u {
        y[o] = p.factor * sum;
    }
}

@compute @workgroup_size(WG)
fn expand(at: Grid) {
    let o = linear(at);
    if o >= p.outputs * p.r0 * p.r1 { return; }
    let i = nhwc(o, p.r0, p.k1, p.r1);
    gx[o] = p.factor * gy[i.x * p.k1 + i.z];
}
