// The packed image and weights as the heavy kernels of a convolution read them, four channels at a time.
// operands_half.wgsl stands in for this file where one of them is kept in halves.
// Defines x4, w4, load_x(), load_w(); expects nothing of its includer.

@group(0) @binding(4) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> w4: array<vec4<f32>>;

fn load_x(at: u32) -> vec4<f32> {
    return x4[at];
}

fn load_w(at: u32) -> vec4<f32> {
    return w4[at];
}
