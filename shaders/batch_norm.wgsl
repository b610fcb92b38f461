// Batch normalisation of x seen as [rows, c], and its gradient.
//
//   moments_slices: sums[s,0,c] = mean of slice s, sums[s,1,c] = sum of (x - that mean)^2
//   moments:        new_mean[c], new_variance[c] (biased) of all rows
//   forward:        y = (x - mean) * r * gamma + beta                       r = 1 / sqrt(variance + eps)
//   backward_slices: sums[s,0,c] = sum of gy over slice s, sums[s,1,c] = sum of gy * (x - mean) * r
//   backward_sums:  new_gbeta[c], new_ggamma[c], the same over all rows
//   backward_x:     gx = gamma * r * (gy - gbeta / rows - (x - mean) * r * ggamma / rows)
//   backward_fixed: gx = gamma * r * gy                                     mean and variance do not depend on x
//
// *_slices: one invocation owns one channel of one slice. moments, backward_sums: one workgroup owns one channel.
// The others: one invocation owns one channel of ROWS rows. Entry points that end in 4 own four channels at once; there `c`
// counts vectors of four.
#import grid
#import index
#import reduce
#texture x4, gy4

// What is known of a channel is read once for so many rows.
override ROWS: u32 = 4u;

struct Params {
    rows: u32,
    c: u32,
    slice: u32,     // rows in one slice
    slices: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read> gy: array<f32>;
@group(0) @binding(7) var<storage, read_write> gx: array<f32>;
@group(0) @binding(8) var<storage, read> ggamma: array<f32>;
@group(0) @binding(9) var<storage, read> gbeta: array<f32>;
@group(0) @binding(10) var<storage, read_write> new_sums: array<f32>;
@group(0) @binding(11) var<storage, read> sums: array<f32>;
@group(0) @binding(12) var<storage, read_write> new_mean: array<f32>;
@group(0) @binding(13) var<storage, read_write> new_variance: array<f32>;
@group(0) @binding(14) var<storage, read_write> new_ggamma: array<f32>;
@group(0) @binding(15) var<storage, read_write> new_gbeta: array<f32>;
@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> mean4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> variance4: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gamma4: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> beta4: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y4: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> gy4: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> gx4: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> ggamma4: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read> gbeta4: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> new_sums4: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

fn reciprocal_deviation(channel: u32) -> f32 {
    return 1.0 / sqrt(variance[channel] + p.eps);
}

fn reciprocal_deviation4(channel: u32) -> vec4<f32> {
    return 1.0 / sqrt(variance4[channel] + p.eps);
}

// First row of slice s and the one past its last.
fn rows_of(s: u32) -> vec2<u32> {
    return vec2(s * p.slice, min((s + 1u) * p.slice, p.rows));
}

// The ROWS rows from `first` on, as far as there are that many.
fn rows_from(first: u32) -> vec2<u32> {
    return vec2(first, min(first + ROWS, p.rows));
}

@compute @workgroup_size(WG)
fn moments_slices(at: Grid) {
    let o = linear(at);
    if o >= p.slices * p.c { return; }
    let own = divmod(o, p.c);
    let s = own.x;
    let channel = own.y;
    let rows = rows_of(s);
    var sum = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
        sum += x[row * p.c + channel];
    }
    let center = sum / f32(rows.y - rows.x);
    // A second pass over what is in the cache by now: squares of small differences do not cancel.
    var squares = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
        let d = x[row * p.c + channel] - center;
        squares += d * d;
    }
    new_sums[2u * s * p.c + channel] = center;
    new_sums[(2u * s + 1u) * p.c + channel] = squares;
}

@compute @workgroup_size(WG)
fn moments_slices4(at: Grid) {
    let o = linear(at);
    if o >= p.slices * p.c { return; }
    let own = divmod(o, p.c);
    let s = own.x;
    let channel = own.y;
    let rows = rows_of(s);
    var sum = vec4(0.0);
    for (var row = rows.x; row < rows.y; row++) {
        sum += x4[row * p.c + channel];
    }
    let center = sum / f32(rows.y - rows.x);
    var squares = vec4(0.0);
    for (var row = rows.x; row < rows.y; row++) {
        let d = x4[row * p.c + channel] - center;
        squares += d * d;
    }
    new_sums4[2u * s * p.c + channel] = center;
    new_sums4[(2u * s + 1u) * p.c + channel] = squares;
}

@compute @workgroup_size(WG)
fn moments(at: Grid) {
    let channel = linear_group(at);
    // A group past the end sums nothing, but takes part in the barriers.
    let slices = select(0u, p.slices, channel < p.c);
    var sum = 0.0;
    for (var s = at.local; s < slices; s += WG) {
        let rows = rows_of(s);
        sum += sums[2u * s * p.c + channel] * f32(rows.y - rows.x);
    }
    let center = workgroup_sum(at.local, sum) / f32(p.rows);
    var squares = 0.0;
    for (var s = at.local; s < slices; s += WG) {
        let rows = rows_of(s);
        let d = sums[2u * s * p.c + channel] - center;
        squares += sums[(2u * s + 1u) * p.c + channel] + f32(rows.y - rows.x) * d * d;
    }
    squares = workgroup_sum(at.local, squares);
    if at.local == 0u && channel < p.c {
        new_mean[channel] = center;
        new_variance[channel] = squares / f32(p.rows);
    }
}

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    let own = divmod(o, p.c);
    let channel = own.y;
    let rows = rows_from(own.x * ROWS);
    let center = mean[channel];
    let scale = reciprocal_deviation(channel) * gamma[channel];
    let shift = beta[channel];
    for (var row = rows.x; row < rows.y; row++) {
        let i = row * p.c + channel;
        y[i] = (x[i] - center) * scale + shift;
    }
}

@compute @workgroup_size(WG)
fn forward4(at: Grid) {
    let o = linear(at);
    let own = divmod(o, p.c);
    let channel = own.y;
    let rows = rows_from(own.x * ROWS);
    let center = mean4[channel];
    let scale = reciprocal_deviation4(channel) * gamma4[channel];
    let shift = beta4[channel];
    for (var row = rows.x; row < rows.y; row++) {
        let i = row * p.c + channel;
        y4[i] = (x4[i] - center) * scale + shift;
    }
}

@compute @workgroup_size(WG)
fn backward_slices(at: Grid) {
    let o = linear(at);
    if o >= p.slices * p.c { return; }
    let own = divmod(o, p.c);
    let s = own.x;
    let channel = own.y;
    let rows = rows_of(s);
    let center = mean[channel];
    var sum = 0.0;
    var product = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
        let g = gy[row * p.c + channel];
        sum += g;
        product += g * (x[row * p.c + channel] - center);
    }
    new_sums[2u * s * p.c + channel] = sum;
    new_sums[(2u * s + 1u) * p.c + channel] = product * reciprocal_deviation(channel);
}

@compute @workgroup_size(WG)
fn backward_slices4(at: Grid) {
    let o = linear(at);
    if o >= p.slices * p.c { return; }
    let own = divmod(o, p.c);
    let s = own.x;
    let channel = own.y;
    let rows = rows_of(s);
    let center = mean4[channel];
    var sum = vec4(0.0);
    var product = vec4(0.0);
    for (var row = rows.x; row < rows.y; row++) {
        let g = gy4[row * p.c + channel];
        sum += g;
        product += g * (x4[row * p.c + channel] - center);
    }
    new_sums4[2u * s * p.c + channel] = sum;
    new_sums4[(2u * s + 1u) * p.c + channel] = product * reciprocal_deviation4(channel);
}

@compute @workgroup_size(WG)
fn backward_sums(at: Grid) {
    let channel = linear_group(at);
    let slices = select(0u, p.slices, channel < p.c);
    var sum = 0.0;
    var product = 0.0;
    for (var s = at.local; s < slices; s += WG) {
        sum += sums[2u * s * p.c + channel];
        product += sums[(2u * s + 1u) * p.c + channel];
    }
    sum = workgroup_sum(at.local, sum);
    product = workgroup_sum(at.local, product);
    if at.local == 0u && channel < p.c {
        new_gbeta[channel] = sum;
        new_ggamma[channel] = product;
    }
}

@compute @workgroup_size(WG)
fn backward_x(at: Grid) {
    let o = linear(at);
    let own = divmod(o, p.c);
    let channel = own.y;
    let rows = rows_from(own.x * ROWS);
    let center = mean[channel];
    let r = reciprocal_deviation(channel);
    let along = ggamma[channel] / f32(p.rows);
    let mean_gy = gbeta[channel] / f32(p.rows);
    let scale = gamma[channel] * r;
    for (var row = rows.x; row < rows.y; row++) {
        let i = row * p.c + channel;
        gx[i] = scale * (gy[i] - mean_gy - (x[i] - center) * r * along);
    }
}

@compute @workgroup_size(WG)
fn backward_x4(at: Grid) {
    let o = linear(at);
    let own = divmod(o, p.c);
    let channel = own.y;
    let rows = rows_from(own.x * ROWS);
    let center = mean4[channel];
    let r = reciprocal_deviation4(channel);
    let along = ggamma4[channel] / f32(p.rows);
    let mean_gy = gbeta4[channel] / f32(p.rows);
    let scale = gamma4[channel] * r;
    for (var row = rows.x; row < rows.y; row++) {
        let i = row * p.c + channel;
        gx4[i] = scale * (gy4[i] - mean_gy - (x4[i] - center) * r * along);
    }
}

@compute @workgroup_size(WG)
fn backward_fixed(at: Grid) {
    let o = linear(at);
    let own = divmod(o, p.c);
    let channel = own.y;
    let rows = rows_from(own.x * ROWS);
    let scale = gamma[channel] * reciprocal_deviation(channel);
    for (var row = rows.x; row < rows.y; row++) {
        gx[row * p.c + channel] = scale * gy[row * p.c + channel];
    }
}

@compute @workgroup_size(WG)
fn backward_fixed4(at: Grid) {
    let o = linear(at);
    let own = divmod(o, p.c);
    let channel = own.y;
    let rows = rows_from(own.x * ROWS);
    let scale = gamma4[channel] * reciprocal_deviation4(channel);
    for (var row = rows.x; row < rows.y; row++) {
        gx4[row * p.c + channel] = scale * gy4[row * p.c + channel];
    }
}
