//! A single-path supernet that follows an architecture is the network of that architecture.

use super::*;
use crate::nn::{self, Adam, AdamConfig, Init, Mode, Role, SpectralInit};
use crate::space::cost::{self, Form};
use crate::space::gan::{Family, Lineage};
use crate::space::random::{random_discriminator, random_generator};
use crate::{Device, Rng, Tensor};

const SIZE: GeneratorSize = GeneratorSize { channels: 4, bottom: 2, latent: 6, parts: 3 };
const FORM: Form = Form { bottom: 2, latent: 6, parts: 3 };

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.to_vec().unwrap().iter().map(|v| v.to_bits()).collect()
}

fn made<T>(device: &Device, make: impl FnOnce(&mut Init) -> T) -> T {
    let mut rng = Rng::seed(5);
    make(&mut Init {
        device,
        rng: &mut rng,
        spectral: SpectralInit::default(),
    })
}

#[test]
fn a_generator_that_follows_genes_is_the_derived_one() {
    let device = Device::cpu();
    let mut net = made(&device, |init| Generator::single_path(SIZE, init).unwrap());
    let all = cost::generator_supernet(Lineage::Eagan, 4, &FORM).unwrap().params();
    assert_eq!(nn::count(&mut net) as u64, all);
    let z = Tensor::normal(&device, [3, 6], &mut Rng::seed(1));
    let mut rng = Rng::seed(2);
    for _ in 0..20 {
        let genes = random_generator(&mut rng);
        net.follow(Some(&genes));
        let want = cost::generator(&genes.into(), 4, &FORM).unwrap().params();
        assert_eq!(nn::count(&mut net) as u64, want);
        let mut alone = made(&device, |init| Generator::derived(&genes.into(), SIZE, init).unwrap());
        nn::transfer(&mut net, &mut alone);
        for mode in [Mode::Eval, Mode::Train] {
            let (a, b) = (net.forward(&z, mode, None), alone.forward(&z, mode, None));
            assert_eq!(bits(&a), bits(&b), "{genes:?}");
        }
    }
    net.follow(None);
    assert_eq!(nn::count(&mut net) as u64, all);
}

#[test]
fn a_discriminator_that_follows_genes_is_the_derived_one() {
    let device = Device::cpu();
    let mut net = made(&device, |init| AutoGanDiscriminator::single_path(4, init));
    let all = cost::discriminator_supernet(Family::Eagan, 4, 16).unwrap().params();
    assert_eq!(nn::count(&mut net) as u64, all);
    let x = Tensor::normal(&device, [2, 16, 16, 3], &mut Rng::seed(1));
    let mut rng = Rng::seed(3);
    for _ in 0..20 {
        let d = random_discriminator(Family::Eagan, &mut rng);
        net.follow(Some(&d.genes));
        let want = cost::discriminator(&d, 4, 16).unwrap().params();
        assert_eq!(nn::count(&mut net) as u64, want);
        let mut alone = made(&device, |init| discriminator(&d, 4, 1, init).unwrap());
        nn::transfer(&mut net, alone.as_mut());
        let (a, b) = (net.forward(&x, Mode::Train, None), alone.forward(&x, Mode::Train, None));
        assert_eq!(bits(&a), bits(&b), "{d:?}");
    }
}

#[test]
fn a_step_of_one_path_leaves_every_other_weight_and_moment_alone() {
    let device = Device::cpu();
    let mut net = made(&device, |init| Generator::single_path(SIZE, init).unwrap());
    let before = nn::collect(&mut net, Role::Weight);
    let mut adam = Adam::new(
        AdamConfig {
            lr: 0.01,
            beta1: 0.0,
            beta2: 0.9,
            weight_decay: 0.0,
        },
        Role::Weight,
    );
    let genes = random_generator(&mut Rng::seed(9));
    net.follow(Some(&genes));
    nn::track(&mut net, Role::Weight);
    let path = nn::collect(&mut net, Role::Weight);
    let z = Tensor::normal(&device, [3, 6], &mut Rng::seed(1));
    let loss = net.forward(&z, Mode::Train, None).square().sum_all();
    let leaves: Vec<&Tensor> = path.iter().map(|(_, leaf)| leaf).collect();
    adam.step(&mut net, loss.backward(&leaves));
    net.follow(None);
    let after = nn::collect(&mut net, Role::Weight);
    let on_path = |name: &str| path.iter().any(|(n, _)| n == name);
    let mut moved = 0;
    for ((name, a), (_, b)) in before.iter().zip(&after) {
        let same = bits(a) == bits(b);
        moved += usize::from(!same);
        assert!(same || on_path(name), "{name} moved and is not on the path");
    }
    assert!(moved > 10, "{moved} tensors moved");
    assert!(adam.moments().keys().all(|name| on_path(name)));
    assert!(path.len() * 3 < after.len());
}

#[test]
fn recalibrated_statistics_are_the_mean_over_the_batches() {
    let device = Device::cpu();
    let genes = random_generator(&mut Rng::seed(4));
    let mut net = made(&device, |init| Generator::derived(&genes.into(), SIZE, init).unwrap());
    let batch = |seed| Tensor::normal(&device, [5, 6], &mut Rng::seed(seed));
    let statistics = |net: &mut Generator| -> Vec<Vec<f32>> {
        let all = nn::collect(net, Role::Buffer);
        all[..2].iter().map(|(_, t)| t.to_vec().unwrap()).collect()
    };
    let single: Vec<_> = (0..3)
        .map(|seed| {
            net.recalibrate([batch(seed)]);
            statistics(&mut net)
        })
        .collect();
    net.recalibrate((0..3).map(batch));
    let together = statistics(&mut net);
    for kind in 0..2 {
        for (c, got) in together[kind].iter().enumerate() {
            let want = single.iter().map(|s| s[kind][c]).sum::<f32>() / 3.0;
            approx::assert_relative_eq!(*got, want, max_relative = 1e-5, epsilon = 1e-7);
        }
    }
}
