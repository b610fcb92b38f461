// What the kernels of a convolution share: sizes, taps, and where pixels lie.
// Defines Params, p, tap(), pixel(), corner(), rectified(); expects nothing of its includer.
#import index

struct Params {
    len: u32,       // invocations with work
    h: u32,         // rows, columns and channels of x (packed: of the packed copy)
    w: u32,
    cin: u32,
    rows: u32,      // output positions of this launch, per image
    columns: u32,
    cout: u32,      // channels of the output in memory
    stride: u32,
    oh: u32,        // size of the output image
    ow: u32,
    step: u32,      // output position (i, j) lies at (y0, x0) + step * (i, j)
    y0: u32,
    x0: u32,
    taps: u32,
    flag: u32,      // bit 0: add the bias; bit 1: transpose w; bit 2: rows of what is packed are multiples of 4 long;
                    // bit 3: rectify the output
    extra: u32,     // pack_w: source cout; forward, finish_y, backward_w, finish_w: splits
    table: array<vec4<u32>, 11>,    // two taps a word, 8 bits each for dy and dx, biased by 128
}

@group(1) @binding(0) var<uniform> p: Params;

fn word(t: u32) -> u32 {
    return (p.table[t / 8u][(t / 2u) % 4u] >> ((t % 2u) * 16u)) & 0xffffu;
}

// (dy, dx) of tap t.
fn tap(t: u32) -> vec2<i32> {
    let packed = word(t);
    return vec2<i32>(i32(packed >> 8u) - 128, i32(packed & 0xffu) - 128);
}

// Where output position q of this launch lies in y, in pixels.
fn pixel(q: u32) -> u32 {
    let at = nij(q, p.rows, p.columns);
    return (at.x * p.oh + p.y0 + at.y * p.step) * p.ow + p.x0 + at.z * p.step;
}

// First vec4 of the packed window pixel under output position q; positions past the end repeat the last one.
fn corner(q: u32) -> u32 {
    let at = nij(min(q, p.len - 1u), p.rows, p.columns);
    return ((at.x * p.h + at.y * p.stride) * p.w + at.z * p.stride) * (p.cin / 4u);
}

// Outputs, rectified if that is wanted; NaN stays.
fn rectified(y: vec4<f32>) -> vec4<f32> {
    return select(y, vec4<f32>(), (y < vec4<f32>()) & vec4((p.flag & 8u) != 0u));
}
