//! `ganas sample MODEL`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::args::Global;
use super::{model, output};
use crate::Error;
use crate::data::{ImageShape, grid};
use crate::evaluation::{BATCH, Sampler};
use crate::formats::NamedArrays;

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

/// Makes images and writes them wherever the flags say.
///
/// # Errors
/// If the model or the latents cannot be read or do not fit, the device fails, or a file cannot be written.
pub fn run(args: &SampleArgs, global: &Global) -> Result<(), Error> {
    let device = global.open_device()?;
    let model::Model { generator, relaxation, .. } =
        model::load(&args.model, args.genotype.as_deref(), args.live, &device)?;
    let side = generator.size().image();
    let given = latents(args, generator.size().latent)?;
    let n = given.as_ref().map_or(args.n.unwrap_or(64) as usize, |(_, n)| *n);
    let width = generator.size().latent;
    let mut sampler = Sampler::new(generator, relaxation, &device, n, global.seed());
    let mut images = Vec::new();
    match &given {
        Some((z, _)) => {
            for rows in z.chunks(BATCH * width) {
                images.extend(sampler.images(rows)?);
            }
        }
        None => {
            for _ in 0..n.div_ceil(BATCH) {
                images.extend(sampler.batch()?);
            }
        }
    }
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

/// The latent vectors of a file, if one is given, and how many there are.
fn latents(args: &SampleArgs, width: usize) -> Result<Option<(Vec<f32>, usize)>, Error> {
    let Some(path) = &args.latents else {
        return Ok(None);
    };
    let arrays = NamedArrays::read(path)?;
    let Some(array) = arrays.get("latents") else {
        return Err(Error::format(path, format!("has no array `latents` [n, {width}]")));
    };
    match array.shape[..] {
        [n, z] if z == width && n > 0 => Ok(Some((array.values.to_vec(), n))),
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
