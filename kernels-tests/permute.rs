//! Axes in another order; reshaping, which has no shader, is tested here too.

use ganas::{Device, Tensor};

use crate::check::{check_op, normal};
use crate::reference::Array;

fn permute(x: &Array, order: &[usize]) -> Array {
    let shape: Vec<usize> = order.iter().map(|&a| x.shape[a]).collect();
    let mut y = Array::zeros(&shape);
    for o in 0..y.data.len() {
        let mut at = vec![0; order.len()];
        let mut rest = o;
        for axis in (0..order.len()).rev() {
            at[order[axis]] = rest % shape[axis];
            rest /= shape[axis];
        }
        y.data[o] = x.at(&at);
    }
    y
}

#[test]
fn permute_in_every_order() {
    for shape in [&[7][..], &[1, 1], &[5, 3], &[2, 3, 5], &[2, 3, 4, 5]] {
        let n = shape.len();
        for code in 0..n.pow(n as u32) {
            let order: Vec<usize> = (0..n).map(|i| code / n.pow(i as u32) % n).collect();
            if (0..n).any(|axis| !order.contains(&axis)) {
                continue;
            }
            check_op(
                &format!("permute {order:?}"),
                &[normal(shape)],
                1,
                |x| x[0].permute(&order),
                |x| permute(&x[0], &order),
            );
        }
    }
    check_op("transpose", &[normal(&[211, 307])], 1, |x| x[0].transpose(), |x| permute(&x[0], &[1, 0]));
}

#[test]
fn reshape_shares_the_memory_and_passes_gradients() {
    check_op(
        "reshape",
        &[normal(&[4, 3, 5])],
        1,
        |x| x[0].reshape([6, 10]),
        |x| Array::new(&[6, 10], x[0].data.clone()),
    );
    let device = Device::cpu();
    let x = Tensor::full(&device, [200, 300], 1.0);
    let before = device.memory();
    let y = x.reshape([60_000]).reshape([2, 3, 100, 100]);
    assert_eq!(y.shape().sizes(), [2, 3, 100, 100]);
    assert_eq!(device.memory(), before);
}

#[test]
#[should_panic(expected = "reshape: [2,3] has 6 elements, [4] has 4")]
fn reshape_to_another_number_of_elements() {
    Tensor::zeros(&Device::cpu(), [2, 3]).reshape([4]);
}

#[test]
#[should_panic(expected = "permute: [0, 0] does not name each axis of [2,3] once")]
fn permute_that_names_an_axis_twice() {
    Tensor::zeros(&Device::cpu(), [2, 3]).permute(&[0, 0]);
}
