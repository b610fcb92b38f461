//! `ganas sample MODEL`.

use std::path::PathBuf;

use clap::Args;

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
