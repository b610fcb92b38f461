// What an adapter can do at best, to judge kernels by.
//
//   multiply_add: y[o] = sum of 8 sequences s -> s * a + b, each after p.rounds steps from x[o] plus its number
//   copy:         y[o] = x[o]
//
// One invocation owns one vector of 4. Multiply-adds touch memory twice and compute for as long as they are told to; the
// 8 sequences don't wait for each other.
#import grid

struct Params {
    len: u32,      // vectors
    rounds: u32,
    a: f32,
    b: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn multiply_add(at: Grid) {
    // What is past the end computes too, since drivers mask every sum in a branch.
    let o = linear(at);
    let a = vec4(p.a);
    let b = vec4(p.b);
    var s0 = x[min(o, p.len - 1u)];
    var s1 = s0 + 1.0;
    var s2 = s0 + 2.0;
    var s3 = s0 + 3.0;
    var s4 = s0 + 4.0;
    var s5 = s0 + 5.0;
    var s6 = s0 + 6.0;
    var s7 = s0 + 7.0;
    // Drivers that do not hoist it would read it in every round.
    let rounds = p.rounds;
    for (var i = 0u; i < rounds; i++) {
        s0 = fma(s0, a, b);
        s1 = fma(s1, a, b);
        s2 = fma(s2, a, b);
        s3 = fma(s3, a, b);
        s4 = fma(s4, a, b);
        s5 = fma(s5, a, b);
        s6 = fma(s6, a, b);
        s7 = fma(s7, a, b);
    }
    if o >= p.len { return; }
    y[o] = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
}

@compute @workgroup_size(WG)
fn copy(at: Grid) {
    let o = linear(at);
    if o >= p.len { return; }
    y[o] = x[o];
}
