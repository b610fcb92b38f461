// Depth-wise transposed convolution of an NHWC image batch with a weight [k*k, c].
//
//   forward:     y[n,oi,oj,c] = sum over taps (a,b) and pixels (i,j) with i*stride + a - pad = oi, j*stride + b - pad = oj
//                               of x[n,i,j,c] * w[a*k+b,c]
//   backward_x: gx[n,i,j,c]   = sum over taps of gy[n, i*stride + a - pad, j*stride + b - pad, c] * w[a*k+b,c]
//   backward_w: sums[s,t,c]   = sum over the pixels of slice s of x[n,i,j,c] * gy[n, i*stride + a - pad, j*stride + b - pad, c]
//
// One invocation owns one element of what is written; the sums of the slices are added by reduce.wgsl.
#import grid

struct Params {
    len: u32,       // elements of what is written
    n: u32,         // sizes of x
    h: u32,
    w: u32,
    c: u32,
    ho: u32,        // size of y
    wo: u32,
    k: u32,
    stride: u32,
    pad: u32,
    slice: u32,     // pixels of x in one slice
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> gy: array<f32>;
@group(0) @binding(4) var<storage, read_write> gx: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let channel = o % p.c;
    let row = o / (p.c * p.wo);
    let n = row / p.ho;
    let down = row % p.ho + p.pad;
    let right = o / p.c % p.wo + p.pad;
    var sum = 0.0;
    for (var a = 0u; a < p.k && a <= down; a++) {
        let i = (down - a) / p.stride;
        if (down - a) % p.stride != 0u || i >= p.h { continue; }
        for (var b = 0u; b < p.k && b <= right; b++) {
            let j = (right - b) / p.stride;
            if (right - b) % p.stride != 0u || j >= p.w { continue; }
            sum += x[((n * p.h + i) * p.w + j) * p.c + channel] * w[(a * p.k + b) * p.c + channel];
        }
    }
    y[o] = sum;
}

@compute @workgroup_size(WG)
fn backward_x(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let channel = o % p.c;
    let j = o / p.c % p.w;
    let row = o / (p.c * p.w);
    let n = row / p.h;
    let i = row % p.h;
    var sum = 0.0;
    for (var a = 0u; a < p.k; a++) {
        // Left of the image the subtraction wraps to a value that is too large as well.
        let oi = i * p.stride + a - p.pad;
        if oi >= p.ho { continue; }
        for (var b = 0u; b < p.k; b++) {
            let oj = j * p.stride + b - p.pad;
            if oj >= p.wo { continue; }
            sum += gy[((n * p.ho + oi) * p.wo + oj) * p.c + channel] * w[(a * p.k + b) * p.c + channel];
        }
    }
    gx[o] = sum;
}

@compute @workgroup_size(WG)
fn backward_w(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let channel = o % p.c;
    let tap = o / p.c % (p.k * p.k);
    let s = o / (p.c * p.k * p.k);
    let a = tap / p.k;
    let b = tap % p.k;
    let end = min((s + 1u) * p.slice, p.n * p.h * p.w);
    var sum = 0.0;
    for (var pixel = s * p.slice; pixel < end; pixel++) {
        let n = pixel / (p.h * p.w);
        let oi = pixel / p.w % p.h * p.stride + a - p.pad;
        let oj = pixel % p.w * p.stride + b - p.pad;
        if oi >= p.ho || oj >= p.wo { continue; }
        sum += x[pixel * p.c + channel] * gy[((n * p.ho + oi) * p.wo + oj) * p.c + channel];
    }
    sums[o] = sum;
}
