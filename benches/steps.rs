//! Weight steps of supernets: of AdversarialNAS's, the time of merged against plain mixed edges and peak memory of each; of
//! EAGAN's single-path one, a step against that of the stand-alone network.
//!
//! `cargo bench --bench steps [-- --device NAME --rounds N]`. Each way of mixing runs in a process of its own, since a
//! process's peak memory cannot be reset; the two take turns, so that a loaded machine slows both alike.

mod measure;
mod process;

use std::process::Command;

use ganas::nn::{self, Adam, AdamConfig, Init, Mode, Module, Role, SpectralInit};
use ganas::space::GanGenotype;
use ganas::space::build::{
    AdversarialDiscriminator, Discriminator, Generator, GeneratorSize, Mixing, Relaxation,
};
use ganas::{Device, Rng, Tensor};
use measure::{median, time};
use process::{option, peak_megabytes};
use serde_json::{Value, json};

const WIDTH: usize = 160;
const DISCRIMINATOR_WIDTH: usize = 80;
const SINGLE_WIDTH: usize = 64;
const BATCH: usize = 16;

fn main() {
    let device = option("--device").unwrap_or_else(|| "cpu".into());
    match option("--one") {
        Some(mixing) => println!("{}", one(&device, &mixing)),
        None => all(&device, option("--rounds").map_or(3, |n| n.parse().expect("--rounds N"))),
    }
}

/// Runs both ways in turn and prints the table.
fn all(device: &str, rounds: usize) {
    let names = ["merged", "plain"];
    let mut results = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (name, results) in names.iter().zip(&mut results) {
            results.push(in_own_process(device, name));
        }
    }
    println!(
        "supernet weight steps, generator {WIDTH}, discriminator {DISCRIMINATOR_WIDTH}, batch {BATCH}, on {device}"
    );
    println!("| mixed edges | d step, s | g step, s | both, thread seconds | peak resident, MB |");
    println!("|---|---|---|---|---|");
    let mut both = Vec::new();
    for (name, results) in names.iter().zip(&results) {
        let of = |key: &str| median(results.iter().map(|r| r[key].as_f64().expect("a number")).collect());
        both.push(of("threads"));
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.0} |",
            of("d"),
            of("g"),
            of("threads"),
            of("megabytes")
        );
    }
    println!("merged / plain: {:.2} of the thread seconds", both[0] / both[1]);
    single_path(&Device::open(device).expect("the device opens"), rounds);
}

/// Steps of one path of the single-path supernet and of the same network alone, in turn.
fn single_path(device: &Device, rounds: usize) {
    let genotype = GanGenotype::load("eagan").expect("a built-in name");
    let genes = genotype.require_cells().expect("a searched generator");
    let size = GeneratorSize::cifar(SINGLE_WIDTH);
    let mut rng = Rng::seed(1);
    let mut init = Init {
        device,
        rng: &mut rng,
        spectral: SpectralInit::Effective,
    };
    let mut supernet = Generator::single_path(size, &mut init).expect("a valid size");
    let all = nn::count(&mut supernet);
    supernet.follow(Some(genes));
    let mut alone = Generator::derived(&(*genes).into(), size, &mut init).expect("a valid size");
    nn::transfer(&mut supernet, &mut alone);
    let mut nets = [supernet, alone];
    let mut optimisers = [adam(), adam()];
    let mut seconds = [Vec::new(), Vec::new()];
    // The first round warms pools up.
    for round in 0..=2 * rounds {
        for ((net, optimiser), seconds) in nets.iter_mut().zip(&mut optimisers).zip(&mut seconds) {
            let z = Tensor::normal(device, [BATCH, size.latent], &mut rng);
            let spent = time(|| {
                nn::track(net, Role::Weight);
                let loss = net.forward(&z, Mode::Train, None).square().mean_all();
                let leaves = weights(net);
                let grads = loss.backward(&leaves.iter().collect::<Vec<_>>());
                optimiser.step(net, grads);
                device.sync().expect("the device works");
            });
            if round > 0 {
                seconds.push(spent.threads);
            }
        }
    }
    let moments: usize = optimisers[0].moments().values().map(|m| m.m.elements()).sum();
    let [path, alone] = seconds.map(median);
    println!(
        "single path of {SINGLE_WIDTH} channels, a generator step: {path:.3} thread seconds, alone {alone:.3}, ratio {:.2}",
        path / alone
    );
    println!("single path: {moments} of {all} parameters have moments after it");
}

fn adam() -> Adam {
    let config = AdamConfig {
        lr: 2e-4,
        beta1: 0.0,
        beta2: 0.9,
        weight_decay: 0.0,
    };
    Adam::new(config, Role::Weight)
}

fn in_own_process(device: &str, mixing: &str) -> Value {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(program)
        .args(["--one", mixing, "--device", device])
        .output()
        .expect("this program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// Two rounds of a discriminator's and a generator's step; the second is measured, the first warms pools up.
fn one(device: &str, mixing: &str) -> Value {
    let mixing = match mixing {
        "merged" => Mixing::Merged,
        "plain" => Mixing::Plain,
        other => panic!("--one merged|plain, not {other}"),
    };
    let device = Device::open(device).expect("the device opens");
    let mut pair = Pair::new(&device, mixing);
    let mut round = || {
        let d = time(|| {
            pair.discriminator_step();
            device.sync().expect("the device works");
        });
        let g = time(|| {
            pair.generator_step();
            device.sync().expect("the device works");
        });
        (d, g)
    };
    round();
    let (d, g) = round();
    json!({
        "d": d.wall,
        "g": g.wall,
        "threads": d.threads + g.threads,
        "megabytes": peak_megabytes().unwrap_or(f64::NAN),
    })
}

fn weights(net: &mut impl Module) -> Vec<Tensor> {
    let named = nn::collect(net, Role::Weight).into_iter();
    named.map(|(_, tensor)| tensor).collect()
}

struct Pair {
    device: Device,
    rng: Rng,
    g: Generator,
    d: AdversarialDiscriminator,
    adam_g: Adam,
    adam_d: Adam,
}

impl Pair {
    fn new(device: &Device, mixing: Mixing) -> Pair {
        let mut rng = Rng::seed(1);
        let mut init = Init {
            device,
            rng: &mut rng,
            spectral: SpectralInit::Effective,
        };
        let size = GeneratorSize::cifar(WIDTH);
        let g = Generator::supernet(size, mixing, &mut init).expect("a valid size");
        let d = AdversarialDiscriminator::supernet(DISCRIMINATOR_WIDTH, mixing, &mut init);
        Pair {
            device: device.clone(),
            rng,
            g,
            d,
            adam_g: adam(),
            adam_d: adam(),
        }
    }

    /// One forward pass of the generator on fresh latents.
    fn images(&mut self) -> Tensor {
        let z = Tensor::normal(&self.device, [BATCH, self.g.size().latent], &mut self.rng);
        let logits = self.g.logits().expect("a supernet");
        let mix = logits.mix(Relaxation::Softmax, &logits.noise(&mut self.rng));
        self.g.forward(&z, Mode::Train, Some(&mix))
    }

    fn judge(&mut self, x: &Tensor) -> Tensor {
        let logits = self.d.logits().expect("a supernet");
        let mix = logits.mix(Relaxation::Softmax, &logits.noise(&mut self.rng));
        self.d.forward(x, Mode::Train, Some(&mix))
    }

    fn discriminator_step(&mut self) {
        nn::freeze(&mut self.g);
        nn::track(&mut self.d, Role::Weight);
        let real = Tensor::uniform(&self.device, [BATCH, 32, 32, 3], 1.0, &mut self.rng);
        let fake = self.images();
        let (real, fake) = (self.judge(&real), self.judge(&fake));
        let loss = nn::hinge_loss(&real, &fake);
        let leaves = weights(&mut self.d);
        let grads = loss.backward(&leaves.iter().collect::<Vec<_>>());
        self.adam_d.step(&mut self.d, grads);
    }

    fn generator_step(&mut self) {
        nn::freeze(&mut self.d);
        nn::track(&mut self.g, Role::Weight);
        let fake = self.images();
        let loss = nn::generator_loss(&self.judge(&fake));
        let leaves = weights(&mut self.g);
        let grads = loss.backward(&leaves.iter().collect::<Vec<_>>());
        self.adam_g.step(&mut self.g, grads);
    }
}
