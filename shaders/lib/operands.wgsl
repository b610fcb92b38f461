// The two operands of a product as heavy kernels read them, and its result, four neighbours at a time: the packed image and
// weights of a convolution, or matrices. operands_half.wgsl stands in for this file where one of them is kept in halves.
// Defines x4, w4, y4, load_x(), load_w(), store_y(); expects nothing of its includer.
#texture x4, w4

@group(0) @binding(4) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> w4: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y4: array<vec4<f32>>;

fn load_x(at: u32) -> vec4<f32> {
    return x4[at];
}

fn load_w(at: u32) -> vec4<f32> {
    return w4[at];
}

fn store_y(at: u32, v: vec4<f32>) {
    y4[at] = v;
}
