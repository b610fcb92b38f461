// A square tile of a matrix product that a subgroup of S invocations owns together, each of them four columns. An
// invocation loads the terms of four rows; the others get them by a broadcast, which costs a driver that loads lane by
// lane far less than loading them again.
// Defines S, SIDE, Tile, add_product(); expects nothing of its includer. Workgroups are one subgroup. S is 8 or 4.

override S: u32 = 8u;
override SIDE: u32 = 4u * S;

// Row r of this invocation's columns.
alias Tile = array<vec4<f32>, 32>;

fn rank4(sum: vec4<f32>, a: vec4<f32>, b: mat4x4<f32>) -> vec4<f32> {
    return fma(vec4(a.w), b[3], fma(vec4(a.z), b[2], fma(vec4(a.y), b[1], fma(vec4(a.x), b[0], sum))));
}

fn four_rows(t: ptr<function, Tile>, r: u32, a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>, b: mat4x4<f32>) {
    (*t)[r] = rank4((*t)[r], a0, b);
    (*t)[r + 1u] = rank4((*t)[r + 1u], a1, b);
    (*t)[r + 2u] = rank4((*t)[r + 2u], a2, b);
    (*t)[r + 3u] = rank4((*t)[r + 3u], a3, b);
}

// Adds four terms in their order. Column j of `a` holds those of this invocation's row j, column k of `b` term k of its
// columns.
fn add_product(t: ptr<function, Tile>, a: mat4x4<f32>, b: mat4x4<f32>) {
    let a0 = a[0]; let a1 = a[1]; let a2 = a[2]; let a3 = a[3];
    four_rows(t, 0u, subgroupBroadcast(a0, 0u), subgroupBroadcast(a1, 0u), subgroupBroadcast(a2, 0u), subgroupBroadcast(a3, 0u), b);
    four_rows(t, 4u, subgroupBroadcast(a0, 1u), subgroupBroadcast(a1, 1u), subgroupBroadcast(a2, 1u), subgroupBroadcast(a3, 1u), b);
    four_rows(t, 8u, subgroupBroadcast(a0, 2u), subgroupBroadcast(a1, 2u), subgroupBroadcast(a2, 2u), subgroupBroadcast(a3, 2u), b);
    four_rows(t, 12u, subgroupBroadcast(a0, 3u), subgroupBroadcast(a1, 3u), subgroupBroadcast(a2, 3u), subgroupBroadcast(a3, 3u), b);
    if S > 4u {
        four_rows(t, 16u, subgroupBroadcast(a0, 4u), subgroupBroadcast(a1, 4u), subgroupBroadcast(a2, 4u), subgroupBroadcast(a3, 4u), b);
        four_rows(t, 20u, subgroupBroadcast(a0, 5u), subgroupBroadcast(a1, 5u), subgroupBroadcast(a2, 5u), subgroupBroadcast(a3, 5u), b);
        four_rows(t, 24u, subgroupBroadcast(a0, 6u), subgroupBroadcast(a1, 6u), subgroupBroadcast(a2, 6u), subgroupBroadcast(a3, 6u), b);
        four_rows(t, 28u, subgroupBroadcast(a0, 7u), subgroupBroadcast(a1, 7u), subgroupBroadcast(a2, 7u), subgroupBroadcast(a3, 7u), b);
    }
}
