//! The two weight updates of AdversarialNAS's search in burn, as the published program makes them: every candidate of
//! every edge is computed and the results are added. `search_step.py` has the same networks, checked against the reference
//! program; running averages of batch norm, which nothing here reads, are left out.

use std::collections::BTreeMap;

use burn::tensor::activation::{relu, softmax, tanh};
use burn::tensor::module::{avg_pool2d, batch_norm_train, conv_transpose2d, conv2d, interpolate, max_pool2d};
use burn::tensor::ops::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions,
};
use burn::tensor::{Device, Distribution, Tensor};

/// Of the latent vector; a third goes to each cell.
const LATENT: usize = 120;
/// Temperature of the architecture's softmax.
const TAU: f64 = 5.0;

/// A candidate of an edge between images of one size.
#[derive(Clone, Copy)]
enum Normal {
    None,
    Skip,
    /// Kernel, dilation.
    Conv(usize, usize),
}

const NORMAL: [Normal; 7] = [
    Normal::None,
    Normal::Skip,
    Normal::Conv(1, 1),
    Normal::Conv(3, 1),
    Normal::Conv(5, 1),
    Normal::Conv(3, 2),
    Normal::Conv(5, 2),
];

/// Named parameters, made when they are first asked for, with Adam's two moments.
struct Net {
    device: Device,
    width: usize,
    spectral: bool,
    parameters: BTreeMap<String, Tensor<1>>,
    singular: BTreeMap<String, Tensor<2>>,
    moments: BTreeMap<String, [Tensor<1>; 2]>,
    steps: i32,
}

impl Net {
    fn new(device: &Device, width: usize, spectral: bool) -> Net {
        Net {
            device: device.clone(),
            width,
            spectral,
            parameters: BTreeMap::new(),
            singular: BTreeMap::new(),
            moments: BTreeMap::new(),
            steps: 0,
        }
    }

    fn get(&mut self, name: &str, len: usize, fan_in: usize) -> Tensor<1> {
        let bound = (fan_in as f64).powf(-0.5);
        let device = &self.device;
        let made = || Tensor::random([len], Distribution::Uniform(-bound, bound), device).require_grad();
        self.parameters.entry(name.into()).or_insert_with(made).clone()
    }

    /// Weights of which the last `inner` belong to one output, divided by the largest singular value where that is wanted.
    fn weight(&mut self, name: &str, outputs: usize, inner: usize) -> Tensor<2> {
        let w = self.get(&format!("{name}.weight"), outputs * inner, inner).reshape([outputs, inner]);
        if !self.spectral {
            return w;
        }
        let device = &self.device;
        let fresh = || normalised(Tensor::random([outputs, 1], Distribution::Normal(0.0, 1.0), device));
        let u = self.singular.entry(name.into()).or_insert_with(fresh);
        let still = w.clone().detach();
        let v = normalised(still.clone().transpose().matmul(u.clone()));
        *u = normalised(still.matmul(v.clone()));
        let sigma = u.clone().transpose().matmul(w.clone()).matmul(v);
        w / sigma
    }

    fn conv(&mut self, name: &str, x: Tensor<4>, out: usize, kernel: usize, [stride, dilation]: [usize; 2]) -> Tensor<4> {
        let inner = x.dims()[1] * kernel * kernel;
        let bias = self.get(&format!("{name}.bias"), out, inner);
        let w = self.weight(name, out, inner).reshape([out, x.dims()[1], kernel, kernel]);
        let pad = dilation * (kernel - 1) / 2;
        conv2d(x, w, Some(bias), ConvOptions::new([stride; 2], [pad; 2], [dilation; 2], 1))
    }

    /// Rows of weights of `choices` candidates, with Gumbel noise.
    fn mix(&mut self, name: &str, rows: usize, choices: usize) -> Tensor<2> {
        let logits = self.get(name, rows * choices, 1_000_000).reshape([rows, choices]);
        let noise = Tensor::random([rows, choices], Distribution::Uniform(1e-6, 1.0 - 1e-6), &self.device);
        let noise: Tensor<2> = noise.log().neg().log().neg();
        softmax((softmax(logits, 1) + noise).div_scalar(TAU), 1)
    }

    fn edge(&mut self, name: &str, weights: &Tensor<2>, row: usize, x: &Tensor<4>, active: bool) -> Tensor<4> {
        // The edges that read an image: five candidates, no activation.
        let candidates = if active { &NORMAL[..] } else { &NORMAL[2..] };
        let terms = candidates.iter().enumerate().map(|(i, candidate)| {
            let y = match *candidate {
                Normal::None => x.clone().mul_scalar(0.0),
                Normal::Skip => x.clone(),
                Normal::Conv(kernel, dilation) => {
                    let x = if active { relu(x.clone()) } else { x.clone() };
                    self.conv(&format!("{name}.{i}"), x, self.width, kernel, [1, dilation])
                }
            };
            at(weights, row, i) * y
        });
        sum(terms)
    }

    fn up(&mut self, name: &str, weights: &Tensor<2>, row: usize, x: &Tensor<4>) -> Tensor<4> {
        let c = self.width;
        let size = [2 * x.dims()[2], 2 * x.dims()[3]];
        let mut terms = Vec::new();
        for (i, mode) in [InterpolateMode::Nearest, InterpolateMode::Bilinear].into_iter().enumerate() {
            let large = relu(resized(x.clone(), size, mode));
            let y = self.conv(&format!("{name}.{i}"), large, c, 1, [1, 1]);
            terms.push(at(weights, row, i) * y);
        }
        let spread = self.get(&format!("{name}.2.depthwise"), c * 9, 9).reshape([c, 1, 3, 3]);
        let options = ConvTransposeOptions::new([2, 2], [1, 1], [1, 1], [1, 1], c);
        let y = conv_transpose2d(relu(x.clone()), spread, None, options);
        let point = self.get(&format!("{name}.2.pointwise"), c * c, c).reshape([c, c, 1, 1]);
        let y = conv2d(y, point, None, ConvOptions::new([1, 1], [0, 0], [1, 1], 1));
        terms.push(at(weights, row, 2) * y);
        sum(terms)
    }

    fn down(&mut self, name: &str, weights: &Tensor<2>, row: usize, x: &Tensor<4>) -> Tensor<4> {
        let average = avg_pool2d(x.clone(), AvgPoolOptions::new([2, 2]).with_stride([2, 2]));
        let most = max_pool2d(x.clone(), MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
        let mut terms = vec![at(weights, row, 0) * average, at(weights, row, 1) * most];
        for (i, [kernel, dilation]) in [[3, 1], [5, 1], [3, 2], [5, 2]].into_iter().enumerate() {
            let y = self.conv(&format!("{name}.{i}"), relu(x.clone()), self.width, kernel, [2, dilation]);
            terms.push(at(weights, row, i + 2) * y);
        }
        sum(terms)
    }

    /// Pictures `[n, 3, 32, 32]`.
    fn generate(&mut self, n: usize) -> Tensor<4> {
        let c = self.width;
        let z = Tensor::<2>::random([n, LATENT], Distribution::Normal(0.0, 1.0), &self.device);
        let normal = self.mix("normal", 3 * 5, 7);
        let ups = self.mix("up", 3 * 2, 3);
        let part = LATENT / 3;
        let mut inputs = Vec::new();
        for i in 0..3 {
            let side = 4 << i;
            let name = format!("l{i}");
            let w = self.weight(&name, c * side * side, part);
            let b = self.get(&format!("{name}.bias"), c * side * side, part);
            let z = z.clone().slice([0..n, i * part..(i + 1) * part]);
            let y = z.matmul(w.transpose()) + b.unsqueeze();
            inputs.push(y.reshape([n, c, side, side]));
        }
        let mut h = inputs[0].clone();
        let mut skips: Vec<Tensor<4>> = Vec::new();
        for cell in 0..3 {
            let name = format!("cell{cell}");
            let x = if cell == 0 { h } else { h + inputs[cell].clone() };
            let a = self.up(&format!("{name}.up0"), &ups, 2 * cell, &x);
            let b = self.up(&format!("{name}.up1"), &ups, 2 * cell + 1, &x);
            let edge = |net: &mut Net, i: usize, x: &Tensor<4>| {
                net.edge(&format!("{name}.c{i}"), &normal, 5 * cell + i, x, true)
            };
            let mut middle = edge(self, 0, &a) + edge(self, 1, &b);
            let size = [a.dims()[2], a.dims()[3]];
            for (k, skip) in skips.iter().enumerate() {
                let mode = if cell == 2 { InterpolateMode::Nearest } else { InterpolateMode::Bilinear };
                let large = resized(skip.clone(), size, mode);
                middle = middle + self.conv(&format!("{name}.skip{k}"), large, c, 1, [1, 1]);
            }
            skips.push(middle.clone());
            h = edge(self, 2, &a) + edge(self, 3, &b) + edge(self, 4, &middle);
        }
        let (gamma, beta) = (self.get("gamma", c, 1), self.get("beta", c, 1));
        let h = batch_norm_train(h, gamma, beta, 1e-5).output;
        tanh(self.conv("to_rgb", relu(h), 3, 3, [1, 1]))
    }

    /// Logits `[n, 1]`.
    fn judge(&mut self, x: Tensor<4>) -> Tensor<2> {
        let normal = self.mix("normal", 4 * 5, 7);
        let downs = self.mix("down", 4 * 2, 6);
        let mut h = x;
        for cell in 0..4 {
            let name = format!("block{cell}");
            let edge = |net: &mut Net, i: usize, x: &Tensor<4>| {
                net.edge(&format!("{name}.c{i}"), &normal, 5 * cell + i, x, cell > 0 || i > 2)
            };
            let p = edge(self, 0, &h);
            let q = edge(self, 1, &h) + edge(self, 3, &p);
            let r = edge(self, 2, &h) + edge(self, 4, &p);
            h = self.down(&format!("{name}.down0"), &downs, 2 * cell, &q)
                + self.down(&format!("{name}.down1"), &downs, 2 * cell + 1, &r);
        }
        let [n, c, ..] = h.dims();
        let w = self.weight("l5", 1, c);
        relu(h).sum_dim(2).sum_dim(3).reshape([n, c]).matmul(w.transpose())
    }

    /// A step of Adam on all parameters that `loss` reaches, except those of the architecture.
    fn descend(&mut self, loss: Tensor<1>) {
        let grads = loss.backward();
        self.steps += 1;
        let correction = 1.0 - 0.9_f64.powi(self.steps);
        for (name, p) in &mut self.parameters {
            if ["normal", "up", "down"].contains(&name.as_str()) {
                continue;
            }
            let Some(g) = p.grad(&grads) else { continue };
            let fresh = || [g.zeros_like(), g.zeros_like()];
            let [m, v] = self.moments.entry(name.clone()).or_insert_with(fresh);
            // The first moment's decay is 0.
            *m = g.clone();
            *v = v.clone().mul_scalar(0.9) + g.clone() * g.mul_scalar(0.1);
            let step = m.clone() / (v.clone().div_scalar(correction).sqrt().add_scalar(1e-8));
            *p = Tensor::from_inner(p.clone().inner() - step.mul_scalar(2e-4)).require_grad();
        }
    }
}

/// Both networks.
pub struct Supernet {
    device: Device,
    generator: Net,
    discriminator: Net,
    batch: usize,
}

impl Supernet {
    pub fn new(device: &Device, width: usize, disc_width: usize, batch: usize) -> Supernet {
        let device = device.clone().autodiff();
        Supernet {
            generator: Net::new(&device, width, false),
            discriminator: Net::new(&device, disc_width, true),
            device,
            batch,
        }
    }

    /// An update of the discriminator's weights on half of the batch.
    pub fn d_weight(&mut self) {
        let half = self.batch / 2;
        let real = Tensor::random([half, 3, 32, 32], Distribution::Uniform(-1.0, 1.0), &self.device);
        let fake = self.generator.generate(half).detach();
        let (real, fake) = (self.discriminator.judge(real), self.discriminator.judge(fake));
        let loss = relu(real.neg().add_scalar(1.0)).mean() + relu(fake.add_scalar(1.0)).mean();
        self.discriminator.descend(loss);
        self.device.sync().expect("the device works");
    }

    /// An update of the generator's weights.
    pub fn g_weight(&mut self) {
        let loss = self.discriminator.judge(self.generator.generate(self.batch)).mean().neg();
        self.generator.descend(loss);
        self.device.sync().expect("the device works");
    }
}

fn normalised(x: Tensor<2>) -> Tensor<2> {
    let norm = (x.clone() * x.clone()).sum().sqrt().reshape([1, 1]);
    x / norm
}

fn at(weights: &Tensor<2>, row: usize, column: usize) -> Tensor<4> {
    weights.clone().slice([row..row + 1, column..column + 1]).reshape([1, 1, 1, 1])
}

fn sum(terms: impl IntoIterator<Item = Tensor<4>>) -> Tensor<4> {
    terms.into_iter().reduce(|a, b| a + b).expect("there are candidates")
}

fn resized(x: Tensor<4>, size: [usize; 2], mode: InterpolateMode) -> Tensor<4> {
    interpolate(x, InterpolateOptions::new(mode).with_output_size(size).with_align_corners(false))
}
