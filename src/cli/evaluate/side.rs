//! One side of a comparison: what its text names, and its moments, features and logits.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::args::Global;
use super::super::model;
use super::super::output::note;
use super::network::{OpenNetwork, protocol_of};
use crate::Error;
use crate::data::{self, Images, OpenOptions, Pixels, SourcePixels};
use crate::evaluation::Sampler;
use crate::formats::npz::Npz;
use crate::formats::{npy, safetensors};
use crate::metrics::{
    Cache, CacheKey, Extracted, FeatureNetwork, FeatureProtocol, FeatureSet, Keep, Moments, NumberArray,
    Statistics, extract,
};

/// Flags about what is read or made.
#[derive(Debug, Clone, Args)]
pub struct SideArgs {
    /// Images that a model makes; 50,000 is the published protocol
    #[arg(short = 'n', long = "images", default_value_t = 50_000, value_name = "N")]
    n: usize,
    /// The architecture of a bare weights file: a JSON or .npy file, or a built-in name
    #[arg(long, value_name = "G")]
    genotype: Option<String>,
    /// Use a model's weights as they are trained instead of their moving average
    #[arg(long)]
    live: bool,
    /// Images that go through the network at once; no result depends on it
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = batch)]
    batch: usize,
    /// Leave out pictures that cannot be decoded, and count them
    #[arg(long)]
    skip_bad: bool,
    /// Folder that keeps what was computed of an image source [default: ganas in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Neither read nor keep such results
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

fn batch(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=4096) => Ok(n),
        _ => Err("a number from 1 to 4096".to_owned()),
    }
}

impl SideArgs {
    /// As if nothing was typed.
    pub(in crate::cli) fn usual() -> SideArgs {
        SideArgs {
            n: 50_000,
            genotype: None,
            live: false,
            batch: 32,
            skip_bad: false,
            cache: None,
            no_cache: false,
        }
    }

    fn cache(&self) -> Option<Cache> {
        if self.no_cache {
            return None;
        }
        let folder = self.cache.clone().or_else(|| Some(dirs::cache_dir()?.join("ganas")))?;
        Some(Cache::new(folder))
    }
}

/// How a side is read.
pub(in crate::cli) struct SideOptions<'a> {
    pub args: &'a SideArgs,
    pub global: &'a Global,
    /// `generated`, `reference` or `source`, for messages.
    pub role: &'static str,
    /// What is needed beside the moments.
    pub keep: Keep,
}

/// What is known of one side.
pub(in crate::cli) struct Measured {
    /// The text that named it.
    pub source: String,
    /// What kind of thing it is.
    pub kind: &'static str,
    /// Number of images, where that is known.
    pub n: Option<usize>,
    moments: Option<Moments>,
    features: Option<FeatureSet>,
    /// Logits, if they were asked for and images were there.
    pub logits: Option<FeatureSet>,
    /// How the features were made, where that is known.
    pub protocol: Option<FeatureProtocol>,
    /// Pictures that could not be decoded and were left out.
    pub skipped: usize,
}

impl Measured {
    /// The moments of the features.
    ///
    /// # Errors
    /// If there is a single image.
    pub fn moments(&self) -> Result<&Moments, Error> {
        self.moments.as_ref().ok_or_else(|| {
            Error::config(&self.source, "has a single image; a Fréchet distance takes at least 2 a side")
        })
    }

    /// The features of every image.
    ///
    /// # Errors
    /// If only statistics are known.
    pub fn features(&self) -> Result<&FeatureSet, Error> {
        self.features.as_ref().ok_or_else(|| {
            Error::config(&self.source, "holds statistics alone; kid and prdc take images or features")
        })
    }

    fn of(source: &str, kind: &'static str, found: Extracted, protocol: Option<FeatureProtocol>) -> Measured {
        Measured {
            source: source.to_owned(),
            kind,
            n: Some(found.n),
            moments: found.moments,
            features: found.features,
            logits: found.logits,
            protocol,
            skipped: 0,
        }
    }
}

/// Finds out what `text` names and measures it.
///
/// # Errors
/// If it names nothing, cannot be read, or the network or device fails.
pub(in crate::cli) fn measure(
    text: &str,
    options: &SideOptions,
    network: &mut OpenNetwork,
) -> Result<Measured, Error> {
    let path = Path::new(text);
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if data::is_source(text) {
        return images(text, options, network);
    }
    if !path.exists() {
        let reason = "no such file or folder, and no image source either (a source is written cifar10:DIR, folder:DIR, ...)";
        return Err(Error::format(path, reason));
    }
    if path.is_dir() {
        return match path.join("config.toml").is_file() {
            true => made(path, options, network),
            false => images(&format!("folder:{text}"), options, network),
        };
    }
    match extension {
        "tar" => images(&format!("folder:{text}"), options, network),
        "npz" => {
            let bytes = read(path)?;
            let npz = Npz::parse(path, &bytes)?;
            match Statistics::are_in(&npz) {
                true => Ok(statistics(text, Statistics::of_arrays(path, &npz)?)),
                false => stored(path, npz.get("features")?),
            }
        }
        "npy" => stored(path, Some(npy::parse(path, &read(path)?)?)),
        "safetensors" => {
            let features = safetensors::read_numbers(path, &read(path)?, "features")?;
            match features {
                None => made(path, options, network),
                features => stored(path, features),
            }
        }
        "pth" | "pt" => made(path, options, network),
        _ => {
            let reason =
                "is no image source, model, feature or statistics file; a single picture is no set of them";
            Err(Error::format(path, reason))
        }
    }
}

/// An image source.
fn images(text: &str, options: &SideOptions, network: &mut OpenNetwork) -> Result<Measured, Error> {
    let open = OpenOptions {
        seed: options.global.seed(),
        skip_bad: options.args.skip_bad,
        ..OpenOptions::default()
    };
    let images = data::open(text, &open)?;
    let network = network.get(text)?;
    let protocol = protocol_of(network);
    let found = match options.args.cache() {
        None => through(network, &mut SourcePixels::new(images.as_ref()), options)?,
        Some(cache) => cached(&cache, images.as_ref(), network, &protocol, options)?,
    };
    let skipped = images.skipped();
    Ok(Measured {
        skipped,
        ..Measured::of(text, "images", found, Some(protocol))
    })
}

fn cached(
    cache: &Cache,
    images: &dyn Images,
    network: &dyn FeatureNetwork,
    protocol: &FeatureProtocol,
    options: &SideOptions,
) -> Result<Extracted, Error> {
    let key = CacheKey::of(images, protocol)?;
    if let Some(found) = cache.get(&key, options.keep) {
        return Ok(found);
    }
    let found = through(network, &mut SourcePixels::new(images), options)?;
    // A result that cannot be kept is still a result.
    if let Err(e) = cache.put(&key, &found, protocol) {
        note(&format!("warning: what was computed of the {} side is not kept: {e}", options.role));
    }
    Ok(found)
}

/// A model, whose pictures are made by the published protocol.
fn made(path: &Path, options: &SideOptions, network: &mut OpenNetwork) -> Result<Measured, Error> {
    let SideArgs { n, genotype, live, .. } = options.args;
    let text = path.display().to_string();
    if *n == 0 {
        return Err(Error::config("images", "a model must make at least 1 image"));
    }
    let network = network.get(&text)?;
    let device = options.global.open_device()?;
    let model::Model { generator, relaxation, .. } = model::load(path, genotype.as_deref(), *live, &device)?;
    let mut sampler = Sampler::new(generator, relaxation, &device, *n, options.global.seed());
    let found = through(network, &mut sampler, options)?;
    Ok(Measured::of(&text, "model", found, Some(protocol_of(network))))
}

fn statistics(text: &str, stored: Statistics) -> Measured {
    Measured {
        source: text.to_owned(),
        kind: "statistics",
        n: stored.moments.n,
        moments: Some(stored.moments),
        features: None,
        logits: None,
        protocol: stored.protocol,
        skipped: 0,
    }
}

/// The features of a file.
fn stored(path: &Path, array: Option<NumberArray>) -> Result<Measured, Error> {
    let features = matrix(path, "features", array)?;
    let found = Extracted {
        n: features.n(),
        moments: (features.n() > 1).then(|| Moments::of(&features)).transpose()?,
        features: Some(features),
        logits: None,
    };
    Ok(Measured::of(&path.display().to_string(), "features", found, None))
}

/// The array `logits` `[n, classes]` of an `.npz` or `.safetensors` file, or the only one of an `.npy` file.
///
/// # Errors
/// If it cannot be read, is not there, or is no matrix of finite numbers.
pub(super) fn logits_of(path: &Path) -> Result<FeatureSet, Error> {
    let bytes = read(path)?;
    let array = match path.extension().and_then(|e| e.to_str()) {
        Some("npz") => Npz::parse(path, &bytes)?.get("logits")?,
        Some("safetensors") => safetensors::read_numbers(path, &bytes, "logits")?,
        Some("npy") => Some(npy::parse(path, &bytes)?),
        _ => return Err(Error::format(path, "must end in .npz, .npy or .safetensors")),
    };
    matrix(path, "logits", array)
}

fn matrix(path: &Path, name: &str, array: Option<NumberArray>) -> Result<FeatureSet, Error> {
    let array = array.ok_or_else(|| {
        Error::format(path, format!("has no array `{name}`; one 2-D array of that name is expected"))
    })?;
    FeatureSet::from_array(array).map_err(|e| match e {
        Error::Weights { reason, .. } => Error::format(path, format!("array `{name}` {reason}")),
        other => other,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|e| Error::io(path, "read", &e))
}

/// Sends pictures through the network, with a progress bar for people.
fn through(
    network: &dyn FeatureNetwork,
    pixels: &mut dyn Pixels,
    options: &SideOptions,
) -> Result<Extracted, Error> {
    let bar = match options.global.quiet {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(pixels.len() as u64),
    };
    let template = "{msg:9} {bar:30} {pos}/{len} images, {per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("the template above is valid"));
    bar.set_message(options.role);
    let found = extract(network, pixels, options.args.batch, options.keep, &mut |done| {
        bar.set_position(done as u64);
        Ok(())
    });
    bar.finish_and_clear();
    found
}
