//! How near are two sets of pictures? A classifier learns the made-up shapes; in its features, damaged pictures lie
//! further from the reference than fresh ones, and blurred ones have less variety.
//!
//! With the published Inception weights, `Inception::load` takes the classifier's place and the distance is FID.

use ganas::data::{ImageShape, Pixels, Shapes, SourcePixels};
use ganas::metrics::classifier::{Classifier, TrainConfig, train};
use ganas::metrics::{Keep, Neighbours, extract, frechet_distance, prdc};
use ganas::{Device, Error};

const SIDE: usize = 16;

/// The pictures of a source with every pixel replaced by the mean of a window around it.
struct Blurred<'a>(SourcePixels<'a>, isize);

impl Pixels for Blurred<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn shape(&self) -> ImageShape {
        self.0.shape()
    }

    fn next(&mut self, n: usize) -> Result<Vec<u8>, Error> {
        let pixels = self.0.next(n)?;
        let side = SIDE as isize;
        let at = |image: usize, i: isize, j: isize, c: usize| {
            let (i, j) = (i.clamp(0, side - 1) as usize, j.clamp(0, side - 1) as usize);
            usize::from(pixels[((image * SIDE + i) * SIDE + j) * 3 + c])
        };
        let reach = self.1;
        let blur = |k: usize| {
            let (image, i, j, c) = (k / (SIDE * SIDE * 3), k / (SIDE * 3) % SIDE, k / 3 % SIDE, k % 3);
            let window = (-reach..=reach).flat_map(|di| (-reach..=reach).map(move |dj| (di, dj)));
            let sum: usize = window.map(|(di, dj)| at(image, i as isize + di, j as isize + dj, c)).sum();
            (sum / (2 * reach as usize + 1).pow(2)) as u8
        };
        Ok((0..pixels.len()).map(blur).collect())
    }
}

fn main() -> Result<(), Error> {
    let device = Device::auto()?;
    let images = Shapes::new(SIDE, 1000, 7);
    let config = TrainConfig { epochs: 6, batch: 32, width: 8, lr: 1e-2 };
    let mut trained = train(&device, &images, None, config, 7, &mut |_| Ok(()))?;
    let file = std::env::temp_dir().join(format!("ganas-05-{}.safetensors", std::process::id()));
    trained.save(&file)?;
    let classifier = Classifier::load(&device, &file)?;
    // It was only wanted for what is in it.
    std::fs::remove_file(&file).map_err(|e| Error::io(&file, "remove", &e))?;
    println!(
        "classifier: {:.0} % of {} shapes right",
        100.0 * trained.about.accuracy,
        trained.about.tested
    );

    let keep = Keep { features: true, logits: false };
    let look = |pixels: &mut dyn Pixels| extract(&classifier, pixels, 64, keep, &mut |_| Ok(()));
    let reference = look(&mut SourcePixels::new(&images))?;
    let fresh = Shapes::new(SIDE, 500, 8);
    println!("{:<22} {:>18} {:>10} {:>8}", "pictures", "Fréchet distance", "precision", "recall");
    for reach in 0..4 {
        let name = if reach == 0 {
            "other shapes".to_owned()
        } else {
            format!("blurred over {0}x{0}", 2 * reach + 1)
        };
        let found = look(&mut Blurred(SourcePixels::new(&fresh), reach))?;
        let (Some(a), Some(b)) = (&found.moments, &reference.moments) else {
            unreachable!("both sets have many pictures");
        };
        let (Some(x), Some(y)) = (&found.features, &reference.features) else {
            unreachable!("they were to be kept");
        };
        let distance = frechet_distance(a, b)?.distance;
        let shares = prdc(x, y, Neighbours::default())?;
        println!("{name:<22} {distance:>18.4} {:>10.3} {:>8.3}", shares.precision, shares.recall);
    }
    Ok(())
}
