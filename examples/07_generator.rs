//! A trained generator in another program: `07_generator best.safetensors` loads one; without a file one is trained.
use ganas::data::{ImageShape, Shapes, grid};
use ganas::runs::{Stop, run};
use ganas::space::build::{Generator, Relaxation};
use ganas::space::{GanGenotype, Lineage};
use ganas::train::{Preset, TrainConfig, Trainer};
use ganas::{Device, Error, Rng, Tensor};

fn main() -> Result<(), Error> {
    let device = Device::auto()?;
    let mut generator = match std::env::args().nth(1) {
        Some(path) => Generator::load(path, false, &device)?,
        None => {
            let genotype = GanGenotype::load("adversarialnas+autogan-d")?.to_json().to_string();
            let preset = Preset::Smoke.config(Lineage::AdversarialNas);
            let config = TrainConfig { genotype, ..preset };
            let mut training = Trainer::new(&device, Box::new(Shapes::new(16, 320, 0)), None, config, 0)?;
            run(&mut training, Stop::steps(40), &mut [])?;
            training.into_generator()
        }
    };
    let z = Tensor::normal(&device, [16, generator.size().latent], &mut Rng::seed(1));
    let images = generator.images(&z, Relaxation::Softmax, &mut Rng::seed(0)).to_vec()?; // [16, h, w, 3] in -1..1
    let side = generator.size().image();
    let file = std::env::temp_dir().join("ganas-generator.png");
    grid::save_grid(&file, &images, ImageShape { h: side, w: side, c: 3 }, 4)?;
    println!("16 pictures of {side}x{side} in {}", file.display());
    Ok(())
}
