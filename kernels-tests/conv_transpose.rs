//! Depth-wise transposed convolution.

use ganas::ops::ConvTranspose;

use crate::check::{check_op, normal};
use crate::reference::Array;

fn spread(x: &Array, w: &Array, conv: ConvTranspose) -> Array {
    let [n, h, wide, c] = x.shape[..] else {
        panic!("images")
    };
    let out = |size: usize| (size - 1) * conv.stride + conv.k + conv.out_pad - 2 * conv.pad;
    let (ho, wo) = (out(h), out(wide));
    let mut y = Array::zeros(&[n, ho, wo, c]);
    for at in 0..x.data.len() * conv.k * conv.k {
        let (tap, at) = (at % (conv.k * conv.k), at / (conv.k * conv.k));
        let (ch, j, i, b) = (at % c, at / c % wide, at / c / wide % h, at / c / wide / h);
        let oi = (i * conv.stride + tap / conv.k).wrapping_sub(conv.pad);
        let oj = (j * conv.stride + tap % conv.k).wrapping_sub(conv.pad);
        if oi < ho && oj < wo {
            let to = y.index(&[b, oi, oj, ch]);
            y.data[to] += x.data[at] * w.at(&[tap, ch]);
        }
    }
    y
}

#[test]
fn conv_transpose() {
    let general = |k, stride, pad, out_pad| ConvTranspose { k, stride, pad, out_pad };
    for (shape, conv) in [
        ([1, 1, 1, 1], ConvTranspose::double()),
        ([2, 4, 5, 5], ConvTranspose::double()),
        ([1, 3, 7, 2], general(4, 2, 1, 0)),
        ([1, 3, 2, 3], general(2, 3, 0, 2)),
        ([2, 5, 4, 6], general(3, 1, 2, 0)),
        ([2, 17, 16, 32], ConvTranspose::double()),
    ] {
        let summed = shape[0] * shape[1] * shape[2];
        check_op(
            "conv_transpose",
            &[normal(&shape), normal(&[conv.k * conv.k, shape[3]])],
            summed,
            |x| x[0].conv_transpose(&x[1], conv),
            |x| spread(&x[0], &x[1], conv),
        );
    }
}
