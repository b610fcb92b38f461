// One convolution weight of the weights of an edge's candidates. A weight is a list of taps of `size` values.
//
//   forward:    y[t,q] = sum over candidates i < count that have tap t of a_i * w_i[place,q], a_i = a[first + i]
//               place = table[t*candidates + first + i], or -1 if candidate i has no such tap
//               if chained, w0 is the sum so far: all taps, each in its place, factor 1
//   backward_w: gw[j,q] = a[first] * gy[table[offset + j], q]
//   backward_a: sums[group + s] = sum over slice s of w0[j,q] * gy[table[offset + j], q]
//
// forward, backward_w: one invocation owns one element. backward_a: one workgroup owns one slice; reduce.wgsl adds up.
// With table, a and y five candidates fit into the eight storage buffers of a launch; more are a chain of launches.
#import grid
#import index
#import reduce

struct Params {
    len: u32,           // elements of what is written, or of w0 in backward_a
    size: u32,
    candidates: u32,    // of the whole edge
    first: u32,         // candidate of w0, or of w1 less one if chained
    count: u32,         // weights of this launch; the buffers after them repeat another one
    chained: u32,
    offset: u32,        // position in table of the taps of candidate `first`
    slice: u32,         // elements in one slice
    group: u32,         // position in sums of the first slice
    slices: u32,
}

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> w0: array<f32>;
@group(0) @binding(3) var<storage, read> w1: array<f32>;
@group(0) @binding(4) var<storage, read> w2: array<f32>;
@group(0) @binding(5) var<storage, read> w3: array<f32>;
@group(0) @binding(6) var<storage, read> w4: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
@group(0) @binding(8) var<storage, read> gy: array<f32>;
@group(0) @binding(9) var<storage, read_write> gw: array<f32>;
@group(0) @binding(10) var<storage, read_write> sums: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

// Where candidate first + i keeps tap t; -1 for nowhere.
fn place(t: u32, i: u32) -> i32 {
    if i >= p.count { return -1; }
    return i32(table[t * p.candidates + p.first + i]);
}

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let own = divmod(o, p.size);
    let t = own.x;
    let q = own.y;
    var sum = 0.0;
    if p.chained != 0u {
        sum = w0[o];
    } else {
        let j = place(t, 0u);
        if j >= 0 { sum = a[p.first] * w0[u32(j) * p.size + q]; }
    }
    let j1 = place(t, 1u);
    if j1 >= 0 { sum += a[p.first + 1u] * w1[u32(j1) * p.size + q]; }
    let j2 = place(t, 2u);
    if j2 >= 0 { sum += a[p.first + 2u] * w2[u32(j2) * p.size + q]; }
    let j3 = place(t, 3u);
    if j3 >= 0 { sum += a[p.first + 3u] * w3[u32(j3) * p.size + q]; }
    let j4 = place(t, 4u);
    if j4 >= 0 { sum += a[p.first + 4u] * w4[u32(j4) * p.size + q]; }
    y[o] = sum;
}

// Gradient of the merged weight at element o of candidate `first`.
fn merged_gradient(o: u32) -> f32 {
    let own = divmod(o, p.size);
    return gy[u32(table[p.offset + own.x]) * p.size + own.y];
}

@compute @workgroup_size(WG)
fn backward_w(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    gw[o] = a[p.first] * merged_gradient(o);
}

@compute @workgroup_size(WG)
fn backward_a(at: Grid) {
    let s = linear_group(at);
    // A group past the end sums nothing, but takes part in the barriers.
    let end = min((s + 1u) * p.slice, p.len);
    var sum = 0.0;
    for (var o = s * p.slice + at.local; o < end; o += WG) {
        sum += w0[o] * merged_gradient(o);
    }
    sum = workgroup_sum(at.local, sum);
    if at.local == 0u && s < p.slices {
        sums[p.group + s] = sum;
    }
}
