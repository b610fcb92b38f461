// Soft-max and its logarithm over the last axis, row by row.
//
//   forward:       y[c] = exp(x[c] - m) / s      m = max of the row, s = sum of exp(x[c] - m)
//   backward:     gx[c] = y[c] * (gy[c] - sum of gy * y)
//   log_forward:   y[c] = x[c] - m - log(s)
//   log_backward: gx[c] = gy[c] - exp(y[c]) * sum of gy
//
// One invocation owns one row.
#import grid
#import exp

struct Params {
    rows: u32,
    c: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(0) var<storage, read> kept: array<f32>;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read_write> gx: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

fn maximum(start: u32) -> f32 {
    var m = -3.4e38;
    for (var i = start; i < start + p.c; i++) {
        // Not max(), which may drop a NaN.
        if x[i] > m || is_nan(x[i]) { m = x[i]; }
    }
    return m;
}

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let row = linear(at);
    if row >= p.rows { return; }
    let start = row * p.c;
    let m = maximum(start);
    var s = 0.0;
    for (var i = start; i < start + p.c; i++) {
        let e = exp_of(x[i] - m);
        y[i] = e;
        s += e;
    }
    for (var i = start; i < start + p.c; i++) {
        y[i] /= s;
    }
}

@compute @workgroup_size(WG)
fn backward(at: Grid) {
    let row = linear(at);
    if row >= p.rows { return; }
    let start = row * p.c;
    var dot = 0.0;
    for (var i = start; i < start + p.c; i++) {
        dot += gy[i] * kept[i];
    }
    for (var i = start; i < start + p.c; i++) {
        gx[i] = kept[i] * (gy[i] - dot);
    }
}

@compute @workgroup_size(WG)
fn log_forward(at: Grid) {
    let row = linear(at);
    if row >= p.rows { return; }
    let start = row * p.c;
    let m = maximum(start);
    var s = 0.0;
    for (var i = start; i < start + p.c; i++) {
        s += exp_of(x[i] - m);
    }
    let log_s = log_of(s);
    for (var i = start; i < start + p.c; i++) {
        y[i] = (x[i] - m) - log_s;
    }
}

@compute @workgroup_size(WG)
fn log_backward(at: Grid) {
    let row = linear(at);
    if row >= p.rows { return; }
    let start = row * p.c;
    var sum = 0.0;
    for (var i = start; i < start + p.c; i++) {
        sum += gy[i];
    }
    for (var i = start; i < start + p.c; i++) {
        gx[i] = gy[i] - exp_of(kept[i]) * sum;
    }
}
