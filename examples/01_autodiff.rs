//! Lesson 1: tensors, gradients, and the only moment at which the host waits.
//!
//! A hidden 3x3 convolution turned random images into targets. We look for its weights by gradient descent, after
//! comparing one gradient with a difference quotient. Three things to see:
//!
//! * Formulas read as formulas. Operations are recorded on a tape when one of their inputs is a leaf (`param`).
//! * Gradients are values: `backward` returns those of the leaves that it is asked for, and nothing has to be zeroed.
//! * Work is only handed to the device; `item` and `to_vec` are the calls that wait for it.
//!
//! Run with `cargo run --example 01_autodiff`.

use ganas::{Conv2d, Device, Error, Rng, Tensor};

fn main() -> Result<(), Error> {
    let device = Device::auto()?; // the first real GPU, else the CPU
    println!("on {device:?}\n");
    let mut rng = Rng::seed(7);

    // Images are [n,h,w,c], convolution weights [taps,cin,cout].
    let x = Tensor::normal(&device, [4, 8, 8, 3], &mut rng);
    let hidden = Tensor::normal(&device, [9, 3, 8], &mut rng).scale(0.5);
    let target = network(&x, &hidden);
    let loss_of = |w: &Tensor| (network(&x, w) - &target).square().mean_all();

    let start = Tensor::normal(&device, [9, 3, 8], &mut rng).scale(0.1);
    compare_with_a_difference(&start, loss_of)?;

    let mut w = start.param();
    println!("step      loss  distance to the hidden weights");
    for step in 0..=200 {
        let loss = loss_of(&w);
        let grads = loss.backward(&[&w]); // computes only what leads to w
        if step % 25 == 0 {
            let distance = (&w - &hidden).square().mean_all().item()?.sqrt();
            println!("{step:4}  {:8.1e}  {distance:.1e}", loss.item()?);
        }
        w = (&w - &grads[&w].scale(0.5)).param(); // a new leaf; the old tape is dropped
    }
    Ok(())
}

/// Convolution, ReLU, nearest-neighbour enlargement: `[n,h,w,3] -> [n,2h,2w,8]`.
fn network(x: &Tensor, w: &Tensor) -> Tensor {
    x.conv2d(w, Conv2d::same(3)).relu().upsample_nearest(2)
}

/// The derivative of the loss along its gradient, by `backward` and by a central difference.
fn compare_with_a_difference(w: &Tensor, loss_of: impl Fn(&Tensor) -> Tensor) -> Result<(), Error> {
    let w = w.param();
    let g = loss_of(&w).backward(&[&w])[&w].clone();
    let exact = g.square().sum_all().item()?;
    let h = 0.01;
    let up = loss_of(&(&w + &g.scale(h))).item()?;
    let down = loss_of(&(&w - &g.scale(h))).item()?;
    let difference = (up - down) / (2.0 * h);
    println!("derivative along the gradient: {exact:.5}, by a difference quotient: {difference:.5}\n");
    Ok(())
}
