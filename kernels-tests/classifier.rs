//! The classifier of our own: its training repeats itself, its features do not depend on the batch, and distances in
//! them order pictures as an eye would.

use std::path::{Path, PathBuf};

use ganas::data::{ImageShape, Images, OpenOptions, Pixels, SourcePixels, open};
use ganas::metrics::classifier::{Classifier, TrainConfig, train};
use ganas::metrics::{FeatureNetwork, Keep, MomentSums, Moments, extract, frechet_distance};
use ganas::{Device, Error, Rng};

use crate::check::{close, devices};
use crate::fixtures::skipped;

fn trained(device: &Device, data: &dyn Images, config: TrainConfig, path: &Path) -> f64 {
    let mut losses = Vec::new();
    let mut report = |progress: &ganas::metrics::classifier::Progress| {
        losses.push(progress.loss);
        Ok(())
    };
    let mut trained = train(device, data, None, config, 5, &mut report).unwrap();
    assert_eq!(
        losses.len(),
        data.len().div_ceil(10).wrapping_mul(9).div_ceil(config.batch) * config.epochs
    );
    trained.save(path).unwrap();
    trained.about.accuracy
}

#[test]
fn a_training_repeats_itself_and_its_features_do_not_depend_on_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let images = open("shapes?size=16&limit=1000", &OpenOptions::default()).unwrap();
    let config = TrainConfig { epochs: 8, batch: 32, width: 8, lr: 5e-3 };
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    let cpu = Device::cpu();
    let accuracy = trained(&cpu, images.as_ref(), config, &a);
    // There are five shapes.
    assert!(accuracy > 0.4, "only {accuracy} right");
    trained(&cpu, images.as_ref(), config, &b);
    assert!(std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap(), "two trainings differ");

    let pixels = SourcePixels::new(images.as_ref()).next(33).unwrap();
    let shape = images.shape();
    let wanted = Classifier::load(&cpu, &a).unwrap().forward(&pixels, shape).unwrap();
    for (name, device) in devices() {
        let classifier = Classifier::load(device, &a).unwrap();
        assert_eq!((classifier.dims(), classifier.classes()), (32, Some(5)));
        let whole = classifier.forward(&pixels, shape).unwrap();
        let wide: Vec<f64> = wanted.features.iter().map(|v| f64::from(*v)).collect();
        close(&format!("features on {name}"), &whole.features, &wide, 1e-5);
        for batch in [1, 7, 32] {
            let mut features = Vec::new();
            let mut logits = Vec::new();
            for piece in pixels.chunks(batch * shape.values()) {
                let output = classifier.forward(piece, shape).unwrap();
                features.extend(output.features);
                logits.extend(output.logits);
            }
            assert!(features == whole.features && logits == whole.logits, "batches of {batch} on {name}");
        }
    }
}

#[test]
fn sources_that_cannot_teach_are_refused_with_the_reason() {
    let device = Device::cpu();
    let refused = |data: &str, test: Option<&str>| -> String {
        let open = |text: &str| open(text, &OpenOptions::default()).unwrap();
        let (data, test) = (open(data), test.map(open));
        let config = TrainConfig { epochs: 1, batch: 8, width: 4, lr: 1e-3 };
        train(&device, data.as_ref(), test.as_deref(), config, 0, &mut |_| Ok(()))
            .err()
            .unwrap()
            .to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let picture = |class: &str| {
        let to = folder.path().join(class);
        ganas::data::grid::save_images_folder(&to, &[0.5; 192], ImageShape { h: 8, w: 8, c: 3 }, 0).unwrap();
    };
    picture("flat");
    let plain = format!("folder:{}", folder.path().join("flat").display());
    assert!(refused(&plain, None).contains("fewer than two classes"));
    picture("other");
    let two = format!("folder:{}", folder.path().display());
    let text = refused("shapes?limit=40&size=8", Some(&two));
    assert!(text.contains("flat, other") && text.contains("circle"), "{text}");
    assert!(refused(&two, None).contains("--test"));
    assert!(refused("shapes?limit=40&size=8&gray=1", None).contains("square colour"));
    assert!(refused("shapes?limit=40&size=4", None).contains("at least 8"));
    let text = refused("shapes?limit=40&size=8", Some("shapes?limit=9&size=8&gray=1"));
    assert!(text.contains("8x8x1") && text.contains("8x8x3"), "{text}");
    let text = Classifier::load(&device, &folder.path().join("none"))
        .err()
        .unwrap()
        .to_string();
    assert!(text.contains("none"), "{text}");
}

/// Damage that an eye sees, by its strength.
enum Damage {
    Jpeg(u8),
    Noise(f32),
    Blur(f32),
}

impl Damage {
    fn apply(&self, picture: &[u8], shape: ImageShape, rng: &mut Rng) -> Vec<u8> {
        let (w, h) = (shape.w as u32, shape.h as u32);
        let rgb = || image::RgbImage::from_raw(w, h, picture.to_vec()).expect("a picture of this shape");
        match self {
            Damage::Jpeg(quality) => {
                let mut file = Vec::new();
                let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, *quality);
                rgb().write_with_encoder(encoder).expect("a picture can be encoded");
                image::load_from_memory(&file)
                    .expect("it was just encoded")
                    .into_rgb8()
                    .into_raw()
            }
            Damage::Noise(deviation) => picture
                .iter()
                .map(|v| (f32::from(*v) + 255.0 * deviation * rng.normal()).round() as u8)
                .collect(),
            Damage::Blur(sigma) => image::imageops::blur(&rgb(), *sigma).into_raw(),
        }
    }
}

/// Pictures of a source, each damaged.
struct Damaged<'a> {
    source: SourcePixels<'a>,
    damage: Option<Damage>,
    rng: Rng,
}

impl Pixels for Damaged<'_> {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn shape(&self) -> ImageShape {
        self.source.shape()
    }

    fn next(&mut self, n: usize) -> Result<Vec<u8>, Error> {
        let (pixels, shape) = (self.source.next(n)?, self.shape());
        let Some(damage) = &self.damage else {
            return Ok(pixels);
        };
        Ok(pixels
            .chunks(shape.values())
            .flat_map(|p| damage.apply(p, shape, &mut self.rng))
            .collect())
    }
}

#[test]
fn shared_data_distances_order_pictures_by_their_damage() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/cifar10"));
    if !folder.is_dir() {
        return skipped(&format!("{} is not there, so no real pictures can be ordered", folder.display()));
    }
    let source = |split: &str| {
        let text = format!("cifar10:{}?split={split}", folder.display());
        open(&text, &OpenOptions::default()).unwrap()
    };
    let (learned, test) = (source("train"), source("test"));
    let device = Device::cpu();
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = TrainConfig { epochs: 3, batch: 64, width: 16, lr: 5e-3 };
    let mut trained =
        train(&device, learned.as_ref(), Some(test.as_ref()), config, 1, &mut |_| Ok(())).unwrap();
    trained.save(file.path()).unwrap();
    let classifier = Classifier::load(&device, file.path()).unwrap();
    let moments = |pixels: &mut dyn Pixels, batch: usize| -> Moments {
        let found = extract(&classifier, pixels, batch, Keep::default(), &mut |_| Ok(())).unwrap();
        found.moments.unwrap()
    };
    let reference = moments(&mut SourcePixels::new(learned.as_ref()), 100);
    let distance = |damage: Option<Damage>| {
        let mut pixels = Damaged {
            source: SourcePixels::new(test.as_ref()),
            damage,
            rng: Rng::seed(3),
        };
        frechet_distance(&moments(&mut pixels, 64), &reference).unwrap().distance
    };
    let clean = distance(None);
    let jpeg = [75, 30, 10].map(|quality| distance(Some(Damage::Jpeg(quality))));
    let noise = [0.05, 0.1, 0.2].map(|deviation| distance(Some(Damage::Noise(deviation))));
    let blur = [0.8, 1.2, 2.0].map(|sigma| distance(Some(Damage::Blur(sigma))));
    let all = format!(
        "accuracy {}, clean {clean}, JPEG {jpeg:?}, noise {noise:?}, blur {blur:?}",
        trained.about.accuracy
    );
    for damaged in [&jpeg, &noise, &blur] {
        assert!(clean < damaged[0] && damaged.is_sorted(), "{all}");
    }
    assert!(jpeg[0] < noise[0] && jpeg[0] < blur[0], "{all}");
    // One batch or many, the moments are the same to the last bit.
    let pixels = &mut SourcePixels::new(test.as_ref());
    let whole = moments(pixels, 1000);
    let mut sums = MomentSums::new(classifier.dims());
    let mut pixels = SourcePixels::new(test.as_ref());
    for n in [1, 399, 600] {
        sums.add(&classifier.forward(&pixels.next(n).unwrap(), test.shape()).unwrap().features)
            .unwrap();
    }
    assert!(sums.finish().unwrap() == whole);
}
