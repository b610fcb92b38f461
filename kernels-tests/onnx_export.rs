//! An exported generator, run by another engine, makes the same pictures.

use ganas::formats::onnx::Model;
use ganas::nn::{self, Init, Role, SpectralInit};
use ganas::space::build::{Generator, GeneratorSize, Mixing, Relaxation};
use ganas::space::export::onnx;
use ganas::space::random::random_generator;
use ganas::space::{GanGenotype, GeneratorArch};
use ganas::{Device, Rng, Tensor};
use tract_onnx::prelude::*;

/// Largest difference of a pixel in -1..1.
const TOLERANCE: f32 = 1e-4;

/// A generator whose every tensor, running statistics included, is random.
fn generator(arch: &GeneratorArch, size: GeneratorSize, rng: &mut Rng) -> Generator {
    let device = Device::cpu();
    let mut init = Init {
        device: &device,
        rng,
        spectral: SpectralInit::Effective,
    };
    let mut net = Generator::derived(arch, size, &mut init).unwrap();
    nn::visit(&mut net, |slot| {
        let statistics = slot.role == Role::Buffer && !slot.name.ends_with("num_batches_tracked");
        if statistics || slot.name.ends_with("bias") {
            let values: Vec<f32> = (0..slot.tensor.elements()).map(|_| 0.5 + rng.uniform()).collect();
            *slot.tensor = Tensor::from_slice(&device, slot.tensor.shape(), &values);
        }
    });
    net
}

/// Images `[n,3,h,w]` that tract makes of `model`.
fn by_tract(model: &Model, latents: &[f32], n: usize) -> Vec<f32> {
    let bytes = model.to_bytes();
    let width = latents.len() / n;
    let plan = tract_onnx::onnx()
        .model_for_read(&mut bytes.as_slice())
        .unwrap()
        .with_input_fact(0, f32::fact([n, width]).into())
        .unwrap()
        .into_optimized()
        .unwrap()
        .into_runnable()
        .unwrap();
    let input = tract_onnx::prelude::Tensor::from_shape(&[n, width], latents).unwrap();
    let output = plan.run(tvec!(input.into())).unwrap();
    output[0].to_plain_array_view::<f32>().unwrap().iter().copied().collect()
}

#[test]
fn tract_makes_the_same_pictures_of_every_form_and_operation() {
    let mut rng = Rng::seed(31);
    let of = |name: &str| GanGenotype::load(name).unwrap().generator.unwrap();
    let cifar = GeneratorSize { channels: 6, bottom: 4, latent: 12, parts: 3 };
    let stl = GeneratorSize { channels: 5, bottom: 6, latent: 12, parts: 2 };
    let whole = GeneratorSize { channels: 6, bottom: 4, latent: 7, parts: 1 };
    let mut cases = vec![
        (of("adversarialnas"), cifar),
        (of("adversarialnas"), stl),
        (of("eagan"), cifar),
        (of("autogan"), whole),
    ];
    let mut used = std::collections::BTreeSet::new();
    for i in 0..6 {
        let genes = random_generator(&mut rng);
        used.extend(genes.iter().flatten().enumerate().map(|(g, v)| (g % 7 < 2, *v)));
        cases.push((genes.into(), if i % 2 == 0 { cifar } else { stl }));
    }
    // Three ways up, and none beside six operations that keep the size.
    assert_eq!(used.len(), 3 + 7, "{used:?}");
    for (i, (arch, size)) in cases.into_iter().enumerate() {
        let mut net = generator(&arch, size, &mut rng);
        net.accumulate_skips(i % 4 != 3);
        let model = onnx(&mut net, &arch).unwrap();
        for n in [1, 3] {
            let latents = rng.normals(n * size.latent);
            let z = Tensor::from_slice(&Device::cpu(), [n, size.latent], &latents);
            let images = net.images(&z, Relaxation::Softmax, &mut Rng::seed(0));
            let want = images.permute(&[0, 3, 1, 2]).to_vec().unwrap();
            let got = by_tract(&model, &latents, n);
            assert_eq!(got.len(), want.len());
            let spread = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            let worst = got.iter().zip(&want).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(spread > 0.1 && worst < TOLERANCE, "case {i}, {n} images: {worst:.1e} of {spread}");
        }
    }
}

#[test]
fn a_supernet_is_refused() {
    let device = Device::cpu();
    let mut rng = Rng::seed(1);
    let mut init = Init {
        device: &device,
        rng: &mut rng,
        spectral: SpectralInit::Effective,
    };
    let size = GeneratorSize { channels: 2, bottom: 1, latent: 3, parts: 3 };
    let mut net = Generator::supernet(size, Mixing::Merged, &mut init).unwrap();
    let arch = GanGenotype::load("eagan").unwrap().generator.unwrap();
    assert!(onnx(&mut net, &arch).unwrap_err().to_string().contains("derive and train"));
}
