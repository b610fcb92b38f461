// Resizing of an NHWC image batch from [h,w] to [ho,wo].
//
//   forward:   y[n,i,j,c] = the mix of x at the source position of row i and column j (see Between)
//   backward: gx[n,i,j,c] = sum of gy over the output pixels that read pixel (i,j), times their weights
//
// MODE 0: nearest, floor(o*in/out).  1: bilinear at o*in/out.  2: bilinear at max(0, (o+0.5)*in/out - 0.5).
// One invocation owns one element of what is written, in forward4 and backward4 four channels: then `len` and `c` count
// vectors of four, the sums are the same, and positions are found for four at once.
#import grid
#import index
#texture x4, gy4

override MODE: u32 = 0u;

struct Params {
    len: u32,   // elements of what is written
    h: u32,     // sizes of x
    w: u32,
    c: u32,
    ho: u32,    // size of y
    wo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<f32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;
@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy4: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> gx4: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

// Along one axis an output pixel is (1-f) * x[lo] + f * x[hi].
struct Between {
    lo: u32,
    hi: u32,
    f: f32,
}

// The source position is a fraction of integers, so that no rounding can move a pixel.
fn between(o: u32, source: u32, output: u32) -> Between {
    var position = o * source;
    var unit = output;
    if MODE == 2u {
        position = max((2u * o + 1u) * source, output) - output;
        unit = 2u * output;
    }
    let place = divmod(position, unit);
    let lo = place.x;
    if MODE == 0u {
        return Between(lo, lo, 0.0);
    }
    return Between(lo, min(lo + 1u, source - 1u), f32(place.y) / f32(unit));
}

// Weight with which output pixel o reads source pixel i.
fn weight(o: u32, i: u32, source: u32, output: u32) -> f32 {
    let b = between(o, source, output);
    return select(0.0, 1.0 - b.f, b.lo == i) + select(0.0, b.f, b.hi == i);
}

// Bounds of the output pixels that may read source pixel i: their position lies between i-1 and i+1.
fn readers(i: u32, source: u32, output: u32) -> vec2<u32> {
    let step = i32(source * select(1u, 2u, MODE == 2u));
    let unit = i32(output * select(1u, 2u, MODE == 2u));
    let shift = select(0, i32(output) - i32(source), MODE == 2u);
    let low = (i32(i) - 1) * unit + shift;
    let high = (i32(i) + 1) * unit + shift;
    var first = u32(max(low, 0) / step);
    var end = u32(max(high, 0) / step) + 1u;
    // At the edges positions are clamped.
    if i == 0u { first = 0u; }
    if i == source - 1u { end = output; }
    return vec2(first, min(end, output));
}

// Where output element o reads x: the four corners, and how far it lies between them.
struct Corners {
    at: vec4<u32>,  // top left, bottom left, top right, bottom right
    f: vec2<f32>,   // along rows, along columns
}

fn corners(o: u32) -> Corners {
    let out = nhwc(o, p.ho, p.wo, p.c);
    let i = between(out.y, p.h, p.ho);
    let j = between(out.z, p.w, p.wo);
    let lines = (out.x * p.h + vec2(i.lo, i.hi)) * p.w;
    let pixels = vec4(lines + j.lo, lines + j.hi);
    return Corners(pixels * p.c + out.w, vec2(i.f, j.f));
}

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let source = corners(o);
    if MODE == 0u {
        y[o] = x[source.at.x];
        return;
    }
    let left = mix(x[source.at.x], x[source.at.y], source.f.x);
    let right = mix(x[source.at.z], x[source.at.w], source.f.x);
    y[o] = mix(left, right, source.f.y);
}

@compute @workgroup_size(WG)
fn forward4(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let source = corners(o);
    if MODE == 0u {
        y4[o] = x4[source.at.x];
        return;
    }
    let left = mix(x4[source.at.x], x4[source.at.y], source.f.x);
    let right = mix(x4[source.at.z], x4[source.at.w], source.f.x);
    y4[o] = mix(left, right, source.f.y);
}

@compute @workgroup_size(WG)
fn backward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let pixel = nhwc(o, p.h, p.w, p.c);
    let is = readers(pixel.y, p.h, p.ho);
    let js = readers(pixel.z, p.w, p.wo);
    var sum = 0.0;
    for (var oi = is.x; oi < is.y; oi++) {
        var line = 0.0;
        for (var oj = js.x; oj < js.y; oj++) {
            line += gy[((pixel.x * p.ho + oi) * p.wo + oj) * p.c + pixel.w] * weight(oj, pixel.z, p.w, p.wo);
        }
        sum += line * weight(oi, pixel.y, p.h, p.ho);
    }
    gx[o] = sum;
}

@compute @workgroup_size(WG)
fn backward4(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let pixel = nhwc(o, p.h, p.w, p.c);
    let is = readers(pixel.y, p.h, p.ho);
    let js = readers(pixel.z, p.w, p.wo);
    var sum = vec4(0.0);
    for (var oi = is.x; oi < is.y; oi++) {
        var line = vec4(0.0);
        for (var oj = js.x; oj < js.y; oj++) {
            line += gy4[((pixel.x * p.ho + oi) * p.wo + oj) * p.c + pixel.w] * weight(oj, pixel.z, p.w, p.wo);
        }
        sum += line * weight(oi, pixel.y, p.h, p.ho);
    }
    gx4[o] = sum;
}
