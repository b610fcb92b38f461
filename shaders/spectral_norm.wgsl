// The largest singular value of a weight, seen as a matrix w of [rows, c], by power iteration.
//
//   small:    new_v = unit(w u), new_u = unit(w^T new_v)            unit(x) = x / max(|x|, eps)
//   products, columns, finish: the same for large weights, in three launches:
//     products: raw = w u
//     columns:  new_v = unit(raw), sums[s,c] = rows of slice s of w^T new_v
//     finish:   new_u = unit(sum over s of sums[s,c])
//   sigma:    sums[s] = slice s of v^T w u
//   backward: gw[k,c] = gy * v[k] * u[c]
//
// small, finish: one workgroup does all. products: one invocation owns one row. columns: one invocation owns one
// channel of one slice of rows. sigma: one workgroup owns one slice of elements. backward: one invocation, one element.
#import grid
#import index
#import reduce

struct Params {
    len: u32,       // elements of w
    rows: u32,
    c: u32,
    slice: u32,     // rows, or for sigma elements, in one slice
    slices: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> new_u: array<f32>;
@group(0) @binding(4) var<storage, read_write> new_v: array<f32>;
@group(0) @binding(5) var<storage, read> raw: array<f32>;
@group(0) @binding(6) var<storage, read_write> new_raw: array<f32>;
@group(0) @binding(7) var<storage, read> sums: array<f32>;
@group(0) @binding(8) var<storage, read_write> new_sums: array<f32>;
@group(0) @binding(9) var<storage, read> gy: array<f32>;
@group(0) @binding(10) var<storage, read_write> gw: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

var<workgroup> terms: array<f32, WG>;

// Row k of w u.
fn row_product(k: u32) -> f32 {
    var sum = 0.0;
    for (var channel = 0u; channel < p.c; channel++) {
        sum += w[k * p.c + channel] * u[channel];
    }
    return sum;
}

// The factor that makes a vector a unit vector, given this invocation's share of its squares.
fn unit_factor(local: u32, squares: f32) -> f32 {
    return 1.0 / max(sqrt(workgroup_sum(local, squares)), p.eps);
}

@compute @workgroup_size(WG)
fn small(at: Grid) {
    var squares = 0.0;
    for (var k = at.local; k < p.rows; k += WG) {
        let product = row_product(k);
        new_v[k] = product;
        squares += product * product;
    }
    let v_factor = unit_factor(at.local, squares);
    for (var k = at.local; k < p.rows; k += WG) {
        new_v[k] *= v_factor;
    }
    storageBarrier();
    workgroupBarrier();

    // Several invocations share a channel, which there are at most WG of, and take turns in its rows.
    let parts = WG / p.c;
    let channel = at.local % p.c;
    let part = at.local / p.c;
    var sum = 0.0;
    if part < parts {
        for (var k = part; k < p.rows; k += parts) {
            sum += w[k * p.c + channel] * new_v[k];
        }
    }
    terms[at.local] = sum;
    workgroupBarrier();
    var product = 0.0;
    if at.local < p.c {
        for (var i = 0u; i < parts; i++) {
            product += terms[i * p.c + channel];
        }
    }
    let u_factor = unit_factor(at.local, product * product);
    if at.local < p.c {
        new_u[channel] = product * u_factor;
    }
}

@compute @workgroup_size(WG)
fn products(at: Grid) {
    let k = linear(at);
    if k >= p.rows { return; }
    new_raw[k] = row_product(k);
}

@compute @workgroup_size(WG)
fn columns(at: Grid) {
    // Every workgroup takes the norm for itself, which is cheaper than a launch for it.
    var squares = 0.0;
    for (var k = at.local; k < p.rows; k += WG) {
        squares += raw[k] * raw[k];
    }
    let factor = unit_factor(at.local, squares);
    let o = linear(at);
    let count = p.slices * p.c;
    if o >= count { return; }
    for (var k = o; k < p.rows; k += count) {
        new_v[k] = raw[k] * factor;
    }
    let own = divmod(o, p.c);
    let s = own.x;
    let channel = own.y;
    let end = min((s + 1u) * p.slice, p.rows);
    var sum = 0.0;
    for (var k = s * p.slice; k < end; k++) {
        sum += w[k * p.c + channel] * (raw[k] * factor);
    }
    new_sums[o] = sum;
}

@compute @workgroup_size(WG)
fn finish(at: Grid) {
    var squares = 0.0;
    for (var channel = at.local; channel < p.c; channel += WG) {
        var sum = 0.0;
        for (var s = 0u; s < p.slices; s++) {
            sum += sums[s * p.c + channel];
        }
        new_u[channel] = sum;
        squares += sum * sum;
    }
    let factor = unit_factor(at.local, squares);
    for (var channel = at.local; channel < p.c; channel += WG) {
        new_u[channel] *= factor;
    }
}

@compute @workgroup_size(WG)
fn sigma(at: Grid) {
    let s = linear_group(at);
    // A group past the end sums nothing, but takes part in the barriers.
    let end = min((s + 1u) * p.slice, p.len);
    var sum = 0.0;
    for (var o = s * p.slice + at.local; o < end; o += WG) {
        let place = divmod(o, p.c);
        sum += v[place.x] * w[o] * u[place.y];
    }
    sum = workgroup_sum(at.local, sum);
    if at.local == 0u && s < p.slices {
        new_sums[s] = sum;
    }
}

@compute @workgroup_size(WG)
fn backward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let place = divmod(o, p.c);
    gw[o] = gy[0] * v[place.x] * u[place.y];
}
