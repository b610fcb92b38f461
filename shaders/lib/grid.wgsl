// A launch over a flat range of invocations, folded into three axes because each axis has a limit.
// Defines WG (invocations per workgroup), Grid, linear_group() and linear(); expects nothing of its includer.
// Folding rounds up: workgroups past the end of the range exist, and must write nothing.

override WG: u32 = 256u;

struct Grid {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
}

// Index of the workgroup in the flat range.
fn linear_group(at: Grid) -> u32 {
    return (at.group.z * at.groups.y + at.group.y) * at.groups.x + at.group.x;
}

// Index of the invocation in the flat range, for a one-dimensional @workgroup_size(WG).
fn linear(at: Grid) -> u32 {
    return linear_group(at) * WG + at.local;
}
