// The two heavy kernels of conv2d.wgsl through workgroup memory: the same sums in the same order, so the same bits, of
// the same packed copies.
//
//   forward:    part[s,q,o] = bias[o] + sum over the taps of split s and c of x[pixel q + tap, c] * w[t,c,o]
//   backward_w: part[s,t,c,o] = sum over the rows of split s of x[pixel + tap_t, c] * gy[pixel, o]
//
// A workgroup of 64 owns 64 positions (backward_w: input channels) by 64 output channels, and each of its invocations
// 8 x 8 of them in registers; slabs of 16 terms pass through workgroup memory, so that a vec4 which comes from outside is
// used 64 times.
#import grid
#import operands
#import put_y
#import taps

// 16 terms of 64 positions, and of 64 output channels.
var<workgroup> tile_a: array<vec4<f32>, 256>;
var<workgroup> tile_b: array<vec4<f32>, 256>;

// What an invocation owns: row r of its tile in two vectors. Named one by one, because a driver may keep an array in
// memory instead of registers.
struct Tile {
    l0: vec4<f32>, h0: vec4<f32>, l1: vec4<f32>, h1: vec4<f32>, l2: vec4<f32>, h2: vec4<f32>, l3: vec4<f32>, h3: vec4<f32>,
    l4: vec4<f32>, h4: vec4<f32>, l5: vec4<f32>, h5: vec4<f32>, l6: vec4<f32>, h6: vec4<f32>, l7: vec4<f32>, h7: vec4<f32>,
}

// Adds the first `terms` terms of the slab in their order.
fn add_slab(t: ptr<function, Tile>, row: u32, col: u32, terms: u32) {
    for (var s = 0u; s < terms * 16u; s += 16u) {
        let u = tile_a[s + row * 2u];
        let v = tile_a[s + row * 2u + 1u];
        let l = tile_b[s + col * 2u];
        let h = tile_b[s + col * 2u + 1u];
        (*t).l0 = fma(vec4(u.x), l, (*t).l0); (*t).h0 = fma(vec4(u.x), h, (*t).h0);
        (*t).l1 = fma(vec4(u.y), l, (*t).l1); (*t).h1 = fma(vec4(u.y), h, (*t).h1);
        (*t).l2 = fma(vec4(u.z), l, (*t).l2); (*t).h2 = fma(vec4(u.z), h, (*t).h2);
        (*t).l3 = fma(vec4(u.w), l, (*t).l3); (*t).h3 = fma(vec4(u.w), h, (*t).h3);
        (*t).l4 = fma(vec4(v.x), l, (*t).l4); (*t).h4 = fma(vec4(v.x), h, (*t).h4);
        (*t).l5 = fma(vec4(v.y), l, (*t).l5); (*t).h5 = fma(vec4(v.y), h, (*t).h5);
        (*t).l6 = fma(vec4(v.z), l, (*t).l6); (*t).h6 = fma(vec4(v.z), h, (*t).h6);
        (*t).l7 = fma(vec4(v.w), l, (*t).l7); (*t).h7 = fma(vec4(v.w), h, (*t).h7);
    }
}

// Channels come in eights, so that a slab of 16 terms has two eights, each of one tap.
@compute @workgroup_size(64)
fn forward(at: Grid) {
    let o4 = (p.cout + 7u) / 8u * 2u;
    let across = (o4 + 15u) / 16u;
    let down = (p.len + 63u) / 64u;
    let group = linear_group(at);
    let split = group / (across * down);
    // Groups past the end go through no slab: the barriers want every invocation.
    let q0 = group / across % down * 64u;
    let first_o = group % across * 16u;
    let per_split = (p.taps + p.extra - 1u) / p.extra;
    let begin = min(split * per_split, p.taps);
    let end = select(begin, min(begin + per_split, p.taps), split < p.extra);
    let eights = p.cin / 8u;
    let c4 = p.cin / 4u;

    // What this invocation loads, four positions (or vectors of channels) of four terms, and owns.
    let load_k = at.local / 16u;
    let load_i = at.local % 16u;
    let row = at.local / 8u;
    let col = at.local % 8u;
    let x0 = corner(q0 + load_i * 4u);
    let x1 = corner(q0 + load_i * 4u + 1u);
    let x2 = corner(q0 + load_i * 4u + 2u);
    let x3 = corner(q0 + load_i * 4u + 3u);
    // Past the last channel what others own is loaded, and nothing stored.
    let from_o = min(first_o + load_i, o4 - 1u);
    var tile: Tile;
    for (var slab = begin * eights; slab < end * eights; slab += 2u) {
        let eight = min(slab + load_k / 2u, end * eights - 1u);
        let t = eight / eights;
        let c = eight % eights * 2u + load_k % 2u;
        let d = tap(t);
        let shift = (u32(d.x) * p.w + u32(d.y)) * c4 + c;
        let a = transpose(mat4x4<f32>(load_x(x0 + shift), load_x(x1 + shift), load_x(x2 + shift), load_x(x3 + shift)));
        let r = (t * p.cin + c * 4u) * o4 + from_o;
        let b = mat4x4<f32>(load_w(r), load_w(r + o4), load_w(r + 2u * o4), load_w(r + 3u * o4));
        workgroupBarrier();
        let to = load_k * 64u + load_i;
        tile_a[to] = a[0]; tile_a[to + 16u] = a[1]; tile_a[to + 32u] = a[2]; tile_a[to + 48u] = a[3];
        tile_b[to] = b[0]; tile_b[to + 16u] = b[1]; tile_b[to + 32u] = b[2]; tile_b[to + 48u] = b[3];
        workgroupBarrier();
        add_slab(&tile, row, col, min(16u, (end * eights - slab) * 8u));
    }
    if split >= p.extra { return; }
    let q = q0 + row * 8u;
    let o = first_o + col * 2u;
    put_y8(split, q, o, tile.l0, tile.h0); put_y8(split, q + 1u, o, tile.l1, tile.h1);
    put_y8(split, q + 2u, o, tile.l2, tile.h2); put_y8(split, q + 3u, o, tile.l3, tile.h3);
    put_y8(split, q + 4u, o, tile.l4, tile.h4); put_y8(split, q + 5u, o, tile.l5, tile.h5);
    put_y8(split, q + 6u, o, tile.l6, tile.h6); put_y8(split, q + 7u, o, tile.l7, tile.h7);
}

fn put_w(to: u32, c: u32, o: u32, low: vec4<f32>, high: vec4<f32>) {
    let o4 = p.cout / 4u;
    if c >= p.cin || o >= o4 { return; }
    store_y((to + c) * o4 + o, low);
    store_y((to + c) * o4 + o + 1u, high);
}

// Four channels of the pixel of the window that tap d reads for pixel k of gy.
fn read_x(k: u32, d: vec2<i32>, c: u32) -> vec4<f32> {
    let at = nij(k, p.rows, p.columns);
    let i = at.y * p.stride + u32(d.x);
    let j = at.z * p.stride + u32(d.y);
    return load_x(((at.x * p.h + i) * p.w + j) * (p.cin / 4u) + c);
}

// Sizes as in conv2d.wgsl: x4 is the packed window, w4 is gy, cin and cout are padded, oh counts all output rows of the
// batch, rows those of one image. A term is a pixel.
@compute @workgroup_size(64)
fn backward_w(at: Grid) {
    let c4 = p.cin / 4u;
    let o4 = p.cout / 4u;
    let ctiles = (c4 + 15u) / 16u;
    let otiles = (o4 + 15u) / 16u;
    let group = linear_group(at);
    let first_o = group % otiles * 16u;
    let first_c = group / otiles % ctiles * 16u;
    let t = group / (otiles * ctiles) % p.taps;
    let split = group / (otiles * ctiles * p.taps);
    let d = tap(t);
    let per_split = (p.oh + p.extra - 1u) / p.extra;
    let begin = min(split * per_split, p.oh) * p.columns;
    let end = select(begin, min((split + 1u) * per_split, p.oh) * p.columns, split < p.extra);

    let load_k = at.local / 16u * 4u;
    let load_i = at.local % 16u;
    let row = at.local / 8u;
    let col = at.local % 8u;
    let from_c = min(first_c + load_i, c4 - 1u);
    let from_o = min(first_o + load_i, o4 - 1u);
    var tile: Tile;
    for (var slab = begin; slab < end; slab += 16u) {
        let k0 = min(slab + load_k, end - 1u);
        let k1 = min(slab + load_k + 1u, end - 1u);
        let k2 = min(slab + load_k + 2u, end - 1u);
        let k3 = min(slab + load_k + 3u, end - 1u);
        let a = mat4x4<f32>(read_x(k0, d, from_c), read_x(k1, d, from_c), read_x(k2, d, from_c), read_x(k3, d, from_c));
        let b = mat4x4<f32>(load_w(k0 * o4 + from_o), load_w(k1 * o4 + from_o), load_w(k2 * o4 + from_o), load_w(k3 * o4 + from_o));
        workgroupBarrier();
        let to = load_k * 16u + load_i;
        tile_a[to] = a[0]; tile_a[to + 16u] = a[1]; tile_a[to + 32u] = a[2]; tile_a[to + 48u] = a[3];
        tile_b[to] = b[0]; tile_b[to + 16u] = b[1]; tile_b[to + 32u] = b[2]; tile_b[to + 48u] = b[3];
        workgroupBarrier();
        add_slab(&tile, row, col, min(16u, end - slab));
    }
    if split >= p.extra { return; }
    let to = (split * p.taps + t) * p.cin;
    let c = first_c * 4u + row * 8u;
    let o = first_o + col * 2u;
    put_w(to, c, o, tile.l0, tile.h0); put_w(to, c + 1u, o, tile.l1, tile.h1);
    put_w(to, c + 2u, o, tile.l2, tile.h2); put_w(to, c + 3u, o, tile.l3, tile.h3);
    put_w(to, c + 4u, o, tile.l4, tile.h4); put_w(to, c + 5u, o, tile.l5, tile.h5);
    put_w(to, c + 6u, o, tile.l6, tile.h6); put_w(to, c + 7u, o, tile.l7, tile.h7);
}
