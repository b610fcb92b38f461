// The product of two matrices for adapters with small subgroups.
//
//   forward: y[q,i,j] = sum over k in chunk q of A[i,k] * B[k,j]
//
// A subgroup owns SIDE by SIDE of y.
#import grid
#import matrix
#import subgroup_tile

// Four neighbours of a row of y, which ends with up to three zeros where n is no multiple of four. Rows of a tile are named
// one by one, because a driver keeps an array in memory if a variable indexes it.
fn put(q: u32, i: u32, j: u32, sum: vec4<f32>) {
    if i < p.m && j < p.n { store_y((q * p.m + i) * ((p.n + 3u) / 4u) + j / 4u, sum); }
}

@compute @workgroup_size(S)
fn forward(at: Grid, @builtin(subgroup_invocation_id) lane: u32) {
    let group = linear_group(at);
    let across = (p.n + SIDE - 1u) / SIDE;
    let down = (p.m + SIDE - 1u) / SIDE;
    let q = group / (across * down);
    // Groups past the end add nothing and store nothing. They don't return, since drivers mask every sum in a branch.
    let i = select(p.m, group / across % down * SIDE, q < p.chunks);
    let j = group % across * SIDE + 4u * lane;
    let start = q * p.chunk;
    let end = min(start + p.chunk, p.k);
    var tile: Tile;
    for (var k = start; k < end; k += 4u) {
        add_product(&tile, transpose(block_a(i + 4u * lane, k)), block_b(k, j));
    }
    put(q, i, j, tile[0]); put(q, i + 1u, j, tile[1]); put(q, i + 2u, j, tile[2]); put(q, i + 3u, j, tile[3]);
    put(q, i + 4u, j, tile[4]); put(q, i + 5u, j, tile[5]); put(q, i + 6u, j, tile[6]); put(q, i + 7u, j, tile[7]);
    put(q, i + 8u, j, tile[8]); put(q, i + 9u, j, tile[9]); put(q, i + 10u, j, tile[10]); put(q, i + 11u, j, tile[11]);
    put(q, i + 12u, j, tile[12]); put(q, i + 13u, j, tile[13]); put(q, i + 14u, j, tile[14]); put(q, i + 15u, j, tile[15]);
    if S > 4u {
        put(q, i + 16u, j, tile[16]); put(q, i + 17u, j, tile[17]); put(q, i + 18u, j, tile[18]); put(q, i + 19u, j, tile[19]);
        put(q, i + 20u, j, tile[20]); put(q, i + 21u, j, tile[21]); put(q, i + 22u, j, tile[22]); put(q, i + 23u, j, tile[23]);
        put(q, i + 24u, j, tile[24]); put(q, i + 25u, j, tile[25]); put(q, i + 26u, j, tile[26]); put(q, i + 27u, j, tile[27]);
        put(q, i + 28u, j, tile[28]); put(q, i + 29u, j, tile[29]); put(q, i + 30u, j, tile[30]); put(q, i + 31u, j, tile[31]);
    }
}
