//! Pictures of a generator by the protocol that published numbers rest on.

use std::borrow::BorrowMut;
use std::time::{Duration, Instant};

use crate::data::grid::to_byte;
use crate::data::{ImageShape, Pixels};
use crate::space::build::{Generator, GeneratorSize, Relaxation};
use crate::{Device, Error, Rng, Tensor};

/// Pictures that are made at once; 50,000 are 500 batches.
pub const BATCH: usize = 100;

/// `n` pictures of standard normal latents, made in batches of [`BATCH`] whatever is asked for at once.
pub struct Sampler<G: BorrowMut<Generator> = Generator> {
    generator: G,
    size: GeneratorSize,
    relaxation: Relaxation,
    device: Device,
    latents: Rng,
    noise: Rng,
    n: usize,
    made: usize,
    waiting: Vec<f32>,
    spent: Duration,
}

impl<G: BorrowMut<Generator>> Sampler<G> {
    /// A sampler of `n` pictures; the same seed gives the same ones.
    pub fn new(generator: G, relaxation: Relaxation, device: &Device, n: usize, seed: u64) -> Sampler<G> {
        Sampler {
            size: generator.borrow().size(),
            generator,
            relaxation,
            device: device.clone(),
            latents: Rng::stream(seed, "sample latents"),
            noise: Rng::stream(seed, "gumbel"),
            n,
            made: 0,
            waiting: Vec::new(),
            spent: Duration::ZERO,
        }
    }

    /// Height, width and channels of a picture.
    pub fn shape(&self) -> ImageShape {
        let side = self.size.image();
        ImageShape { h: side, w: side, c: 3 }
    }

    /// Wall time that was spent on pictures.
    pub fn seconds(&self) -> f64 {
        self.spent.as_secs_f64()
    }

    /// The next pictures as the generator gives them, in -1..1; at most [`BATCH`], none when all were made.
    ///
    /// # Errors
    /// If the device fails.
    pub fn batch(&mut self) -> Result<Vec<f32>, Error> {
        let n = BATCH.min(self.n - self.made);
        if n == 0 {
            return Ok(Vec::new());
        }
        let width = self.size.latent;
        let z = self.latents.normals(n * width);
        self.made += n;
        self.images(&z)
    }

    /// Pictures of given latents, row-major, whose length is a whole number of rows.
    ///
    /// # Errors
    /// If the device fails.
    pub fn images(&mut self, latents: &[f32]) -> Result<Vec<f32>, Error> {
        let width = self.size.latent;
        let began = Instant::now();
        let z = Tensor::from_slice(&self.device, [latents.len() / width, width], latents);
        let generator = self.generator.borrow_mut();
        let images = generator.images(&z, self.relaxation, &mut self.noise).to_vec();
        self.spent += began.elapsed();
        images
    }
}

impl<G: BorrowMut<Generator>> Pixels for Sampler<G> {
    fn len(&self) -> usize {
        self.n
    }

    fn shape(&self) -> ImageShape {
        Sampler::<G>::shape(self)
    }

    /// Bytes `clamp(127.5 x + 127.5, 0, 255)`, truncated and not rounded.
    fn next(&mut self, n: usize) -> Result<Vec<u8>, Error> {
        let wanted = n * Sampler::<G>::shape(self).values();
        while self.waiting.len() < wanted {
            let first = self.made;
            let more = self.batch()?;
            // A byte cannot say that there was no number, and a black picture would be judged as one.
            if let Some(at) = more.iter().position(|x| !x.is_finite()) {
                let picture = first + at / Sampler::<G>::shape(self).values();
                let reason = format!("picture {picture} of the generator holds values that are not finite");
                return Err(Error::weights("images", reason));
            }
            assert!(!more.is_empty(), "Sampler: more than its {} pictures were asked for", self.n);
            self.waiting.extend(more);
        }
        Ok(self.waiting.drain(..wanted).map(to_byte).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Init, SpectralInit};
    use crate::space::GanGenotype;

    fn sampler(n: usize, seed: u64) -> Sampler {
        let device = Device::cpu();
        let mut rng = Rng::seed(1);
        let mut init = Init {
            device: &device,
            rng: &mut rng,
            spectral: SpectralInit::default(),
        };
        let genes = *GanGenotype::load("adversarialnas").unwrap().require_generator().unwrap();
        let size = GeneratorSize { channels: 4, bottom: 1, latent: 6, parts: 3 };
        let generator = Generator::derived(&genes, size, &mut init).unwrap();
        Sampler::new(generator, Relaxation::Softmax, &device, n, seed)
    }

    #[test]
    fn pictures_are_truncated_bytes_whatever_is_asked_for_at_once() {
        let size = 8 * 8 * 3;
        let mut values = sampler(130, 7);
        let mut want = values.batch().unwrap();
        assert_eq!(want.len(), BATCH * size);
        want.extend(values.batch().unwrap());
        assert!(values.batch().unwrap().is_empty());
        let want: Vec<u8> = want
            .iter()
            .map(|x| (127.5 * x + 127.5).clamp(0.0, 255.0).floor() as u8)
            .collect();
        let mut pixels = sampler(130, 7);
        assert_eq!(pixels.len(), 130);
        let got: Vec<u8> = [1, 98, 2, 29].iter().flat_map(|n| pixels.next(*n).unwrap()).collect();
        assert!(got == want);
        // More pictures begin with the same ones, another seed with others.
        assert!(sampler(500, 7).next(100).unwrap() == want[..BATCH * size]);
        assert!(sampler(130, 8).next(100).unwrap() != want[..BATCH * size]);
    }
}
