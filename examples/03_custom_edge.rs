//! Lesson 3: an operation of your own on an edge of the search space.
//!
//! An edge of a supernet is a weighted sum of candidate operations, the weights being the soft-max of logits that are
//! trained by gradients like any other parameter. Candidates are whatever implements `Layer`; here a gated
//! convolution, made of operations that the engine already has, so its gradient comes for free. It competes with the
//! seven operations of the published spaces for a target that another gated convolution made.
//!
//! `Mixing::Merged` turns the five convolutions among the candidates, which read the same input, into one convolution
//! over the union of their taps; `Mixing::Plain` computes each candidate by itself. We see first that both give the
//! same numbers, then which candidate wins.
//!
//! Run with `cargo run --example 03_custom_edge`.

use ganas::nn::{
    Adam, AdamConfig, Conv, Init, Layout, Mode, Module, Role, SpectralInit, Visitor, collect, track,
};
use ganas::space::build::{Candidate, Layer, Mixed, Mixing, Signal, built_in};
use ganas::space::primitive::NORMAL;
use ganas::{Conv2d, Device, Error, Rng, Tensor};

const CHANNELS: usize = 8;
const STEPS: usize = 300;

/// `conv(x) * sigmoid(gate(x))`: the image decides where it is let through.
struct GatedConv {
    conv: Conv,
    gate: Conv,
}

impl GatedConv {
    fn new(init: &mut Init) -> GatedConv {
        GatedConv {
            conv: Conv::new(Conv2d::same(1), CHANNELS, CHANNELS, init),
            gate: Conv::new(Conv2d::same(3), CHANNELS, CHANNELS, init),
        }
    }
}

/// Names every tensor; optimisers, checkpoints and counts need nothing else.
impl Module for GatedConv {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("conv", &mut self.conv);
        v.module("gate", &mut self.gate);
    }
}

impl Layer for GatedConv {
    fn forward(&mut self, x: &Signal, mode: Mode, scale: Option<&Tensor>) -> Tensor {
        let gate = self.gate.forward(&x.x, mode, None).sigmoid();
        // `scale` is the candidate's weight; a convolution takes it into its own weights.
        self.conv.forward(&x.x, mode, scale) * gate
    }
}

/// One mixed edge and its logits.
struct Searched {
    logits: Tensor,
    edge: Mixed,
}

impl Searched {
    /// Two edges of one seed have the same weights, however they are mixed.
    fn new(device: &Device, mixing: Mixing, seed: u64) -> Searched {
        let mut init = Init {
            device,
            rng: &mut Rng::seed(seed),
            spectral: SpectralInit::default(),
        };
        let mut candidates: Vec<Option<Candidate>> = Vec::new();
        for primitive in &NORMAL {
            let layer = built_in(primitive, CHANNELS, &mut init);
            candidates.push(layer.map(|layer| Candidate { name: primitive.name.to_owned(), layer }));
        }
        let layer = Box::new(GatedConv::new(&mut init));
        candidates.push(Some(Candidate { name: "gated".to_owned(), layer }));
        Searched {
            logits: Tensor::zeros(device, [candidates.len()]),
            edge: Mixed::new(device, candidates, mixing),
        }
    }

    fn forward(&mut self, x: &Tensor) -> Tensor {
        let weights = self.logits.softmax();
        self.edge.forward(&Signal::new(x.clone()), Mode::Train, &weights)
    }
}

impl Module for Searched {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("logits", Role::Logit, Layout::Plain, &mut self.logits);
        v.module("edge", &mut self.edge);
    }
}

fn main() -> Result<(), Error> {
    let device = Device::auto()?;
    println!("on {device:?}\n");
    let mut rng = Rng::seed(3);
    compare_mixings(&device, &mut rng)?;

    let names: Vec<&str> = NORMAL.iter().map(|p| p.name).chain(["gated"]).collect();
    println!("\nstep    loss{}", names.iter().map(|n| format!("  {n:>12}")).collect::<String>());
    let mut teacher = GatedConv::new(&mut Init {
        device: &device,
        rng: &mut rng,
        spectral: SpectralInit::default(),
    });
    let mut searched = Searched::new(&device, Mixing::Merged, 1);
    let adam = |lr| AdamConfig { lr, beta1: 0.5, beta2: 0.999, weight_decay: 0.0 };
    let mut of_weights = Adam::new(adam(0.003), Role::Weight);
    let mut of_logits = Adam::new(adam(0.02), Role::Logit);
    for step in 0..=STEPS {
        // Weights and logits take turns, each on images of its own, as in the published searches.
        let loss = improve(&mut searched, &mut of_weights, Role::Weight, &mut teacher, &mut rng);
        improve(&mut searched, &mut of_logits, Role::Logit, &mut teacher, &mut rng);
        if step % 50 == 0 {
            let weights = searched.logits.softmax().to_vec()?;
            let row: String = weights.iter().map(|w| format!("  {w:12.3}")).collect();
            println!("{step:4}  {:.4}{row}", loss.item()?);
        }
    }

    let weights = searched.logits.softmax().to_vec()?;
    let winner = (0..weights.len()).max_by(|&a, &b| weights[a].total_cmp(&weights[b]));
    if let Some(winner) = winner {
        println!("\nthe search derives `{}`; a `gated` operation made the targets", names[winner]);
    }
    Ok(())
}

/// One step of the tensors of `role` on fresh images; the loss before it.
fn improve(
    net: &mut Searched,
    adam: &mut Adam,
    role: Role,
    teacher: &mut GatedConv,
    rng: &mut Rng,
) -> Tensor {
    let x = Tensor::normal(&net.logits.device(), [8, 8, 8, CHANNELS], rng);
    let target = teacher.forward(&Signal::new(x.clone()), Mode::Eval, None);
    track(net, role);
    let loss = (net.forward(&x) - target).square().mean_all();
    let leaves = collect(net, role);
    let grads = loss.backward(&leaves.iter().map(|(_, leaf)| leaf).collect::<Vec<_>>());
    adam.step(net, grads);
    loss.detach()
}

/// Output and logit gradients of the same edge, merged and plain.
fn compare_mixings(device: &Device, rng: &mut Rng) -> Result<(), Error> {
    let x = Tensor::normal(device, [8, 8, 8, CHANNELS], rng);
    let mut results = Vec::new();
    for mixing in [Mixing::Merged, Mixing::Plain] {
        let mut net = Searched::new(device, mixing, 1);
        track(&mut net, Role::Logit);
        let y = net.forward(&x);
        let g = y.square().mean_all().backward(&[&net.logits])[&net.logits].to_vec()?;
        results.push((y.to_vec()?, g));
    }
    let [merged, plain] = &results[..] else {
        unreachable!("two mixings, two results")
    };
    let worst = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    println!(
        "merged and plain differ by at most {:.1e} in the output, {:.1e} in the gradient of the logits",
        worst(&merged.0, &plain.0),
        worst(&merged.1, &plain.1)
    );
    Ok(())
}
