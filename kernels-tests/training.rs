//! Short trainings of whole networks: stored losses, the same bits again, memory that does not grow, few submissions.

use ganas::device::{Gpu, GpuOptions};
use ganas::nn::{
    self, Adam, AdamConfig, Ema, Init, Mode, Module, Role, SpectralInit, generator_loss, hinge_loss,
};
use ganas::space::build::{
    AdversarialDiscriminator, Discriminator, Generator, GeneratorSize, GumbelInput, Logits, Mix, Mixing,
    Relaxation, discriminator,
};
use ganas::space::{Family, random};
use ganas::{Device, Rng, Tensor};

use crate::check::devices;

/// Images of 16x16.
const SIZE: GeneratorSize = GeneratorSize { channels: 8, bottom: 2, latent: 12, parts: 3 };
const BATCH: usize = 4;

/// Share of the squared logits in the discriminator's loss. With the hinge alone the last biases have a gradient of
/// exactly 0, and Adam without momentum takes a full step along its rounding noise, which differs between devices.
const DRIFT: f32 = 0.1;

/// Which tensors learn in a step, in turns.
const WEIGHTS: &[Role] = &[Role::Weight];
const ALL: &[Role] = &[Role::Logit, Role::Weight];

/// A generator and a discriminator that learn from each other.
struct Pair<D: Discriminator + ?Sized> {
    g: Generator,
    d: Box<D>,
    /// The weights of the discriminator's mixed edges.
    mix: fn(&D) -> Option<Mix>,
    adams: Vec<(Role, Adam, Adam)>,
    average: Ema,
    rng: Rng,
    device: Device,
}

fn adam(role: Role) -> Adam {
    let config = AdamConfig {
        lr: 2e-3,
        beta1: 0.0,
        beta2: 0.9,
        weight_decay: 0.0,
    };
    Adam::new(config, role)
}

/// Draws with noise that is the same in every pass.
fn mix_of(logits: &Logits) -> Mix {
    let relaxation = Relaxation::Gumbel { tau: 1.0, input: GumbelInput::Probabilities };
    logits.mix(relaxation, &logits.noise(&mut Rng::seed(0)))
}

fn derived(device: &Device) -> Pair<dyn Discriminator> {
    let mut rng = Rng::seed(5);
    let genes = random::random_generator(&mut rng);
    let architecture = random::random_discriminator(Family::Adversarial, &mut rng);
    let mut init = Init {
        device,
        rng: &mut rng,
        spectral: SpectralInit::Effective,
    };
    let g = Generator::derived(&genes.into(), SIZE, &mut init).unwrap();
    let d = discriminator(&architecture, SIZE.channels, 1, &mut init).unwrap();
    Pair::new(g, d, |_| None, WEIGHTS, device, rng)
}

fn supernets(device: &Device) -> Pair<AdversarialDiscriminator> {
    let mut rng = Rng::seed(6);
    let mut init = Init {
        device,
        rng: &mut rng,
        spectral: SpectralInit::Effective,
    };
    let size = GeneratorSize { channels: 4, ..SIZE };
    let g = Generator::supernet(size, Mixing::Merged, &mut init).unwrap();
    let d = AdversarialDiscriminator::supernet(4, Mixing::Merged, &mut init);
    Pair::new(g, Box::new(d), |d| d.logits().map(mix_of), ALL, device, rng)
}

impl<D: Discriminator + ?Sized> Pair<D> {
    fn new(
        mut g: Generator,
        d: Box<D>,
        mix: fn(&D) -> Option<Mix>,
        roles: &[Role],
        device: &Device,
        rng: Rng,
    ) -> Pair<D> {
        Pair {
            average: Ema::new(0.9, &mut g),
            adams: roles.iter().map(|&r| (r, adam(r), adam(r))).collect(),
            g,
            d,
            mix,
            rng,
            device: device.clone(),
        }
    }

    /// For each role a step of the discriminator and one of the generator; their losses, read at the end.
    fn step(&mut self) -> Vec<f32> {
        let mut losses = Vec::new();
        let mut adams = std::mem::take(&mut self.adams);
        for (role, d_adam, g_adam) in &mut adams {
            let side = SIZE.image();
            let real = Tensor::normal(&self.device, [BATCH, side, side, 3], &mut self.rng).tanh();
            let fake = self.fake();
            nn::track(self.d.as_mut(), *role);
            let mix = (self.mix)(&self.d);
            let judge = |d: &mut D, x: &Tensor| d.forward(x, Mode::Train, mix.as_ref());
            let (real, fake) = (judge(&mut self.d, &real), judge(&mut self.d, &fake));
            let drift = (real.square() + fake.square()).mean_all().scale(DRIFT);
            let loss = hinge_loss(&real, &fake) + drift;
            losses.push(move_by(d_adam, self.d.as_mut(), loss));

            nn::track(&mut self.g, *role);
            let fake = self.fake();
            let mix = (self.mix)(&self.d);
            let loss = generator_loss(&self.d.forward(&fake, Mode::Train, mix.as_ref()));
            losses.push(move_by(g_adam, &mut self.g, loss));
        }
        self.adams = adams;
        self.average.update(&mut self.g);
        let losses: Vec<&Tensor> = losses.iter().collect();
        Tensor::concat(&losses, 0).to_vec().unwrap()
    }

    fn fake(&mut self) -> Tensor {
        let z = Tensor::normal(&self.device, [BATCH, SIZE.latent], &mut self.rng);
        let mix = self.g.logits().map(mix_of);
        self.g.forward(&z, Mode::Train, mix.as_ref())
    }

    fn train(&mut self, steps: usize) -> Vec<f32> {
        (0..steps).flat_map(|_| self.step()).collect()
    }

    /// Every tensor of both networks, as bits.
    fn bits(&mut self) -> Vec<u32> {
        let mut all = Vec::new();
        let mut take = |slot: nn::Slot| {
            let values = slot.tensor.to_vec().unwrap();
            all.extend(values.iter().map(|v| v.to_bits()));
        };
        nn::visit(&mut self.g, &mut take);
        nn::visit(self.d.as_mut(), &mut take);
        all
    }
}

/// One optimiser step down `loss`, which is returned without its tape.
fn move_by(adam: &mut Adam, net: &mut (impl Module + ?Sized), loss: Tensor) -> Tensor {
    let leaves = nn::collect(net, adam.role());
    let grads = loss.backward(&leaves.iter().map(|(_, leaf)| leaf).collect::<Vec<_>>());
    adam.step(net, grads);
    loss.detach()
}

#[track_caller]
fn same_losses(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= tolerance * want.abs().max(1.0),
            "{what}: loss {i} is {got}, not {want}"
        );
    }
}

/// Discriminator and generator, step by step.
const LOSSES: [f32; 20] = [
    2.0282276,
    -0.04225403,
    2.004489,
    -0.042095087,
    1.9955397,
    -0.017576262,
    1.9863455,
    -0.028744217,
    1.981522,
    0.0013457264,
    1.9716399,
    -0.048067473,
    1.9852405,
    -0.0133930715,
    1.9667382,
    -0.02779974,
    1.9176304,
    0.032292336,
    1.9503808,
    -0.2659571,
];

#[test]
fn ten_steps_of_training_reproduce_stored_losses() {
    for (name, device) in devices() {
        let got = derived(device).train(10);
        let tolerance = match device {
            Device::Cpu(_) => 1e-5,
            Device::Gpu(_) => 1e-3,
        };
        same_losses(name, &got, &LOSSES, tolerance);
    }
}

#[test]
fn training_gives_the_same_bits_again_and_with_any_number_of_threads() {
    for (name, device) in devices() {
        let run = || {
            let mut pair = derived(device);
            let losses = pair.train(2);
            (losses, pair.bits())
        };
        let want = run();
        assert!(run() == want, "{name}: a second run differs");
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let got = pool.build().unwrap().install(run);
            assert!(got == want, "{name}: {threads} threads differ");
        }
    }
}

/// Devices that no other test allocates from.
fn fresh_devices() -> Vec<(String, Device)> {
    let gpus = Gpu::adapters().into_iter().enumerate().map(|(i, adapter)| {
        let gpu = Gpu::open(i, GpuOptions::default()).unwrap();
        (adapter.name, Device::Gpu(gpu))
    });
    [("cpu".to_owned(), Device::cpu())].into_iter().chain(gpus).collect()
}

#[test]
fn training_takes_no_more_memory_after_its_second_step() {
    for (name, device) in fresh_devices() {
        let mut pair = derived(&device);
        pair.train(2);
        let before = device.memory();
        if name != "cpu" {
            pair.train(6);
            assert_eq!(device.memory(), before, "{name}");
            continue;
        }
        // Gaps between buffers of all sizes take a while to settle; a tensor of 1000 floats kept from each step would show.
        pair.train(30);
        let (before, after) = (before.bytes, device.memory().bytes);
        assert!(after <= before + before / 16, "{name}: {before} bytes, later {after}");
    }
}

/// A step uploads images and latents, and reads its losses once; nothing else makes the host meet the device.
#[test]
fn a_training_step_submits_little() {
    for (name, device) in fresh_devices() {
        let Device::Gpu(gpu) = &device else { continue };
        let mut pair = derived(&device);
        pair.train(2);
        let before = gpu.counters();
        pair.step();
        let after = gpu.counters();
        let dispatches = after.dispatches - before.dispatches;
        let submissions = after.submissions - before.submissions;
        println!("{name}: {dispatches} dispatches in {submissions} submissions");
        assert_eq!(after.pipelines, before.pipelines, "{name}");
        // A slow device gets submissions of few launches, but 16 at least.
        let full = dispatches.div_ceil(16);
        assert!(submissions <= full + 7, "{name}: {submissions} submissions for {dispatches} dispatches");
    }
}

#[test]
fn supernets_train_alike_on_every_device() {
    let want = supernets(&Device::cpu()).train(1);
    assert!(want.iter().all(|loss| loss.is_finite()));
    for (name, device) in devices() {
        let got = supernets(device).train(1);
        same_losses(name, &got, &want, 1e-4);
    }
}
