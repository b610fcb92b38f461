// Average and maximum pooling of an NHWC image batch over k*k windows, `stride` apart, padding `pad`.
//
//   avg_forward:   y[n,i,j,c] = sum of the pixels of window (i,j) / count(i,j)
//   avg_backward: gx[n,i,j,c] = sum over the windows (oi,oj) that see (i,j) of gy[n,oi,oj,c] / count(oi,oj)
//   max_forward:   y[n,i,j,c] = largest pixel of window (i,j)
//   max_and_winner: the same, and new_winner = its position in the window, row-major
//   max_backward: gx[n,i,j,c] = sum over the windows that see (i,j) and were won by it of gy[n,oi,oj,c]
//
// count is k*k if count_pad, else the number of the window's pixels inside the image.
// One invocation owns one element of what is written, in entry points that end in 4 four channels: there `len` and `c`
// count vectors of four.
#import grid
#import index
#texture x4, gy4, winner4

struct Params {
    len: u32,       // elements of what is written
    h: u32,         // sizes of x
    w: u32,
    c: u32,
    ho: u32,        // windows along each axis: sizes of y
    wo: u32,
    k: u32,
    stride: u32,
    pad: u32,       // at most k/2, so that every window sees a pixel
    count_pad: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<f32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;
@group(0) @binding(4) var<storage, read> winner: array<f32>;
@group(0) @binding(5) var<storage, read_write> new_winner: array<f32>;
@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy4: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> gx4: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> winner4: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> new_winner4: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

// First pixel of an axis that window o sees, and the one past its last.
fn pixels(o: u32, size: u32) -> vec2<u32> {
    let start = o * p.stride;
    return vec2(max(start, p.pad) - p.pad, min(start + p.k - p.pad, size));
}

// First window of an axis with `count` windows that sees pixel i, and the one past the last.
fn seeing(i: u32, count: u32) -> vec2<u32> {
    let last = i + p.pad;
    let first = max(last + 1u, p.k) - p.k;
    return vec2((first + p.stride - 1u) / p.stride, min(last / p.stride + 1u, count));
}

// What one pixel counts in the average of a window.
fn share(is: vec2<u32>, js: vec2<u32>) -> f32 {
    let seen = (is.y - is.x) * (js.y - js.x);
    return 1.0 / f32(select(seen, p.k * p.k, p.count_pad != 0u));
}

// The bits decide, since a compiler may assume that no value is a NaN.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(WG)
fn avg_forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let out = nhwc(o, p.ho, p.wo, p.c);
    let is = pixels(out.y, p.h);
    let js = pixels(out.z, p.w);
    var sum = 0.0;
    for (var i = is.x; i < is.y; i++) {
        for (var j = js.x; j < js.y; j++) {
            sum += x[((out.x * p.h + i) * p.w + j) * p.c + out.w];
        }
    }
    y[o] = sum * share(is, js);
}

@compute @workgroup_size(WG)
fn avg_forward4(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let out = nhwc(o, p.ho, p.wo, p.c);
    let is = pixels(out.y, p.h);
    let js = pixels(out.z, p.w);
    var sum = vec4(0.0);
    for (var i = is.x; i < is.y; i++) {
        for (var j = js.x; j < js.y; j++) {
            sum += x4[((out.x * p.h + i) * p.w + j) * p.c + out.w];
        }
    }
    y4[o] = sum * share(is, js);
}

@compute @workgroup_size(WG)
fn avg_backward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let pixel = nhwc(o, p.h, p.w, p.c);
    let is = seeing(pixel.y, p.ho);
    let js = seeing(pixel.z, p.wo);
    var sum = 0.0;
    for (var i = is.x; i < is.y; i++) {
        let height = pixels(i, p.h);
        for (var j = js.x; j < js.y; j++) {
            sum += gy[((pixel.x * p.ho + i) * p.wo + j) * p.c + pixel.w] * share(height, pixels(j, p.w));
        }
    }
    gx[o] = sum;
}

@compute @workgroup_size(WG)
fn avg_backward4(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let pixel = nhwc(o, p.h, p.w, p.c);
    let is = seeing(pixel.y, p.ho);
    let js = seeing(pixel.z, p.wo);
    var sum = vec4(0.0);
    for (var i = is.x; i < is.y; i++) {
        let height = pixels(i, p.h);
        for (var j = js.x; j < js.y; j++) {
            sum += gy4[((pixel.x * p.ho + i) * p.wo + j) * p.c + pixel.w] * share(height, pixels(j, p.w));
        }
    }
    gx4[o] = sum;
}

// The largest pixel of a window, or its first NaN, and the position in the window.
struct Largest {
    value: f32,
    place: u32,
}

fn largest(o: u32) -> Largest {
    let out = nhwc(o, p.ho, p.wo, p.c);
    let is = pixels(out.y, p.h);
    let js = pixels(out.z, p.w);
    var best = Largest(0.0, 0u);
    for (var i = is.x; i < is.y; i++) {
        for (var j = js.x; j < js.y; j++) {
            let v = x[((out.x * p.h + i) * p.w + j) * p.c + out.w];
            let first = i == is.x && j == js.x;
            if first || v > best.value || (is_nan(v) && !is_nan(best.value)) {
                best = Largest(v, (i + p.pad - out.y * p.stride) * p.k + j + p.pad - out.z * p.stride);
            }
        }
    }
    return best;
}

@compute @workgroup_size(WG)
fn max_forward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    y[o] = largest(o).value;
}

@compute @workgroup_size(WG)
fn max_and_winner(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let best = largest(o);
    y[o] = best.value;
    new_winner[o] = f32(best.place);
}

fn is_nan4(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

struct Largest4 {
    value: vec4<f32>,
    place: vec4<f32>,
}

fn largest4(o: u32) -> Largest4 {
    let out = nhwc(o, p.ho, p.wo, p.c);
    let is = pixels(out.y, p.h);
    let js = pixels(out.z, p.w);
    var best = Largest4(vec4(0.0), vec4(0.0));
    for (var i = is.x; i < is.y; i++) {
        for (var j = js.x; j < js.y; j++) {
            let v = x4[((out.x * p.h + i) * p.w + j) * p.c + out.w];
            let first = vec4(i == is.x && j == js.x);
            let wins = first | (v > best.value) | (is_nan4(v) & !is_nan4(best.value));
            let place = f32((i + p.pad - out.y * p.stride) * p.k + j + p.pad - out.z * p.stride);
            best = Largest4(select(best.value, v, wins), select(best.place, vec4(place), wins));
        }
    }
    return best;
}

@compute @workgroup_size(WG)
fn max_forward4(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    y4[o] = largest4(o).value;
}

@compute @workgroup_size(WG)
fn max_and_winner4(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let best = largest4(o);
    y4[o] = best.value;
    new_winner4[o] = best.place;
}

@compute @workgroup_size(WG)
fn max_backward(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let pixel = nhwc(o, p.h, p.w, p.c);
    let is = seeing(pixel.y, p.ho);
    let js = seeing(pixel.z, p.wo);
    var sum = 0.0;
    for (var oi = is.x; oi < is.y; oi++) {
        for (var oj = js.x; oj < js.y; oj++) {
            let place = (pixel.y + p.pad - oi * p.stride) * p.k + pixel.z + p.pad - oj * p.stride;
            let from_window = ((pixel.x * p.ho + oi) * p.wo + oj) * p.c + pixel.w;
            if u32(winner[from_window]) == place {
                sum += gy[from_window];
            }
        }
    }
    gx[o] = sum;
}

@compute @workgroup_size(WG)
fn max_backward4(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    let pixel = nhwc(o, p.h, p.w, p.c);
    let is = seeing(pixel.y, p.ho);
    let js = seeing(pixel.z, p.wo);
    var sum = vec4(0.0);
    for (var oi = is.x; oi < is.y; oi++) {
        for (var oj = js.x; oj < js.y; oj++) {
            let place = f32((pixel.y + p.pad - oi * p.stride) * p.k + pixel.z + p.pad - oj * p.stride);
            let from_window = ((pixel.x * p.ho + oi) * p.wo + oj) * p.c + pixel.w;
            sum += select(vec4(0.0), gy4[from_window], winner4[from_window] == vec4(place));
        }
    }
    gx4[o] = sum;
}
