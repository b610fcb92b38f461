// Places of a flat index. Defines divmod(), nij() and nhwc(); expects nothing of its includer.

// (a / b, a % b).
fn divmod(a: u32, b: u32) -> vec2<u32> {
    let quotient = a / b;
    return vec2(quotient, a - quotient * b);
}

// (n, i, j) of pixel q of images of h by w.
fn nij(q: u32, h: u32, w: u32) -> vec3<u32> {
    let row = divmod(q, w);
    return vec3(divmod(row.x, h), row.y);
}

// (n, i, j, channel) of element o of images of h by w by c.
fn nhwc(o: u32, h: u32, w: u32, c: u32) -> vec4<u32> {
    let pixel = divmod(o, c);
    return vec4(nij(pixel.x, h, w), pixel.y);
}
