// The two matrices of a product, either of which may be stored transposed: A = a or its transpose, B likewise. VEC4 says
// that the rows of both stored matrices are multiples of 4 long; then x4 and w4, the same memory, are read by vectors.
// Defines Params, p, a, b, y, block_a(), block_b(); expects nothing of its includer.
#import operands

override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override VEC4: bool = false;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    chunk: u32,    // a multiple of 16
    chunks: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

// Four elements of a row of a as it is stored; zeros outside.
fn read_a(row: u32, col: u32) -> vec4<f32> {
    let rows = select(p.m, p.k, TRANSPOSE_A);
    let cols = select(p.k, p.m, TRANSPOSE_A);
    let inside = row < rows && col < cols;
    let o = row * cols + col;
    // A read in the place of a branch, which costs more.
    if VEC4 { return select(vec4<f32>(), load_x(select(0u, o / 4u, inside)), inside); }
    var v = vec4<f32>();
    if !inside { return v; }
    v.x = a[o];
    if col + 1u < cols { v.y = a[o + 1u]; }
    if col + 2u < cols { v.z = a[o + 2u]; }
    if col + 3u < cols { v.w = a[o + 3u]; }
    return v;
}

fn read_b(row: u32, col: u32) -> vec4<f32> {
    let rows = select(p.k, p.n, TRANSPOSE_B);
    let cols = select(p.n, p.k, TRANSPOSE_B);
    let inside = row < rows && col < cols;
    let o = row * cols + col;
    if VEC4 { return select(vec4<f32>(), load_w(select(0u, o / 4u, inside)), inside); }
    var v = vec4<f32>();
    if !inside { return v; }
    v.x = b[o];
    if col + 1u < cols { v.y = b[o + 1u]; }
    if col + 2u < cols { v.z = b[o + 2u]; }
    if col + 3u < cols { v.w = b[o + 3u]; }
    return v;
}

// A 4 x 4 block of A: column s holds rows i..i+4 at k+s.
fn block_a(i: u32, k: u32) -> mat4x4<f32> {
    if TRANSPOSE_A {
        return mat4x4<f32>(read_a(k, i), read_a(k + 1u, i), read_a(k + 2u, i), read_a(k + 3u, i));
    }
    return transpose(mat4x4<f32>(read_a(i, k), read_a(i + 1u, k), read_a(i + 2u, k), read_a(i + 3u, k)));
}

// A 4 x 4 block of B: column s holds columns j..j+4 at k+s.
fn block_b(k: u32, j: u32) -> mat4x4<f32> {
    if TRANSPOSE_B {
        return transpose(mat4x4<f32>(read_b(j, k), read_b(j + 1u, k), read_b(j + 2u, k), read_b(j + 3u, k)));
    }
    return mat4x4<f32>(read_b(k, j), read_b(k + 1u, j), read_b(k + 2u, j), read_b(k + 3u, j));
}
