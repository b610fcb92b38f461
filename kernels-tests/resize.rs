//! Nearest and bilinear resizing.

use ganas::ops::Coordinates;
use ganas::{Device, Tensor};

use crate::check::{check_op, normal};
use crate::reference::Array;

/// Source position of output pixel `o`.
type Position = fn(o: f64, scale: f64) -> f64;

fn half_pixel(o: f64, scale: f64) -> f64 {
    ((o + 0.5) * scale - 0.5).max(0.0)
}

fn asymmetric(o: f64, scale: f64) -> f64 {
    o * scale
}

fn resized(x: &Array, [ho, wo]: [usize; 2], position: Position, nearest: bool) -> Array {
    let [n, h, w, c] = x.shape[..] else {
        panic!("images")
    };
    // (lo, hi, f) along one axis; a hair is added so that an exact position does not fall to the pixel before it.
    let axis = |o: usize, size: usize, out: usize| {
        let s = position(o as f64, size as f64 / out as f64);
        let lo = (s + 1e-9).floor() as usize;
        let f = if nearest { 0.0 } else { s - lo as f64 };
        (lo, (lo + 1).min(size - 1), f)
    };
    let mut y = Array::zeros(&[n, ho, wo, c]);
    for b in 0..n {
        for i in 0..ho {
            for j in 0..wo {
                let ((t, d, fi), (l, r, fj)) = (axis(i, h, ho), axis(j, w, wo));
                for ch in 0..c {
                    let top = x.at(&[b, t, l, ch]) * (1.0 - fj) + x.at(&[b, t, r, ch]) * fj;
                    let low = x.at(&[b, d, l, ch]) * (1.0 - fj) + x.at(&[b, d, r, ch]) * fj;
                    y.set(&[b, i, j, ch], top * (1.0 - fi) + low * fi);
                }
            }
        }
    }
    y
}

/// Source shapes with output sizes: up, down, odd, from and to one pixel, and more than one row of workgroups.
const CASES: [([usize; 4], [usize; 2]); 9] = [
    ([1, 1, 1, 1], [1, 1]),
    ([2, 1, 1, 3], [2, 2]),
    ([1, 4, 3, 5], [1, 1]),
    ([2, 3, 4, 6], [6, 8]),
    ([1, 3, 2, 4], [12, 8]),
    ([1, 7, 5, 2], [11, 13]),
    ([1, 13, 11, 3], [5, 7]),
    ([1, 12, 6, 3], [5, 17]),
    ([1, 16, 17, 8], [50, 51]),
];

#[test]
fn resize_nearest() {
    for (shape, size) in CASES {
        check_op(
            "resize_nearest",
            &[normal(&shape)],
            16,
            |x| x[0].resize_nearest(size),
            |x| resized(&x[0], size, asymmetric, true),
        );
    }
}

#[test]
fn resize_bilinear() {
    for (shape, size) in CASES {
        for (coordinates, position) in [
            (Coordinates::HalfPixel, half_pixel as Position),
            (Coordinates::Asymmetric, asymmetric as Position),
        ] {
            check_op(
                "resize_bilinear",
                &[normal(&shape)],
                16,
                |x| x[0].resize_bilinear(size, coordinates),
                |x| resized(&x[0], size, position, false),
            );
        }
    }
}

#[test]
fn upsample() {
    check_op(
        "upsample_nearest",
        &[normal(&[2, 3, 5, 4])],
        9,
        |x| x[0].upsample_nearest(3),
        |x| resized(&x[0], [9, 15], asymmetric, true),
    );
    check_op(
        "upsample_bilinear",
        &[normal(&[2, 3, 5, 4])],
        16,
        |x| x[0].upsample_bilinear(2),
        |x| resized(&x[0], [6, 10], half_pixel, false),
    );
}

/// Whatever the other one holds: the rest of an image can go bad without it.
#[test]
fn a_pixel_on_a_source_pixel_of_the_cpu_does_not_see_the_next_one() {
    let x = Tensor::from_slice(&Device::cpu(), [1, 1, 2, 1], &[3.0, f32::INFINITY]);
    let y = x.resize_bilinear([2, 4], Coordinates::Asymmetric).to_vec().unwrap();
    assert_eq!([y[0], y[4]], [3.0; 2]);
}
