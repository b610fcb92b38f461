// Depth-wise transposed convolution of an NHWC image batch with a weight [k*k, c].
//
//   forward:     y[n,oi,oj,c] = sum over taps (a,b) and pixels (i,j) with i*stride + a - pad = oi, j*stride + b - pad = oj
//                               of x[n,i,j,c] * w[a*k+b,c]
//   backward_x: gx[n,i,j,c]   = sum over taps of gy[n, i*stride + a - pad, j*stride + b - pad, c] * w[a*k+b,c]
//   backward_w: sums[s,t,c]   = sum over the pixels of slice s of x[n,i,j,c] * gy[n, i*stride + a - pad, j*stride + b - pad, c]
//
// One invocation owns one element of what is written; the sums of the slices are added by reduce.wgsl.
#import grid
#import index

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
    let out = nhwc(o, p.ho, p.wo, p.c);
    let channel = out.w;
    let down = out.y + p.pad;
    let right = out.z + p.pad;
    var sum = 0.0;
    for (var a = 0u; a < p.k && a <= down; a++) {
        let i = divmod(down - a, p.stride);
        if i.y != 0u || i.x >= p.h { continue; }
        for (var b = 0u; b < p.k && b <= right; b++) {
            let j = divmod(right - b, p.stride);
            if j.y != 0u || j.x >= p.w { continue; }
            sum += x[((out.x * p.h + i.x) * p.w + j.x) * p.c + channel] * w[(a * p.k + b) * p.c + channel];
        }
    }
    y[o] = sum;
}

@compute @workgroup_size(WG)
fn backward_x(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let pixel = nhwc(o, p.h, p.w, p.c);
    let channel = pixel.w;
    var sum = 0.0;
    for (var a = 0u; a < p.k; a++) {
        // Left of the image the subtraction wraps to a value that is too large as well.
        let oi = pixel.y * p.stride + a - p.pad;
        if oi >= p.ho { continue; }
        for (var b = 0u; b < p.k; b++) {
            let oj = pixel.z * p.stride + b - p.pad;
            if oj >= p.wo { continue; }
            sum += gy[((pixel.x * p.ho + oi) * p.wo + oj) * p.c + channel] * w[(a * p.k + b) * p.c + channel];
        }
    }
    gx[o] = sum;
}

@compute @workgroup_size(WG)
fn backward_w(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let own = nhwc(o, p.k, p.k, p.c);
    let s = own.x;
    let channel = own.w;
    let end = min((s + 1u) * p.slice, p.n * p.h * p.w);
    var sum = 0.0;
    for (var pixel = s * p.slice; pixel < end; pixel++) {
        let place = nij(pixel, p.h, p.w);
        let oi = place.y * p.stride + own.y - p.pad;
        let oj = place.z * p.stride + own.z - p.pad;
        if oi >= p.ho || oj >= p.wo { continue; }
        sum += x[pixel * p.c + channel] * gy[((place.x * p.ho + oi) * p.wo + oj) * p.c + channel];
    }
    sums[o] = sum;
}
