// The two matrices of a product, either of which may be stored transposed: A = a or its transpose, B likewise. VEC4 says
// that the rows of both stored matrices are multiples of 4 long; then x4 and w4, the same memory, are read by vectors.
// Defines Params, p, a, b, y, is_a_turned(), is_b_turned(), block_a(), block_b(); expects nothing of its includer.
#import operands

override VEC4: bool = false;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    chunk: u32,    // a multiple of 16
    chunks: u32,
    turned: u32,   // bit 0: a is stored transposed, bit 1: b
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

fn is_a_turned() -> bool {
    return (p.turned & 1u) != 0u;
}

fn is_b_turned() -> bool {
    return (p.turned & 2u) != 0u;
}

// Four elements of a row of a as it is stored; zeros outside.
fn read_a(row: u32, col: u32) -> vec4<f32> {
    let rows = select(p.m, p.k, is_a_turned());
    let cols = select(p.k, p.m, is_a_turned());
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
    let rows = select(p.k, p.n, is_b_turned());
    let cols = select(p.n, p.k, is_b_turned());
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

// The transpose of a block where that is wanted, by choices in the place of a branch.
fn transposed(wanted: bool, m: mat4x4<f32>) -> mat4x4<f32> {
    let t = transpose(m);
    return mat4x4<f32>(
        select(m[0], t[0], wanted), select(m[1], t[1], wanted), select(m[2], t[2], wanted), select(m[3], t[3], wanted)
    );
}

// A 4 x 4 block of A: column s holds rows i..i+4 at k+s.
fn block_a(i: u32, k: u32) -> mat4x4<f32> {
    let at = select(vec2(i, k), vec2(k, i), is_a_turned());
    let stored = mat4x4<f32>(
        read_a(at.x, at.y), read_a(at.x + 1u, at.y), read_a(at.x + 2u, at.y), read_a(at.x + 3u, at.y)
    );
    return transposed(!is_a_turned(), stored);
}

// A 4 x 4 block of B: column s holds columns j..j+4 at k+s.
fn block_b(k: u32, j: u32) -> mat4x4<f32> {
    let at = select(vec2(k, j), vec2(j, k), is_b_turned());
    let stored = mat4x4<f32>(
        read_b(at.x, at.y), read_b(at.x + 1u, at.y), read_b(at.x + 2u, at.y), read_b(at.x + 3u, at.y)
    );
    return transposed(is_b_turned(), stored);
}
