//! Average and maximum pooling.

use ganas::ops::Pool;
use ganas::{Device, Rng, Tensor};

use crate::check::{Values, check_op, devices, input, normal};
use crate::reference::Array;

/// Every window reduced by `f`, which sees its pixels inside the image.
fn pooled(x: &Array, pool: Pool, f: impl Fn(&[f64]) -> f64) -> Array {
    let [n, h, w, c] = x.shape[..] else {
        panic!("images")
    };
    let out = |size: usize| (size + 2 * pool.pad - pool.k) / pool.stride + 1;
    let mut y = Array::zeros(&[n, out(h), out(w), c]);
    let seen = |o: usize, size: usize| {
        (0..pool.k)
            .map(move |a| (o * pool.stride + a).wrapping_sub(pool.pad))
            .filter(move |&i| i < size)
    };
    for at in 0..y.data.len() {
        let (ch, oj, oi, b) = (at % c, at / c % out(w), at / c / out(w) % out(h), at / c / out(w) / out(h));
        let pixels: Vec<f64> = seen(oi, h)
            .flat_map(|i| seen(oj, w).map(move |j| x.at(&[b, i, j, ch])))
            .collect();
        y.data[at] = f(&pixels);
    }
    y
}

/// Shapes with windows that fit them.
fn cases() -> Vec<([usize; 4], Pool)> {
    let windows = |k, stride, pad| Pool { k, stride, pad, count_pad: false };
    vec![
        ([1, 1, 1, 1], Pool::blocks(1)),
        ([1, 1, 1, 5], Pool::same(3)),
        ([2, 6, 4, 3], Pool::blocks(2)),
        ([2, 7, 5, 6], Pool::blocks(2)),
        ([1, 5, 6, 7], Pool::same(3)),
        ([2, 9, 7, 2], windows(3, 2, 0)),
        ([1, 8, 7, 3], windows(3, 2, 1)),
        ([1, 4, 11, 2], windows(2, 3, 1)),
        ([2, 7, 6, 4], windows(3, 2, 1)),
        ([2, 6, 4, 8], Pool::blocks(2)),
        ([1, 40, 33, 16], windows(3, 1, 1)),
        ([2, 7, 6, 37], windows(3, 2, 1)),
    ]
}

#[test]
fn avg_pool() {
    for (shape, pool) in cases() {
        for count_pad in [false, true] {
            let pool = Pool { count_pad, ..pool };
            check_op(
                "avg_pool",
                &[normal(&shape)],
                pool.k * pool.k,
                |x| x[0].avg_pool(pool),
                |x| {
                    pooled(&x[0], pool, |seen| {
                        let count = if count_pad { pool.k * pool.k } else { seen.len() };
                        seen.iter().sum::<f64>() / count as f64
                    })
                },
            );
        }
    }
}

#[test]
fn max_pool() {
    for (shape, pool) in cases() {
        check_op(
            "max_pool",
            &[input(&shape, Values::Distinct)],
            pool.k * pool.k,
            |x| x[0].max_pool(pool),
            |x| pooled(&x[0], pool, |seen| seen.iter().copied().fold(f64::MIN, f64::max)),
        );
    }
}

/// Asks that the maxima are the same where nothing keeps who won.
fn bits_without_a_gradient(x: &Tensor, pool: Pool, y: &Tensor, what: &str) {
    let bits = |t: &Tensor| -> Vec<u32> { t.to_vec().unwrap().iter().map(|v| v.to_bits()).collect() };
    assert_eq!(bits(&x.detach().max_pool(pool)), bits(y), "{what}");
}

/// Channels that kernels take one by one, in fours, as whole vectors, and as whole ones with a rest.
const CHANNELS: [usize; 4] = [1, 16, 20, 37];

/// The maxima of an image whose channels are all alike, and the gradient of their sum: asks that those are alike too.
fn maximum(device: &Device, [h, w]: [usize; 2], x: &[f32], pool: Pool, what: &str) -> (Vec<f32>, Vec<f32>) {
    let found = CHANNELS.map(|c| {
        let repeated: Vec<f32> = x.iter().flat_map(|&x| std::iter::repeat_n(x, c)).collect();
        let x = Tensor::from_slice(device, [1, h, w, c], &repeated).param();
        let y = x.max_pool(pool);
        bits_without_a_gradient(&x, pool, &y, what);
        let gy = Tensor::full(device, y.shape(), 1.0);
        let gx = y.backward_from(&gy, &[&x])[&x].to_vec().unwrap();
        [y.to_vec().unwrap(), gx].map(|of| {
            let alike = |pixel: &[f32]| pixel.iter().all(|v| v.to_bits() == pixel[0].to_bits());
            assert!(of.chunks_exact(c).all(alike), "{what}, {c} channels: {of:?}");
            of.into_iter().step_by(c).collect::<Vec<f32>>()
        })
    });
    let text = format!("{:?}", found[0]);
    assert!(found.iter().all(|other| format!("{other:?}") == text), "{what}: {found:?}");
    let [first, ..] = found;
    first.into()
}

#[test]
fn maxima_are_the_same_without_a_gradient() {
    for (name, device) in devices() {
        let mut rng = Rng::seed(3);
        for (shape, pool) in cases() {
            let x = Tensor::from_slice(device, shape, &rng.normals(shape.iter().product())).param();
            bits_without_a_gradient(&x, pool, &x.max_pool(pool), &format!("{shape:?} {pool:?} on {name}"));
        }
    }
}

#[test]
fn of_equal_pixels_the_first_gets_the_gradient() {
    for (name, device) in devices() {
        let found = maximum(device, [2, 2], &[1.0, 3.0, 3.0, 3.0], Pool::blocks(2), name);
        assert_eq!(found, (vec![3.0], vec![0.0, 1.0, 0.0, 0.0]), "{name}");
    }
}

#[test]
fn padding_never_wins() {
    for (name, device) in devices() {
        let found = maximum(device, [1, 2], &[-5.0, -1e30], Pool::same(3), name);
        assert_eq!(found, (vec![-5.0, -5.0], vec![2.0, 0.0]), "{name}");
    }
}

#[test]
fn a_nan_wins() {
    for (name, device) in devices() {
        let (y, gx) = maximum(device, [2, 2], &[1.0, f32::NAN, 7.0, 3.0], Pool::blocks(2), name);
        assert!(y[0].is_nan(), "{name}: {y:?}");
        assert_eq!(gx, [0.0, 1.0, 0.0, 0.0], "{name}");
    }
}
