// The two heavy kernels of conv2d.wgsl for adapters with small subgroups: the same sums in the same order, so the same
// bits, of the same packed copies.
//
//   forward:    part[s,q,o] = bias[o] + sum over the taps of split s and c of x[pixel q + tap, c] * w[t,c,o]
//   backward_w: part[s,t,c,o] = sum over the rows of split s of x[pixel + tap_t, c] * gy[pixel, o]
//
// A subgroup owns SIDE positions (backward_w: input channels) by SIDE output channels. Rows of a tile are named one by
// one, because a driver keeps an array in memory if a variable indexes it.
#import grid
#import operands
#import taps
#import put_y
#import subgroup_tile

// First vectors of the pixels under positions q to q + 3.
fn corners(q: u32) -> vec4<u32> {
    return vec4(corner(q), corner(q + 1u), corner(q + 2u), corner(q + 3u));
}

// What they hold c vectors further on.
fn pixels(corners: vec4<u32>, c: u32) -> mat4x4<f32> {
    return mat4x4<f32>(load_x(corners.x + c), load_x(corners.y + c), load_x(corners.z + c), load_x(corners.w + c));
}

// Four rows of the weights, from vector r on, o4 vectors long.
fn weights(r: u32, o4: u32) -> mat4x4<f32> {
    return mat4x4<f32>(load_w(r), load_w(r + o4), load_w(r + 2u * o4), load_w(r + 3u * o4));
}

@compute @workgroup_size(S)
fn forward(at: Grid, @builtin(subgroup_invocation_id) lane: u32) {
    let o4 = (p.cout + 7u) / 8u * 2u;
    let tiles = (o4 + S - 1u) / S;
    let blocks = (p.len + SIDE - 1u) / SIDE;
    let group = linear_group(at);
    let s = group / (tiles * blocks);
    // Groups past the end add nothing and store nothing. They don't return, since drivers mask every sum in a branch.
    let q = select(p.len, group % blocks * SIDE, s < p.extra);
    // Neighbours read the same weights, which are more than the pixels of a position.
    let o = (group / blocks) % tiles * S + lane;
    let c4 = p.cin / 4u;
    let per_split = (p.taps + p.extra - 1u) / p.extra;
    let begin = s * per_split;
    let end = min(begin + per_split, p.taps);
    let own = corners(q + 4u * lane);
    var tile: Tile;
    // Invocations past the last channel load what others own, and store nothing.
    var r = begin * p.cin * o4 + min(o, o4 - 1u);
    for (var t = begin; t < end; t++) {
        let d = tap(t);
        let first = (u32(d.x) * p.w + u32(d.y)) * c4;
        for (var c = first; c < first + c4; c++) {
            add_product(&tile, pixels(own, c), weights(r, o4));
            r += 4u * o4;
        }
    }
    let b = bias_at(o);
    put_y(s, q, o, tile[0], b); put_y(s, q + 1u, o, tile[1], b); put_y(s, q + 2u, o, tile[2], b); put_y(s, q + 3u, o, tile[3], b);
    put_y(s, q + 4u, o, tile[4], b); put_y(s, q + 5u, o, tile[5], b); put_y(s, q + 6u, o, tile[6], b); put_y(s, q + 7u, o, tile[7], b);
    put_y(s, q + 8u, o, tile[8], b); put_y(s, q + 9u, o, tile[9], b); put_y(s, q + 10u, o, tile[10], b); put_y(s, q + 11u, o, tile[11], b);
    put_y(s, q + 12u, o, tile[12], b); put_y(s, q + 13u, o, tile[13], b); put_y(s, q + 14u, o, tile[14], b); put_y(s, q + 15u, o, tile[15], b);
    if S > 4u {
        put_y(s, q + 16u, o, tile[16], b); put_y(s, q + 17u, o, tile[17], b); put_y(s, q + 18u, o, tile[18], b); put_y(s, q + 19u, o, tile[19], b);
        put_y(s, q + 20u, o, tile[20], b); put_y(s, q + 21u, o, tile[21], b); put_y(s, q + 22u, o, tile[22], b); put_y(s, q + 23u, o, tile[23], b);
        put_y(s, q + 24u, o, tile[24], b); put_y(s, q + 25u, o, tile[25], b); put_y(s, q + 26u, o, tile[26], b); put_y(s, q + 27u, o, tile[27], b);
        put_y(s, q + 28u, o, tile[28], b); put_y(s, q + 29u, o, tile[29], b); put_y(s, q + 30u, o, tile[30], b); put_y(s, q + 31u, o, tile[31], b);
    }
}

fn put_w(to: u32, c: u32, o: u32, sum: vec4<f32>) {
    if c < p.cin { store_y((to + c) * (p.cout / 4u) + o, sum); }
}

fn kept(v: vec4<f32>, there: bool) -> vec4<f32> {
    return select(vec4<f32>(), v, there);
}

// Vectors at `at` and `next`, 2 * next, 3 * next further on, of which `count` are there; zeros in the place of the others
// add nothing. What is not there is read as the last one that is, which costs less than a branch.
fn terms_of_x(at: u32, next: u32, count: u32) -> mat4x4<f32> {
    let further = min(vec3(1u, 2u, 3u), vec3(count - 1u)) * next;
    return mat4x4<f32>(
        load_x(at), kept(load_x(at + further.x), count > 1u), kept(load_x(at + further.y), count > 2u),
        kept(load_x(at + further.z), count > 3u)
    );
}

fn terms_of_gy(at: u32, next: u32, count: u32) -> mat4x4<f32> {
    let further = min(vec3(1u, 2u, 3u), vec3(count - 1u)) * next;
    return mat4x4<f32>(
        load_w(at), kept(load_w(at + further.x), count > 1u), kept(load_w(at + further.y), count > 2u),
        kept(load_w(at + further.z), count > 3u)
    );
}

// Sizes as in conv2d.wgsl: x4 is the packed window, w4 is gy, cin and cout are padded, oh
// counts all output rows of the batch, rows those of one image.
@compute @workgroup_size(S)
fn backward_w(at: Grid, @builtin(subgroup_invocation_id) lane: u32) {
    let c4 = p.cin / 4u;
    let o4 = p.cout / 4u;
    let ctiles = (c4 + S - 1u) / S;
    let otiles = (o4 + S - 1u) / S;
    let group = linear_group(at);
    let o = (group % otiles) * S + lane;
    let t = (group / (otiles * ctiles)) % p.taps;
    let s = group / (otiles * ctiles * p.taps);
    let c = select(p.cin, (group / otiles) % ctiles * SIDE, s < p.extra);
    let d = tap(t);
    let per_split = (p.oh + p.extra - 1u) / p.extra;
    let end = min((s + 1u) * per_split, p.oh);
    let next = p.stride * c4;
    var tile: Tile;
    for (var row = s * per_split; row < end; row++) {
        let line = divmod(row, p.rows);
        let top = line.x * p.h + line.y * p.stride + u32(d.x);
        var first = (top * p.w + u32(d.y)) * c4 + min(c / 4u + lane, c4 - 1u);
        var g = row * p.columns * o4 + min(o, o4 - 1u);
        for (var j = 0u; j < p.columns; j += 4u) {
            let count = p.columns - j;
            add_product(&tile, transpose(terms_of_x(first, next, count)), terms_of_gy(g, o4, count));
            first += 4u * next;
            g += 4u * o4;
        }
    }
    if o >= o4 { return; }
    let to = (s * p.taps + t) * p.cin;
    put_w(to, c, o, tile[0]); put_w(to, c + 1u, o, tile[1]); put_w(to, c + 2u, o, tile[2]); put_w(to, c + 3u, o, tile[3]);
    put_w(to, c + 4u, o, tile[4]); put_w(to, c + 5u, o, tile[5]); put_w(to, c + 6u, o, tile[6]); put_w(to, c + 7u, o, tile[7]);
    put_w(to, c + 8u, o, tile[8]); put_w(to, c + 9u, o, tile[9]); put_w(to, c + 10u, o, tile[10]); put_w(to, c + 11u, o, tile[11]);
    put_w(to, c + 12u, o, tile[12]); put_w(to, c + 13u, o, tile[13]); put_w(to, c + 14u, o, tile[14]); put_w(to, c + 15u, o, tile[15]);
    if S > 4u {
        put_w(to, c + 16u, o, tile[16]); put_w(to, c + 17u, o, tile[17]); put_w(to, c + 18u, o, tile[18]); put_w(to, c + 19u, o, tile[19]);
        put_w(to, c + 20u, o, tile[20]); put_w(to, c + 21u, o, tile[21]); put_w(to, c + 22u, o, tile[22]); put_w(to, c + 23u, o, tile[23]);
        put_w(to, c + 24u, o, tile[24]); put_w(to, c + 25u, o, tile[25]); put_w(to, c + 26u, o, tile[26]); put_w(to, c + 27u, o, tile[27]);
        put_w(to, c + 28u, o, tile[28]); put_w(to, c + 29u, o, tile[29]); put_w(to, c + 30u, o, tile[30]); put_w(to, c + 31u, o, tile[31]);
    }
}
