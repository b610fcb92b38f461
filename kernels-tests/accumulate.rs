//! The backward loop's own sum, through a tensor that is used three times.

use ganas::tensor::{Ctx, Op};
use ganas::{Device, Tensor};

use crate::check::{check_op, devices, normal};

/// The identity, so that this test needs no other operation: returns its input's memory.
struct Same;

impl Op for Same {
    fn name(&self) -> &'static str {
        "same"
    }

    fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
        x[0].detach()
    }

    fn backward(&self, ctx: &Ctx, gy: &Tensor) -> Vec<Option<Tensor>> {
        (0..ctx.inputs()).map(|_| Some(gy.clone())).collect()
    }
}

#[test]
fn accumulate_adds_out_of_place() {
    for (name, device) in devices() {
        for n in [1, 7, 300_000] {
            let x = Tensor::full(device, [n], 2.0).param();
            // Each `Same` over two inputs hands one buffer to both, so an in-place sum would count wrongly.
            let y = Tensor::apply(Same, &[&x, &x]);
            let z = Tensor::apply(Same, &[&y, &x]);
            let gy = Tensor::full(device, [n], 1.5);
            let g = z.backward_from(&gy, &[&x])[&x].to_vec().unwrap();
            assert!(g.iter().all(|&g| g == 4.5), "{name}, {n} elements: {:?}", &g[..1]);
            assert!(gy.to_vec().unwrap().iter().all(|&g| g == 1.5), "{name}: gy was changed");
        }
    }
}

#[test]
fn a_long_tape_is_walked_and_dropped_without_recursion() {
    let device = Device::cpu();
    let x = Tensor::full(&device, [1], 1.0).param();
    let mut y = x.clone();
    for _ in 0..200_000 {
        y = Tensor::apply(Same, &[&y]);
    }
    assert_eq!(y.backward(&[&x])[&x].item().unwrap(), 1.0);
    drop(y);
}

#[test]
fn only_what_leads_to_a_requested_leaf_is_computed() {
    struct Fails;
    impl Op for Fails {
        fn name(&self) -> &'static str {
            "fails"
        }
        fn forward(&self, x: &[&Tensor], _keep: &mut Vec<Tensor>) -> Tensor {
            x[0].detach()
        }
        fn backward(&self, _ctx: &Ctx, _gy: &Tensor) -> Vec<Option<Tensor>> {
            panic!("visited a node that leads to no requested leaf")
        }
    }
    let device = Device::cpu();
    let (a, b) = (Tensor::full(&device, [1], 1.0).param(), Tensor::full(&device, [1], 1.0).param());
    let y = Tensor::apply(Same, &[&a, &Tensor::apply(Fails, &[&b])]);
    let grads = y.backward(&[&a]);
    assert_eq!(grads[&a].item().unwrap(), 1.0);
    assert!(grads.get(&b).is_none());
}

#[test]
fn the_checker_accepts_the_identity() {
    check_op("same", &[normal(&[3, 5])], 1, |x| Tensor::apply(Same, &[&x[0]]), |x| x[0].clone());
}
