// Sum of tensors with weights that are values themselves.
//
//   forward:        y[o] = sum over i < count of a_i * x_i[o], a_i = a[first + i]; if chained, a_0 = 1
//   backward_x:     gx[o] = a[first] * gy[o]
//   backward_a: sums[s] = sum over slice s of x0[o] * gy[o]
//
// forward, backward_x: one invocation owns four elements, as buffers reach to the next multiple of four. backward_a: one workgroup owns one slice; reduce.wgsl adds up.
// Storage buffers are limited to eight, so a long sum is a chain of launches: x_0 is then the sum so far.
#import grid
#import reduce

struct Params {
    len: u32,       // elements of each tensor
    first: u32,     // position in a of the weight of x_0, or of x_1 less one
    count: u32,     // tensors of this launch; the buffers after them repeat another one
    chained: u32,
    slice: u32,     // vectors of four in one slice
    offset: u32,    // position in sums of the first slice
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> x0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x1: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> x2: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> x3: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> x5: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> gx: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> sums: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

fn vectors() -> u32 {
    return (p.len + 3u) / 4u;
}

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= vectors() { return; }
    var sum = x0[o];
    if p.chained == 0u { sum *= a[p.first]; }
    if p.count > 1u { sum += a[p.first + 1u] * x1[o]; }
    if p.count > 2u { sum += a[p.first + 2u] * x2[o]; }
    if p.count > 3u { sum += a[p.first + 3u] * x3[o]; }
    if p.count > 4u { sum += a[p.first + 4u] * x4[o]; }
    if p.count > 5u { sum += a[p.first + 5u] * x5[o]; }
    y[o] = sum;
}

@compute @workgroup_size(WG)
fn backward_x(at: Grid) {
    let o = linear(at);
    if o >= vectors() { return; }
    gx[o] = a[p.first] * gy[o];
}

@compute @workgroup_size(WG)
fn backward_a(at: Grid) {
    let s = linear_group(at);
    // A group past the end sums nothing, but takes part in the barriers.
    let end = min((s + 1u) * p.slice, vectors());
    var sums4 = vec4(0.0);
    for (var o = s * p.slice + at.local; o < end; o += WG) {
        // The last vector may reach past the last element.
        let inside = 4u * o + vec4(0u, 1u, 2u, 3u) < vec4(p.len);
        sums4 += select(vec4(0.0), x0[o] * gy[o], inside);
    }
    let sum = workgroup_sum(at.local, (sums4.x + sums4.y) + (sums4.z + sums4.w));
    if at.local == 0u && s * p.slice < vectors() {
        sums[p.offset + s] = sum;
    }
}
