// Weighted sums over rows of a matrix by number; the gradient is the same with the lists turned round.
//
//   sums: y[i,j] = sum over the entries e of list i of weights[e] * x[rows[e], j]
//
// first[i] .. first[i + 1] is the range of the entries of list i. `first` and `rows` hold whole numbers below 2^24. One
// invocation owns one element of the output.
#import grid
#import index

struct Params {
    len: u32,     // elements of the output
    width: u32,   // elements per row
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> first: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn sums(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let own = divmod(o, p.width);
    let list = own.x;
    let end = u32(first[list + 1u]);
    var sum = 0.0;
    for (var e = u32(first[list]); e < end; e++) {
        sum += weights[e] * x[u32(rows[e]) * p.width + own.y];
    }
    y[o] = sum;
}
