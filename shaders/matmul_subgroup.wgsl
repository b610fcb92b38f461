// The product of two matrices for adapters with small subgroups.
//
//   forward: y[q,i,j] = sum over k in chunk q of A[i,k] * B[k,j]
//
// A subgroup owns SIDE by SIDE of y.
#import grid
#import matrix
#import subgroup_tile

// Four neighbours of a row of y. Rows of a tile are named one by one, because a driver keeps an array in memory if a
// variable indexes it.
fn put(q: u32, i: u32, j: u32, sum: vec4<f32>) {
    if i >= p.m { return; }
    let o = (q * p.m + i) * p.n + j;
    if j < p.n { y[o] = sum.x; }
    if j + 1u < p.n { y[o + 1u] = sum.y; }
    if j + 2u < p.n { y[o + 2u] = sum.z; }
    if j + 3u < p.n { y[o + 3u] = sum.w; }
}

@compute @workgroup_size(S)
fn forward(at: Grid, @builtin(subgroup_invocation_id) lane: u32) {
    let group = linear_group(at);
    let across = (p.n + SIDE - 1u) / SIDE;
    let down = (p.m + SIDE - 1u) / SIDE;
    let q = group / (across * down);
    if q >= p.chunks { return; }
    let i0 = group / across % down * SIDE;
    let j = group % across * SIDE + 4u * lane;
    let start = q * p.chunk;
    let end = min(start + p.chunk, p.k);
    var tile: Tile;
    for (var k = start; k < end; k += 4u) {
        add_product(&tile, transpose(block_a(i0 + 4u * lane, k)), block_b(k, j));
    }
    put(q, i0, j, tile[0]); put(q, i0 + 1u, j, tile[1]); put(q, i0 + 2u, j, tile[2]); put(q, i0 + 3u, j, tile[3]);
    put(q, i0 + 4u, j, tile[4]); put(q, i0 + 5u, j, tile[5]); put(q, i0 + 6u, j, tile[6]); put(q, i0 + 7u, j, tile[7]);
    put(q, i0 + 8u, j, tile[8]); put(q, i0 + 9u, j, tile[9]); put(q, i0 + 10u, j, tile[10]); put(q, i0 + 11u, j, tile[11]);
    put(q, i0 + 12u, j, tile[12]); put(q, i0 + 13u, j, tile[13]); put(q, i0 + 14u, j, tile[14]); put(q, i0 + 15u, j, tile[15]);
    if S > 4u {
        put(q, i0 + 16u, j, tile[16]); put(q, i0 + 17u, j, tile[17]); put(q, i0 + 18u, j, tile[18]); put(q, i0 + 19u, j, tile[19]);
        put(q, i0 + 20u, j, tile[20]); put(q, i0 + 21u, j, tile[21]); put(q, i0 + 22u, j, tile[22]); put(q, i0 + 23u, j, tile[23]);
        put(q, i0 + 24u, j, tile[24]); put(q, i0 + 25u, j, tile[25]); put(q, i0 + 26u, j, tile[26]); put(q, i0 + 27u, j, tile[27]);
        put(q, i0 + 28u, j, tile[28]); put(q, i0 + 29u, j, tile[29]); put(q, i0 + 30u, j, tile[30]); put(q, i0 + 31u, j, tile[31]);
    }
}
