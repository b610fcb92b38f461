// A range of one axis, out of a tensor or into one; both are seen as rows, which hold the axis and all inside it.
//
//   forward: y[r,j] = x[r, start + j]                            one invocation owns one y
//   pad:     y[r,j] = x[r, j - start], 0 outside of x            one invocation owns one y
//   place:   y[r, start + j] = x[r,j]                            one invocation owns one x; the rest of y stays
#import grid
#import index

struct Params {
    len: u32,       // elements of what an invocation owns
    x_row: u32,     // elements per row of x
    y_row: u32,
    start: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let own = divmod(o, p.y_row);
    y[o] = x[own.x * p.x_row + p.start + own.y];
}

@compute @workgroup_size(WG)
fn pad(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let own = divmod(o, p.y_row);
    let j = own.y;
    var value = 0.0;
    if j >= p.start && j < p.start + p.x_row {
        value = x[own.x * p.x_row + j - p.start];
    }
    y[o] = value;
}

@compute @workgroup_size(WG)
fn place(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let own = divmod(o, p.x_row);
    y[own.x * p.y_row + p.start + own.y] = x[o];
}
