// Convolution over a list of taps, NHWC.
//
//   forward_plain: y[n, at+step*(i,j), o] = bias[o] + sum over t, c of x[n, (i,j)*stride + tap_t, c] * w[t,c,o],
//                  x zero outside the image: the specification
//   pack_x:        a window of x with zeros around it, channels padded with zeros to a multiple of 8
//   pack_w:        w of the taps in the table, channels padded likewise; transposed for the input gradient
//   pack_x_half, pack_w_half: the same copies, rounded to halves
//   forward:       part[s,q,o] = the same sum over the taps of split s, of a packed x and w; one split is y itself
//                  where the positions are all of its pixels and its channels come in fours
//   finish_y:      y[q,o] = bias[o] + sum over s of part[s,q,o], rectified if that is wanted, as what forward stores
//   backward_w:    part[s,t,c,o] = sum over the rows of split s of x[pixel + tap_t, c] * gy[pixel, o]
//   finish_w:      gw[t,c,o] = sum over s of part[s,t,c,o]
//
// forward and backward_w: one invocation owns 8 x 8 results in registers, so that each vec4 it loads is used eight
// times; splits of the sum keep enough invocations busy; the zeros of the packed copies spare it every bounds check.
// pack_x: it owns four channels, pack_w four of four rows. The others own one element each.
#import grid
#import halves
#import index
#import operands
#import put_y
#import taps

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(9) var<storage, read_write> y2: array<vec2<u32>>;

@compute @workgroup_size(WG)
fn forward_plain(at: Grid) {
    let k = linear(at);
    if k >= p.len { return; }
    let o = k % p.cout;
    let q = k / p.cout;
    let j = i32((q % p.columns) * p.stride);
    let i = i32(((q / p.columns) % p.rows) * p.stride);
    let n = q / (p.columns * p.rows);
    var sum = 0.0;
    if (p.flag & 1u) != 0u { sum = bias[o]; }
    for (var t = 0u; t < p.taps; t++) {
        let at = vec2<i32>(i, j) + tap(t);
        if at.x < 0 || at.x >= i32(p.h) || at.y < 0 || at.y >= i32(p.w) { continue; }
        let first = ((n * p.h + u32(at.x)) * p.w + u32(at.y)) * p.cin;
        for (var c = 0u; c < p.cin; c++) {
            sum += x[first + c] * w[(t * p.cin + c) * p.cout + o];
        }
    }
    y[pixel(q) * p.cout + o] = sum;
}

// Four neighbours of a row of x that is `count` long, from `first` on; zeros past its end.
fn four_of_x(row: u32, first: u32, count: u32) -> vec4<f32> {
    let o = row * count + first;
    var v = vec4<f32>();
    if (p.flag & 4u) != 0u {
        if first < count { v = load_x(o / 4u); }
        return v;
    }
    if first < count { v.x = x[o]; }
    if first + 1u < count { v.y = x[o + 1u]; }
    if first + 2u < count { v.z = x[o + 2u]; }
    if first + 3u < count { v.w = x[o + 3u]; }
    return v;
}

// Here rows, columns are the size of the window, cout its padded channels, and (y0, x0), biased by 128, its corner.
fn four_of_window(k: u32) -> vec4<f32> {
    let c4 = p.cout / 4u;
    let own = nhwc(k, p.rows, p.columns, c4);
    let j = i32(own.z) + i32(p.x0) - 128;
    let i = i32(own.y) + i32(p.y0) - 128;
    var value = vec4<f32>();
    if i >= 0 && i < i32(p.h) && j >= 0 && j < i32(p.w) {
        value = four_of_x((own.x * p.h + u32(i)) * p.w + u32(j), own.w * 4u, p.cin);
    }
    return value;
}

// Four by four of the packed weights, and the first of their vectors; the next row is p.cout / 4 further on.
struct Block {
    rows: mat4x4<f32>,
    first: u32,
}

fn row_of_weights(t: u32, c: u32, o: u32) -> vec4<f32> {
    if c >= p.cin { return vec4<f32>(); }
    return four_of_x(t * p.cin + c, o, p.extra);
}

// Here x holds the weights, the table the index of the source tap, cin and extra are the source's channels, rows and
// cout the packed ones (already exchanged when transposing).
fn block_of_weights(k: u32) -> Block {
    let blocks = divmod(k, p.cout / 4u);
    let tap = divmod(blocks.x, p.rows / 4u);
    let packed = 4u * vec2(tap.y, blocks.y);
    let turned = (p.flag & 2u) != 0u;
    let source = select(packed, packed.yx, turned);
    let t = word(tap.x);
    let c = source.x;
    let o = source.y;
    let rows = mat4x4<f32>(
        row_of_weights(t, c, o), row_of_weights(t, c + 1u, o), row_of_weights(t, c + 2u, o), row_of_weights(t, c + 3u, o)
    );
    let first = (tap.x * p.rows + packed.x) * (p.cout / 4u) + blocks.y;
    if turned { return Block(transpose(rows), first); }
    return Block(rows, first);
}

@compute @workgroup_size(WG)
fn pack_x(at: Grid) {
    let k = linear(at);
    if k < p.len { store_y(k, four_of_window(k)); }
}

@compute @workgroup_size(WG)
fn pack_x_half(at: Grid) {
    let k = linear(at);
    if k < p.len { y2[k] = to_halves(four_of_window(k)); }
}

@compute @workgroup_size(WG)
fn pack_w(at: Grid) {
    let k = linear(at);
    if k >= p.len { return; }
    let block = block_of_weights(k);
    let o4 = p.cout / 4u;
    store_y(block.first, block.rows[0]);
    store_y(block.first + o4, block.rows[1]);
    store_y(block.first + 2u * o4, block.rows[2]);
    store_y(block.first + 3u * o4, block.rows[3]);
}

@compute @workgroup_size(WG)
fn pack_w_half(at: Grid) {
    let k = linear(at);
    if k >= p.len { return; }
    let block = block_of_weights(k);
    let o4 = p.cout / 4u;
    y2[block.first] = to_halves(block.rows[0]);
    y2[block.first + o4] = to_halves(block.rows[1]);
    y2[block.first + 2u * o4] = to_halves(block.rows[2]);
    y2[block.first + 3u * o4] = to_halves(block.rows[3]);
}

fn rank4(sum: vec4<f32>, a: vec4<f32>, r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32>, r3: vec4<f32>) -> vec4<f32> {
    return fma(vec4(a.w), r3, fma(vec4(a.z), r2, fma(vec4(a.y), r1, fma(vec4(a.x), r0, sum))));
}

// Here len counts output positions; w4 has output channels in eights. Splits cut the taps where an image is small.
@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let tiles = (p.cout + 7u) / 8u;
    let blocks = (p.len + 7u) / 8u;
    let k = linear(at);
    let s = k / (tiles * blocks);
    if s >= p.extra { return; }
    let q = ((k / tiles) % blocks) * 8u;
    let o = (k % tiles) * 2u;
    let c4 = p.cin / 4u;
    let o4 = tiles * 2u;
    let per_split = (p.taps + p.extra - 1u) / p.extra;
    let begin = s * per_split;
    let end = min(begin + per_split, p.taps);
    let q0 = corner(q); let q1 = corner(q + 1u); let q2 = corner(q + 2u); let q3 = corner(q + 3u);
    let q4 = corner(q + 4u); let q5 = corner(q + 5u); let q6 = corner(q + 6u); let q7 = corner(q + 7u);
    var a0: vec4<f32>; var a1: vec4<f32>; var a2: vec4<f32>; var a3: vec4<f32>;
    var a4: vec4<f32>; var a5: vec4<f32>; var a6: vec4<f32>; var a7: vec4<f32>;
    var b0: vec4<f32>; var b1: vec4<f32>; var b2: vec4<f32>; var b3: vec4<f32>;
    var b4: vec4<f32>; var b5: vec4<f32>; var b6: vec4<f32>; var b7: vec4<f32>;
    var r = begin * p.cin * o4 + o;
    for (var t = begin; t < end; t++) {
        let d = tap(t);
        let first = (u32(d.x) * p.w + u32(d.y)) * c4;
        for (var c = first; c < first + c4; c++) {
            let l0 = load_w(r); let h0 = load_w(r + 1u); r += o4;
            let l1 = load_w(r); let h1 = load_w(r + 1u); r += o4;
            let l2 = load_w(r); let h2 = load_w(r + 1u); r += o4;
            let l3 = load_w(r); let h3 = load_w(r + 1u); r += o4;
            var v = load_x(q0 + c); a0 = rank4(a0, v, l0, l1, l2, l3); b0 = rank4(b0, v, h0, h1, h2, h3);
            v = load_x(q1 + c); a1 = rank4(a1, v, l0, l1, l2, l3); b1 = rank4(b1, v, h0, h1, h2, h3);
            v = load_x(q2 + c); a2 = rank4(a2, v, l0, l1, l2, l3); b2 = rank4(b2, v, h0, h1, h2, h3);
            v = load_x(q3 + c); a3 = rank4(a3, v, l0, l1, l2, l3); b3 = rank4(b3, v, h0, h1, h2, h3);
            v = load_x(q4 + c); a4 = rank4(a4, v, l0, l1, l2, l3); b4 = rank4(b4, v, h0, h1, h2, h3);
            v = load_x(q5 + c); a5 = rank4(a5, v, l0, l1, l2, l3); b5 = rank4(b5, v, h0, h1, h2, h3);
            v = load_x(q6 + c); a6 = rank4(a6, v, l0, l1, l2, l3); b6 = rank4(b6, v, h0, h1, h2, h3);
            v = load_x(q7 + c); a7 = rank4(a7, v, l0, l1, l2, l3); b7 = rank4(b7, v, h0, h1, h2, h3);
        }
    }
    put_y8(s, q, o, a0, b0); put_y8(s, q + 1u, o, a1, b1); put_y8(s, q + 2u, o, a2, b2); put_y8(s, q + 3u, o, a3, b3);
    put_y8(s, q + 4u, o, a4, b4); put_y8(s, q + 5u, o, a5, b5); put_y8(s, q + 6u, o, a6, b6); put_y8(s, q + 7u, o, a7, b7);
}

// Here len counts elements of this launch's output, x holds the parts, cin is their channels.
@compute @workgroup_size(WG)
fn finish_y(at: Grid) {
    let k = linear(at);
    if k >= p.len { return; }
    let own = divmod(k, p.cout);
    let o = own.y;
    let q = own.x;
    let positions = p.len / p.cout;
    var sum = 0.0;
    if (p.flag & 1u) != 0u { sum = bias[o]; }
    for (var s = 0u; s < p.extra; s++) {
        sum += x[(s * positions + q) * p.cin + o];
    }
    y[pixel(q) * p.cout + o] = rectified(vec4(sum)).x;
}

// Here x4 is the packed window, w4 is gy, cin and cout are padded, oh counts all output rows of the batch, rows
// those of one image. Splits cut the rows, because there are few weights and many pixels.
@compute @workgroup_size(WG)
fn backward_w(at: Grid) {
    let k = linear(at);
    if k >= p.len { return; }
    let ctiles = p.cin / 8u;
    let otiles = p.cout / 8u;
    let ot = k % otiles;
    let ct = (k / otiles) % ctiles;
    let t = (k / (otiles * ctiles)) % p.taps;
    let s = k / (otiles * ctiles * p.taps);
    let c4 = p.cin / 4u;
    let o4 = p.cout / 4u;
    let d = tap(t);
    var a0: vec4<f32>; var a1: vec4<f32>; var a2: vec4<f32>; var a3: vec4<f32>;
    var a4: vec4<f32>; var a5: vec4<f32>; var a6: vec4<f32>; var a7: vec4<f32>;
    var b0: vec4<f32>; var b1: vec4<f32>; var b2: vec4<f32>; var b3: vec4<f32>;
    var b4: vec4<f32>; var b5: vec4<f32>; var b6: vec4<f32>; var b7: vec4<f32>;
    let per_split = (p.oh + p.extra - 1u) / p.extra;
    let end = min((s + 1u) * per_split, p.oh);
    for (var row = s * per_split; row < end; row++) {
        let line = divmod(row, p.rows);
        let top = line.x * p.h + line.y * p.stride + u32(d.x);
        var first = (top * p.w + u32(d.y)) * c4 + ct * 2u;
        var g = row * p.columns * o4 + ot * 2u;
        for (var j = 0u; j < p.columns; j++) {
            let u = load_x(first); let v = load_x(first + 1u);
            let l = load_w(g); let h = load_w(g + 1u);
            a0 = fma(vec4(u.x), l, a0); b0 = fma(vec4(u.x), h, b0);
            a1 = fma(vec4(u.y), l, a1); b1 = fma(vec4(u.y), h, b1);
            a2 = fma(vec4(u.z), l, a2); b2 = fma(vec4(u.z), h, b2);
            a3 = fma(vec4(u.w), l, a3); b3 = fma(vec4(u.w), h, b3);
            a4 = fma(vec4(v.x), l, a4); b4 = fma(vec4(v.x), h, b4);
            a5 = fma(vec4(v.y), l, a5); b5 = fma(vec4(v.y), h, b5);
            a6 = fma(vec4(v.z), l, a6); b6 = fma(vec4(v.z), h, b6);
            a7 = fma(vec4(v.w), l, a7); b7 = fma(vec4(v.w), h, b7);
            first += p.stride * c4;
            g += o4;
        }
    }
    var to = ((s * p.taps + t) * p.cin + ct * 8u) * o4 + ot * 2u;
    store_y(to, a0); store_y(to + 1u, b0); to += o4;
    store_y(to, a1); store_y(to + 1u, b1); to += o4;
    store_y(to, a2); store_y(to + 1u, b2); to += o4;
    store_y(to, a3); store_y(to + 1u, b3); to += o4;
    store_y(to, a4); store_y(to + 1u, b4); to += o4;
    store_y(to, a5); store_y(to + 1u, b5); to += o4;
    store_y(to, a6); store_y(to + 1u, b6); to += o4;
    store_y(to, a7); store_y(to + 1u, b7);
}

// Here x holds the parts, rows and columns are their padded channels.
@compute @workgroup_size(WG)
fn finish_w(at: Grid) {
    let k = linear(at);
    if k >= p.len { return; }
    let at_w = nij(k, p.cin, p.cout);
    var sum = 0.0;
    for (var s = 0u; s < p.extra; s++) {
        sum += x[((s * p.taps + at_w.x) * p.rows + at_w.y) * p.columns + at_w.z];
    }
    y[k] = sum;
}
