// Sum over the invocations of one workgroup, in a fixed order.
// Defines group_sum(); expects WG, a power of two, of its includer.

var<workgroup> group_terms: array<f32, WG>;

// The sum of `value` over the workgroup, given to each of its invocations. All of them must call it.
fn group_sum(local: u32, value: f32) -> f32 {
    workgroupBarrier();     // the sum of an earlier call may still be read
    group_terms[local] = value;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
        if local < half {
            group_terms[local] += group_terms[local + half];
        }
        workgroupBarrier();
    }
    return group_terms[0];
}
