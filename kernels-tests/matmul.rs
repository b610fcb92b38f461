//! Matrix products: all four transpositions, odd sizes, long inner axes, and the fast kernel against the plain one.

use ganas::ops::MatMul;
use ganas::{Device, Rng, Tensor};

use crate::check::{check_op, close, devices, normal, tolerance};
use crate::reference::Array;

const ALL: [MatMul; 4] = [
    MatMul { transpose_a: false, transpose_b: false },
    MatMul { transpose_a: true, transpose_b: false },
    MatMul { transpose_a: false, transpose_b: true },
    MatMul { transpose_a: true, transpose_b: true },
];

fn shapes(m: usize, k: usize, n: usize, how: MatMul) -> [[usize; 2]; 2] {
    [
        if how.transpose_a { [k, m] } else { [m, k] },
        if how.transpose_b { [n, k] } else { [k, n] },
    ]
}

fn matmul(a: &Array, b: &Array, how: MatMul) -> Array {
    let (m, k) = if how.transpose_a {
        (a.shape[1], a.shape[0])
    } else {
        (a.shape[0], a.shape[1])
    };
    let n = b.shape[usize::from(!how.transpose_b)];
    let mut y = Array::zeros(&[m, n]);
    for i in 0..m {
        for j in 0..n {
            let sum = (0..k).map(|l| {
                let a = if how.transpose_a {
                    a.data[l * m + i]
                } else {
                    a.data[i * k + l]
                };
                a * if how.transpose_b {
                    b.data[j * k + l]
                } else {
                    b.data[l * n + j]
                }
            });
            y.data[i * n + j] = sum.sum();
        }
    }
    y
}

#[test]
fn matmul_with_every_transposition() {
    for (m, k, n) in [
        (1, 1, 1),
        (3, 5, 7),
        (1, 13, 1),
        (8, 8, 8),
        (16, 9, 11),
        (67, 17, 71),
        (12, 20, 68),
        (9, 1100, 10),
    ] {
        for how in ALL {
            let [a, b] = shapes(m, k, n, how);
            let summed = m.max(k).max(n);
            check_op(
                &format!("{how:?}"),
                &[normal(&a), normal(&b)],
                summed,
                |x| x[0].matmul_with(&x[1], how),
                |x| matmul(&x[0], &x[1], how),
            );
        }
    }
    check_op(
        "matmul",
        &[normal(&[5, 6]), normal(&[6, 2])],
        6,
        |x| x[0].matmul(&x[1]),
        |x| matmul(&x[0], &x[1], ALL[0]),
    );
}

#[test]
fn matmul_fast_kernel_against_the_plain_one() {
    let mut rng = Rng::seed(5);
    for (m, k, n) in [(130, 67, 201), (128, 2080, 64), (257, 33, 300), (600, 516, 700)] {
        for how in ALL {
            let [sa, sb] = shapes(m, k, n, how);
            let (a, b) = (rng.normals(m * k), rng.normals(k * n));
            let mut first: Option<Vec<f64>> = None;
            for (name, device) in devices() {
                let (a, b) = (Tensor::from_slice(device, sa, &a), Tensor::from_slice(device, sb, &b));
                let plain = a.matmul_plain(&b, how).to_vec().unwrap();
                let want = first.get_or_insert_with(|| plain.iter().map(|&y| f64::from(y)).collect());
                let what = format!("{m}x{k}x{n} {how:?} on {name}");
                close(&format!("plain {what}"), &plain, want, tolerance(k));
                let fast = a.matmul_with(&b, how).to_vec().unwrap();
                close(&format!("fast {what}"), &fast, want, tolerance(k));
            }
        }
    }
}

#[test]
fn matmul_of_nothing_is_zero() {
    for (name, device) in devices() {
        let y = Tensor::zeros(device, [2, 0]).matmul(&Tensor::zeros(device, [0, 3]));
        assert_eq!(y.to_vec().unwrap(), [0.0; 6], "{name}");
    }
}

#[test]
#[should_panic(expected = "matmul: a [2,3] times b [4,5]: inner sizes differ")]
fn matmul_of_sizes_that_do_not_fit() {
    let device = Device::cpu();
    Tensor::zeros(&device, [2, 3]).matmul(&Tensor::zeros(&device, [4, 5]));
}
