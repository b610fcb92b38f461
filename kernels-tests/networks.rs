//! Whole networks against the published programs: outputs, intermediate results, gradients and buffers.

use std::path::Path;

use ganas::formats::NamedArrays;
use ganas::nn::{self, Init, Mode, Module, Role, SpectralInit, export_tensor};
use ganas::space::build::{
    AdversarialDiscriminator, Discriminator, Generator, GeneratorSize, GumbelInput, Mixing, Relaxation,
    discriminator,
};
use ganas::space::{Family, GanGenotype, gan};
use ganas::{Device, Grads, Rng, Tensor};

use crate::check::devices;
use crate::fixtures;

/// `max|got - want| / max|want|`.
fn error(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let scale = want.iter().fold(0.0_f64, |m, w| m.max(f64::from(w.abs())));
    let worst = got.iter().zip(want).map(|(g, w)| f64::from((g - w).abs()));
    // A NaN must not be lost in a maximum.
    let worst = worst.fold(0.0_f64, |m, d| if d.is_nan() { f64::INFINITY } else { m.max(d) });
    if scale == 0.0 { worst } else { worst / scale }
}

struct Fixture {
    file: NamedArrays,
    what: String,
}

impl Fixture {
    fn load(name: &str) -> Option<NamedArrays> {
        let path = fixtures::path(&format!("{name}.safetensors"))?;
        Some(NamedArrays::read(Path::new(&path)).expect("a readable fixture"))
    }

    /// An NCHW array of the file as an NHWC tensor; other ranks as they are.
    fn tensor(&self, device: &Device, name: &str) -> Tensor {
        let array = self.file.get(name).unwrap_or_else(|| panic!("{}: no `{name}`", self.what));
        match array.shape[..] {
            [n, c, h, w] => Tensor::from_slice(device, [n, c, h * w], &array.values)
                .permute(&[0, 2, 1])
                .reshape([n, h, w, c]),
            _ => Tensor::from_slice(device, &array.shape[..], &array.values),
        }
    }

    #[track_caller]
    fn close(&self, name: &str, got: &Tensor, tolerance: f64) {
        let want = self.tensor(&Device::cpu(), name).to_vec().unwrap();
        let error = error(&got.to_vec().unwrap(), &want);
        assert!(
            error <= tolerance,
            "{}: `{name}` differs by {error:.2e}, allowed {tolerance:.0e}",
            self.what
        );
    }

    /// Compares the gradients of every trained tensor; alphas have a tighter bound, exact zeros an absolute one.
    fn gradients(
        &self,
        net: &mut (impl Module + ?Sized),
        grads: &Grads,
        prefix: &str,
        weights: f64,
    ) -> usize {
        let zero: Vec<String> = match self.file.metadata.get("exactly_zero_gradients") {
            Some(text) => serde_json::from_str(text).unwrap(),
            None => Vec::new(),
        };
        let mut compared = 0;
        nn::visit(net, |slot| {
            let name = format!("{prefix}{}", slot.name);
            let Some(want) = self.file.get(&name) else { return };
            let g = grads
                .get(slot.tensor)
                .unwrap_or_else(|| panic!("{}: no gradient `{name}`", self.what));
            let (_, got) = export_tensor(g, slot.layout).unwrap();
            compared += 1;
            if zero.contains(&name) {
                let worst = got.iter().fold(0.0_f32, |m, g| m.max(g.abs()));
                assert!(worst < 1e-3, "{}: `{name}` should be zero, is {worst:.1e}", self.what);
                return;
            }
            let tolerance = if slot.role == Role::Logit { 1e-5 } else { weights };
            let error = error(&got, &want.values);
            assert!(error <= tolerance, "{}: `{name}` differs by {error:.2e}", self.what);
        });
        compared
    }

    /// Compares buffers that have an `after` value.
    fn buffers(&self, net: &mut (impl Module + ?Sized), prefix: &str, tolerance: f64) -> usize {
        let mut compared = 0;
        nn::visit(net, |slot| {
            let Some(want) = self.file.get(&format!("{prefix}{}", slot.name)) else {
                return;
            };
            let (_, got) = export_tensor(slot.tensor, slot.layout).unwrap();
            let error = error(&got, &want.values);
            assert!(error <= tolerance, "{}: `{prefix}{}` differs by {error:.2e}", self.what, slot.name);
            compared += 1;
        });
        compared
    }
}

fn init<'a>(device: &'a Device, rng: &'a mut Rng) -> Init<'a> {
    Init { device, rng, spectral: SpectralInit::Effective }
}

/// Runs `check` on every device with the fixture `name`.
fn on_every_device(name: &str, check: impl Fn(&Fixture, &Device)) {
    let Some(file) = Fixture::load(name) else { return };
    for (device_name, device) in devices() {
        // Small bindings are for kernels; a whole network's tensors need not fit them.
        if device_name.ends_with("small limits") {
            continue;
        }
        check(
            &Fixture {
                file: file.clone(),
                what: format!("{name} on {device_name}"),
            },
            device,
        );
    }
}

fn check_generator(f: &Fixture, device: &Device, net: &mut Generator, outs: f64) {
    nn::import(net, "state.", &f.file).unwrap();
    let mix = |net: &Generator| net.logits().map(|l| l.mix(Relaxation::Softmax, &l.noise(&mut Rng::seed(0))));
    let z = f.tensor(device, "in.z").param();
    let cotangent = f.tensor(device, "in.cotangent");

    let m = mix(net);
    f.close("out.eval", &net.forward(&z, Mode::Eval, m.as_ref()), outs);

    for role in [Role::Weight, Role::Logit] {
        nn::track(net, role);
    }
    let m = mix(net);
    let trace = net.trace(&z, Mode::Train, m.as_ref());
    f.close("out.train", &trace.image, outs);
    for (name, got) in [
        ("mid.h1", &trace.outputs[0]),
        ("mid.h2", &trace.outputs[1]),
        ("mid.h3", &trace.outputs[2]),
        ("mid.s1", &trace.skips[0]),
        ("mid.s2", &trace.skips[1]),
        ("mid.pre_tanh", &trace.pre_tanh),
    ] {
        if f.file.get(name).is_some() {
            f.close(name, got, 1e-5);
        }
    }
    let mut leaves: Vec<Tensor> = Vec::new();
    for role in [Role::Weight, Role::Logit] {
        leaves.extend(nn::collect(net, role).into_iter().map(|named| named.1));
    }
    leaves.push(z.clone());
    let grads = trace.image.backward_from(&cotangent, &leaves.iter().collect::<Vec<_>>());
    assert!(f.gradients(net, &grads, "grad.", 1e-4) > 40);
    f.close("grad_in.z", &grads[&z], 1e-4);
    assert!(f.buffers(net, "after.", 2e-6) >= 2);
}

#[test]
fn shared_fixtures_derived_generator() {
    on_every_device("advnas_generator_c16", |f, device| {
        let mut rng = Rng::seed(1);
        let genes = GanGenotype::load("adversarialnas").unwrap().generator.unwrap();
        let mut net =
            Generator::derived(&genes, GeneratorSize::cifar(16), &mut init(device, &mut rng)).unwrap();
        check_generator(f, device, &mut net, 3e-5);

        // The gradients of the evaluation-mode forward, for some of the parameters.
        nn::import(&mut net, "state.", &f.file).unwrap();
        nn::track(&mut net, Role::Weight);
        let leaves: Vec<Tensor> = nn::collect(&mut net, Role::Weight).into_iter().map(|n| n.1).collect();
        let y = net.forward(&f.tensor(device, "in.z"), Mode::Eval, None);
        let grads = y.backward_from(&f.tensor(device, "in.cotangent"), &leaves.iter().collect::<Vec<_>>());
        assert!(f.gradients(&mut net, &grads, "grad_eval.", 1e-4) >= 4);
    });
}

#[test]
fn shared_fixtures_supernet_generator() {
    on_every_device("advnas_supernet_generator_c8", |f, device| {
        for mixing in [Mixing::Merged, Mixing::Plain] {
            let mut rng = Rng::seed(1);
            let size = GeneratorSize::cifar(8);
            let mut net = Generator::supernet(size, mixing, &mut init(device, &mut rng)).unwrap();
            check_generator(f, device, &mut net, 3e-5);
        }
    });
}

/// `mix` makes the weights of the mixed edges, if there are any.
fn check_discriminator<D: Discriminator + ?Sized>(
    f: &Fixture,
    device: &Device,
    net: &mut D,
    mix: impl Fn(&D) -> Option<ganas::space::build::Mix>,
) {
    nn::import(net, "state.", &f.file).unwrap();
    let x = f.tensor(device, "in.x").param();
    let cotangent = f.tensor(device, "in.cotangent");
    let m = mix(net);
    f.close("out.logits_eval_before", &net.forward(&x, Mode::Eval, m.as_ref()), 1e-5);

    for role in [Role::Weight, Role::Logit] {
        nn::track(net, role);
    }
    let m = mix(net);
    let trace = net.trace(&x, Mode::Train, m.as_ref());
    f.close("out.logits", &trace.logits, 1e-5);
    for (i, block) in trace.blocks.iter().enumerate() {
        let name = format!("mid.block{}", i + 1);
        if f.file.get(&name).is_some() {
            f.close(&name, block, 1e-5);
        }
    }
    let mut leaves: Vec<Tensor> = vec![x.clone()];
    for role in [Role::Weight, Role::Logit] {
        leaves.extend(nn::collect(net, role).into_iter().map(|named| named.1));
    }
    let grads = trace.logits.backward_from(&cotangent, &leaves.iter().collect::<Vec<_>>());
    assert!(f.gradients(net, &grads, "grad.", 2e-4) > 15);
    f.close("grad_in.x", &grads[&x], 2e-4);
    assert!(f.buffers(net, "after.", 5e-6) > 15);

    let m = mix(net);
    f.close("out.logits_second_call", &net.forward(&x, Mode::Train, m.as_ref()), 1e-5);
    f.buffers(net, "after2.", 5e-6);
    f.close("out.logits_eval_after2", &net.forward(&x, Mode::Eval, m.as_ref()), 1e-5);
}

#[test]
fn shared_fixtures_supernet_discriminator() {
    on_every_device("advnas_supernet_discriminator_c8", |f, device| {
        for mixing in [Mixing::Merged, Mixing::Plain] {
            let mut rng = Rng::seed(1);
            let mut net = AdversarialDiscriminator::supernet(8, mixing, &mut init(device, &mut rng));
            check_discriminator(f, device, &mut net, |net| {
                net.logits().map(|l| l.mix(Relaxation::Softmax, &l.noise(&mut Rng::seed(0))))
            });
        }
    });
}

#[test]
fn shared_fixtures_autogan_discriminator() {
    on_every_device("autogan_discriminator_c16", |f, device| {
        let mut rng = Rng::seed(1);
        let architecture = gan::Discriminator { family: Family::Autogan, genes: vec![] };
        let mut net = discriminator(&architecture, 16, 1, &mut init(device, &mut rng)).unwrap();
        check_discriminator(f, device, net.as_mut(), |_| None);
    });
}

#[test]
fn shared_fixtures_eagan_discriminator() {
    on_every_device("eagan_discriminator_c16", |f, device| {
        let mut rng = Rng::seed(1);
        let architecture = GanGenotype::load("eagan-d-cifar10").unwrap().discriminator.unwrap();
        let mut net = discriminator(&architecture, 16, 1, &mut init(device, &mut rng)).unwrap();
        check_discriminator(f, device, net.as_mut(), |_| None);
    });
}

/// AutoGAN's discriminator is a point of EAGAN's space: equal logits for equal weights.
#[test]
fn autogan_as_a_genotype_equals_the_hand_written_network() {
    let device = Device::cpu();
    let mut rng = Rng::seed(3);
    let plain = gan::Discriminator { family: Family::Autogan, genes: vec![] };
    let mut fixed = discriminator(&plain, 8, 1, &mut init(&device, &mut rng)).unwrap();
    let genes = ganas::space::names::AUTOGAN_AS_EAGAN;
    let searched = gan::Discriminator { family: Family::Eagan, genes: genes.to_vec() };
    let mut cells = discriminator(&searched, 8, 1, &mut init(&device, &mut rng)).unwrap();

    let mut weights = NamedArrays::new();
    nn::export(fixed.as_mut(), "", &mut weights).unwrap();
    let mut renamed = NamedArrays::new();
    for (name, array) in weights.iter() {
        let mut name = name.to_owned();
        if !name.starts_with("block1") {
            for (from, to) in
                [(".c1.", ".c0.ops.0.conv."), (".c2.", ".c2.ops.0.conv."), (".c_sc.", ".c4.ops.0.conv.")]
            {
                name = name.replace(from, to);
            }
        }
        renamed.insert(name, &array.shape, array.values.clone());
    }
    nn::import(cells.as_mut(), "", &renamed).unwrap();
    let x = Tensor::normal(&device, [2, 32, 32, 3], &mut rng);
    let a = fixed.forward(&x, Mode::Eval, None).to_vec().unwrap();
    let b = cells.forward(&x, Mode::Eval, None).to_vec().unwrap();
    assert!(error(&b, &a) < 1e-5, "{a:?} {b:?}");
}

#[test]
fn gumbel_weights_sum_to_one_and_the_first_cell_loses_some() {
    let device = Device::cpu();
    let mut rng = Rng::seed(9);
    let net = AdversarialDiscriminator::supernet(4, Mixing::Merged, &mut init(&device, &mut rng));
    for input in [GumbelInput::Probabilities, GumbelInput::LogProbabilities] {
        let logits = net.logits().unwrap();
        let mix = logits.mix(Relaxation::Gumbel { tau: 0.5, input }, &logits.noise(&mut rng));
        let rows = mix.normal.to_vec().unwrap();
        for row in rows.chunks(7) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(row[..5].iter().sum::<f32>() < 1.0);
        }
    }
}

#[test]
fn counts_of_built_networks_equal_the_analytic_ones() {
    let device = Device::cpu();
    let mut rng = Rng::seed(1);
    let mut init = init(&device, &mut rng);
    let genes = GanGenotype::load("adversarialnas").unwrap().generator.unwrap();
    let mut g = Generator::derived(&genes, GeneratorSize::cifar(256), &mut init).unwrap();
    assert_eq!(nn::count(&mut g), 8_846_851);
    let mut g = Generator::supernet(GeneratorSize::cifar(160), Mixing::Merged, &mut init).unwrap();
    assert_eq!(nn::count(&mut g), 29_265_566);
    let mut d = AdversarialDiscriminator::supernet(80, Mixing::Merged, &mut init);
    assert_eq!(nn::count(&mut d), 11_049_308);
    for (name, want) in [("autogan-d", 1_053_824), ("eagan-d-cifar10", 906_240), ("eagan-d-stl10", 1_578_112)]
    {
        let architecture = GanGenotype::load(name).unwrap().discriminator.unwrap();
        assert_eq!(
            nn::count(discriminator(&architecture, 128, 1, &mut init).unwrap().as_mut()),
            want,
            "{name}"
        );
    }
    let simple = GanGenotype::load("simple-d").unwrap().discriminator.unwrap();
    assert_eq!(nn::count(discriminator(&simple, 128, 1, &mut init).unwrap().as_mut()), 921_920);
}

/// W / sigma has largest singular value 1 after many power iterations with fixed W.
#[test]
fn spectral_norm_converges() {
    let device = Device::cpu();
    let mut rng = Rng::seed(2);
    let mut init = init(&device, &mut rng);
    let mut spectral = nn::Spectral::new([3, 3], 4, 6, &mut init);
    let w = init.normal([9, 4, 6], 0.0, 1.0);
    let mut sigma = 0.0;
    for _ in 0..200 {
        sigma = f64::from(spectral.sigma(&w, Mode::Train).item().unwrap());
    }
    // Independent: the largest eigenvalue of W^T W by powers of the matrix in f64.
    let rows: Vec<Vec<f64>> = w
        .to_vec()
        .unwrap()
        .chunks(6)
        .map(|r| r.iter().map(|&v| f64::from(v)).collect())
        .collect();
    let mut u = vec![1.0; 6];
    let mut largest = 0.0;
    for _ in 0..2000 {
        let mut next = [0.0; 6];
        for row in &rows {
            let dot: f64 = row.iter().zip(&u).map(|(a, b)| a * b).sum();
            next.iter_mut().zip(row).for_each(|(n, r)| *n += dot * r);
        }
        largest = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        u = next.iter().map(|v| v / largest).collect();
    }
    approx::assert_relative_eq!(sigma, largest.sqrt(), max_relative = 1e-5);
}
