// Last stage of a reduction: adds partial results in a fixed order.
//
//   forward: y[o] = sum over s < count of x[o*outer + s*inner]
//
// One workgroup owns one element.
#import grid
#import group_sum

struct Params {
    len: u32,       // elements of y
    count: u32,     // partial results behind each
    outer: u32,     // distance in x from one element's partial results to the next element's
    inner: u32,     // distance in x from one partial result to the next
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear_group(at);
    // A group past the end sums nothing, but takes part in the barriers.
    let count = select(0u, p.count, o < p.len);
    var sum = 0.0;
    for (var s = at.local; s < count; s += WG) {
        sum += x[o * p.outer + s * p.inner];
    }
    sum = group_sum(at.local, sum);
    if at.local == 0u && o < p.len {
        y[o] = sum;
    }
}
