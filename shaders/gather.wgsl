// Rows of a matrix by number, and the gradient.
//
//   forward:   y[i,j] = x[index[i], j]
//   backward: gx[r,j] = sum of gy[i,j] over the i with index[i] = r
//
// backward reads `index` as two lists: first[r] .. first[r + 1] is the range, in `order`, of the i that read row r.
// Both hold whole numbers below 2^24. One invocation owns one element of the output.
#import grid

struct Params {
    len: u32,     // elements of the output
    width: u32,   // elements per row
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(0) var<storage, read> gy: array<f32>;
@group(0) @binding(1) var<storage, read> first: array<f32>;
@group(0) @binding(2) var<storage, read> order: array<f32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    y[o] = x[u32(index[o / p.width]) * p.width + o % p.width];
}

@compute @workgroup_size(WG)
fn backward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let row = o / p.width;
    let end = u32(first[row + 1u]);
    var sum = 0.0;
    for (var i = u32(first[row]); i < end; i++) {
        sum += gy[u32(order[i]) * p.width + o % p.width];
    }
    gx[o] = sum;
}
