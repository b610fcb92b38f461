// A sum over the invocations of a workgroup, always in the same order.
// Defines workgroup_sum(); expects WG of its includer (lib/grid.wgsl), a power of two.

var<workgroup> reduce_partial: array<f32, WG>;

// The sum of `value` over the workgroup, in every invocation. All invocations must call it.
fn workgroup_sum(local: u32, value: f32) -> f32 {
    // Slower invocations may still read what the call before left here.
    workgroupBarrier();
    reduce_partial[local] = value;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
        if local < half {
            reduce_partial[local] += reduce_partial[local + half];
        }
        workgroupBarrier();
    }
    return reduce_partial[0];
}
