//! `ganas sample MODEL`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::args::Global;
use super::output;
use crate::data::{ImageShape, grid};
use crate::formats::NamedArrays;
use crate::runs::{Snapshot, newest_snapshot};
use crate::search::adversarial::{generator_of, images_of};
use crate::space::GanGenotype;
use crate::space::build::{Generator, Relaxation};
use crate::{Device, Error, Rng, Tensor};

/// Flags of `sample`.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("to").args(["grid", "folder", "tensor"]).required(true).multiple(true)))]
pub struct SampleArgs {
    /// A run folder, a snapshot, or a weights file
    pub model: PathBuf,
    /// How many images; with --latents as many as the file holds [default: 64]
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub n: Option<u32>,
    /// Draw all images into one PNG file
    #[arg(long, value_name = "F.png")]
    pub grid: Option<PathBuf>,
    /// Write each image as a PNG file into this folder
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Take the latent vectors from the array `latents` [n, z] of this file
    #[arg(long, value_name = "F.safetensors", conflicts_with = "n")]
    pub latents: Option<PathBuf>,
    /// Write the array `images` [n, 3, h, w], float32 in -1..1, to this file
    #[arg(long, value_name = "F.safetensors")]
    pub tensor: Option<PathBuf>,
    /// The architecture of a bare weights file: a JSON or .npy file, or a built-in name
    #[arg(long, value_name = "G")]
    pub genotype: Option<String>,
    /// Use the moving average of the weights (the default)
    #[arg(long, conflicts_with = "live")]
    pub ema: bool,
    /// Use the weights as they are trained instead of their moving average
    #[arg(long)]
    pub live: bool,
}

/// Images made at once.
const BATCH: usize = 64;

/// Makes images and writes them wherever the flags say.
///
/// # Errors
/// If the model or the latents cannot be read or do not fit, the device fails, or a file cannot be written.
pub fn run(args: &SampleArgs, global: &Global) -> Result<(), Error> {
    let device = global.open_device()?;
    let (mut generator, relaxation) = load(args, &device)?;
    let (z, n) = latents(args, generator.size().latent, global.seed())?;
    let mut noise = Rng::stream(global.seed(), "gumbel");
    let width = generator.size().latent;
    let mut images = Vec::new();
    for rows in z.chunks(BATCH * width) {
        let z = Tensor::from_slice(&device, [rows.len() / width, width], rows);
        images.extend(images_of(&mut generator, &z, relaxation, &mut noise).to_vec()?);
    }
    let side = generator.size().image();
    let shape = ImageShape { h: side, w: side, c: 3 };
    if let Some(path) = &args.grid {
        grid::save_grid(path, &images, shape, 8)?;
    }
    if let Some(folder) = &args.folder {
        grid::save_images_folder(folder, &images, shape, 0)?;
    }
    if let Some(path) = &args.tensor {
        write_tensor(path, &images, n, side)?;
    }
    match global.json {
        true => {
            let report = json!({
                "model": args.model, "n": n, "height": side, "width": side,
                "grid": args.grid, "folder": args.folder, "tensor": args.tensor,
            });
            output::print(&report.to_string())
        }
        false => {
            let paths: Vec<String> = [&args.grid, &args.folder, &args.tensor]
                .into_iter()
                .flatten()
                .map(|p| p.display().to_string())
                .collect();
            output::print(&format!("{n} images of {side}x{side} in {}", paths.join(", ")))
        }
    }
}

/// The generator that the model argument names, and how its edges are mixed if it is a supernet.
fn load(args: &SampleArgs, device: &Device) -> Result<(Generator, Relaxation), Error> {
    let model = &args.model;
    let own_architecture = || match args.genotype {
        Some(_) => Err(Error::config(
            "genotype",
            "a run or a snapshot knows its architecture; leave --genotype away",
        )),
        None => Ok(()),
    };
    if model.is_dir() {
        own_architecture()?;
        return generator_of(&newest_snapshot(model)?, device, args.live);
    }
    if matches!(model.extension().and_then(|e| e.to_str()), Some("pth" | "pt")) {
        return Err(Error::format(model, "is a torch checkpoint; only .safetensors files can be read"));
    }
    let arrays = NamedArrays::read(model)?;
    if Snapshot::is_in(&arrays) {
        own_architecture()?;
        return generator_of(&Snapshot::read(model)?, device, args.live);
    }
    let genes = match &args.genotype {
        Some(text) => Some(*GanGenotype::load(text)?.require_generator()?),
        None => None,
    };
    Ok((Generator::from_arrays(&arrays, genes.as_ref(), args.live, device)?, Relaxation::Softmax))
}

/// The latent vectors of a file, or fresh ones.
fn latents(args: &SampleArgs, width: usize, seed: u64) -> Result<(Vec<f32>, usize), Error> {
    let Some(path) = &args.latents else {
        let n = args.n.unwrap_or(64) as usize;
        return Ok((Rng::stream(seed, "sample latents").normals(n * width), n));
    };
    let arrays = NamedArrays::read(path)?;
    let Some(array) = arrays.get("latents") else {
        return Err(Error::format(path, format!("has no array `latents` [n, {width}]")));
    };
    match array.shape[..] {
        [n, z] if z == width && n > 0 => Ok((array.values.clone(), n)),
        _ => {
            let reason = format!("has shape {:?}, the generator wants [n, {width}]", array.shape);
            Err(Error::weights("latents", reason))
        }
    }
}

/// Files speak NCHW.
fn write_tensor(path: &Path, images: &[f32], n: usize, side: usize) -> Result<(), Error> {
    let pixels = side * side;
    let mut planes = vec![0.0; images.len()];
    for (i, value) in images.iter().enumerate() {
        let (image, pixel, channel) = (i / (pixels * 3), i / 3 % pixels, i % 3);
        planes[(image * 3 + channel) * pixels + pixel] = *value;
    }
    let mut arrays = NamedArrays::new();
    arrays.insert("images", &[n, 3, side, side], planes);
    arrays.write(path)
}
