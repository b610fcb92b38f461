// Product of two matrices, either of which may be stored transposed.
//
//   forward: y[q,i,j] = sum over k in chunk q of A[i,k] * B[k,j]
//   tiled:   the same, fast
//
// with A = a or its transpose, B = b or its transpose. `forward` is the specification: one invocation owns one y.
// In `tiled` one workgroup of 64 owns 64 x 64 of y, and each of its invocations 8 x 8 of them in registers; slabs of
// 16 along k pass through workgroup memory.
#import grid
#import matrix

// 16 steps of k by 64 rows of A, and by 64 columns of B.
var<workgroup> tile_a: array<vec4<f32>, 256>;
var<workgroup> tile_b: array<vec4<f32>, 256>;

@compute @workgroup_size(WG)
fn forward(at: Grid) {
    let o = linear(at);
    if o >= p.chunks * p.m * p.n { return; }
    let j = o % p.n;
    let i = o / p.n % p.m;
    let start = o / (p.n * p.m) * p.chunk;
    let end = min(start + p.chunk, p.k);
    var sum = 0.0;
    for (var k = start; k < end; k++) {
        let s = a[select(i * p.k + k, k * p.m + i, is_a_turned())];
        let t = b[select(k * p.n + j, j * p.k + k, is_b_turned())];
        sum += s * t;
    }
    y[o] = sum;
}

// Eight neighbours of one row of y.
fn write(o: u32, j: u32, low: vec4<f32>, high: vec4<f32>) {
    if j < p.n { y[o] = low.x; }
    if j + 1u < p.n { y[o + 1u] = low.y; }
    if j + 2u < p.n { y[o + 2u] = low.z; }
    if j + 3u < p.n { y[o + 3u] = low.w; }
    if j + 4u < p.n { y[o + 4u] = high.x; }
    if j + 5u < p.n { y[o + 5u] = high.y; }
    if j + 6u < p.n { y[o + 6u] = high.z; }
    if j + 7u < p.n { y[o + 7u] = high.w; }
}

@compute @workgroup_size(64)
fn tiled(at: Grid) {
    let group = linear_group(at);
    let across = (p.n + 63u) / 64u;
    let down = (p.m + 63u) / 64u;
    let q = group / (across * down);
    let i0 = group / across % down * 64u;
    let j0 = group % across * 64u;
    // Groups past the end go through no slab: the barriers want every invocation.
    let start = q * p.chunk;
    let end = select(start, min(start + p.chunk, p.k), q < p.chunks);

    // What this invocation loads (a 4 x 4 block) and owns (8 x 8).
    let load_k = at.local / 16u * 4u;
    let load_i = at.local % 16u;
    let row = at.local / 8u;
    let col = at.local % 8u;
    // Named one by one, because a driver may keep an array in memory instead of registers.
    var l0 = vec4<f32>(); var h0 = vec4<f32>();
    var l1 = vec4<f32>(); var h1 = vec4<f32>();
    var l2 = vec4<f32>(); var h2 = vec4<f32>();
    var l3 = vec4<f32>(); var h3 = vec4<f32>();
    var l4 = vec4<f32>(); var h4 = vec4<f32>();
    var l5 = vec4<f32>(); var h5 = vec4<f32>();
    var l6 = vec4<f32>(); var h6 = vec4<f32>();
    var l7 = vec4<f32>(); var h7 = vec4<f32>();
    for (var k = start; k < end; k += 16u) {
        let from_a = block_a(i0 + load_i * 4u, k + load_k);
        let from_b = block_b(k + load_k, j0 + load_i * 4u);
        workgroupBarrier();
        let o = load_k * 16u + load_i;
        tile_a[o] = from_a[0];
        tile_a[o + 16u] = from_a[1];
        tile_a[o + 32u] = from_a[2];
        tile_a[o + 48u] = from_a[3];
        tile_b[o] = from_b[0];
        tile_b[o + 16u] = from_b[1];
        tile_b[o + 32u] = from_b[2];
        tile_b[o + 48u] = from_b[3];
        workgroupBarrier();
        for (var s = 0u; s < 256u; s += 16u) {
            let u = tile_a[s + row * 2u];
            let v = tile_a[s + row * 2u + 1u];
            let l = tile_b[s + col * 2u];
            let h = tile_b[s + col * 2u + 1u];
            l0 = fma(vec4(u.x), l, l0); h0 = fma(vec4(u.x), h, h0);
            l1 = fma(vec4(u.y), l, l1); h1 = fma(vec4(u.y), h, h1);
            l2 = fma(vec4(u.z), l, l2); h2 = fma(vec4(u.z), h, h2);
            l3 = fma(vec4(u.w), l, l3); h3 = fma(vec4(u.w), h, h3);
            l4 = fma(vec4(v.x), l, l4); h4 = fma(vec4(v.x), h, h4);
            l5 = fma(vec4(v.y), l, l5); h5 = fma(vec4(v.y), h, h5);
            l6 = fma(vec4(v.z), l, l6); h6 = fma(vec4(v.z), h, h6);
            l7 = fma(vec4(v.w), l, l7); h7 = fma(vec4(v.w), h, h7);
        }
    }
    if q >= p.chunks { return; }
    let i = i0 + row * 8u;
    let j = j0 + col * 8u;
    let o = (q * p.m + i) * p.n + j;
    if i < p.m { write(o, j, l0, h0); }
    if i + 1u < p.m { write(o + p.n, j, l1, h1); }
    if i + 2u < p.m { write(o + 2u * p.n, j, l2, h2); }
    if i + 3u < p.m { write(o + 3u * p.n, j, l3, h3); }
    if i + 4u < p.m { write(o + 4u * p.n, j, l4, h4); }
    if i + 5u < p.m { write(o + 5u * p.n, j, l5, h5); }
    if i + 6u < p.m { write(o + 6u * p.n, j, l6, h6); }
    if i + 7u < p.m { write(o + 7u * p.n, j, l7, h7); }
}
