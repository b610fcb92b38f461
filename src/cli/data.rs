//! `ganas data info`: what an image source holds.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::data::grid::save_grid;
use crate::data::stats::{Stats, stats};
use crate::data::{Images, OpenOptions, open};

/// Pictures along each side of `--grid`.
const GRID: usize = 8;

/// Arguments of `ganas data info`.
#[derive(Debug, Clone, clap::Args)]
pub struct DataInfoArgs {
    /// Image source: shapes, cifar10:DIR, idx:FILE[.gz], folder:DIR (also a .tar); options ?size=32&limit=1000&flip=1&gray=1&split=train
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Draw 8x8 samples, spread evenly over the source, to this PNG file
    #[arg(long, value_name = "F.png")]
    pub grid: Option<PathBuf>,
    /// Leave out pictures that cannot be decoded, and count them
    #[arg(long)]
    pub skip_bad: bool,
}

/// Prints count, shape, classes and channel figures of a source; with `json` as one object.
///
/// # Errors
/// If the source cannot be opened or read, or the grid or the report cannot be written.
pub fn info(args: &DataInfoArgs, json: bool, seed: u64) -> Result<(), Error> {
    let options = OpenOptions {
        seed,
        skip_bad: args.skip_bad,
        ..OpenOptions::default()
    };
    let images = open(&args.source, &options)?;
    let stats = stats(images.as_ref())?;
    if let Some(path) = &args.grid {
        draw(images.as_ref(), path)?;
    }
    let mut text = if json {
        as_json(images.name(), &stats).to_string()
    } else {
        as_text(images.name(), &stats, args.grid.as_deref())
    };
    text.push('\n');
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|e| Error::io("standard output", "write", &e))
}

fn draw(images: &dyn Images, path: &Path) -> Result<(), Error> {
    let (shape, n) = (images.shape(), images.len().min(GRID * GRID));
    let mut pixels = vec![0.0; n * shape.values()];
    for (i, out) in pixels.chunks_exact_mut(shape.values()).enumerate() {
        images.read(i * images.len() / n, out)?;
    }
    save_grid(path, &pixels, shape, GRID)
}

fn as_json(source: &str, stats: &Stats) -> serde_json::Value {
    serde_json::json!({
        "source": source,
        "count": stats.count,
        "height": stats.shape.h,
        "width": stats.shape.w,
        "channels": stats.shape.c,
        "classes": stats.classes,
        "mean": stats.mean,
        "std": stats.std,
        "skipped": stats.skipped,
    })
}

fn as_text(source: &str, stats: &Stats, grid: Option<&Path>) -> String {
    let figures = |values: &[f64]| {
        let texts: Vec<String> = values.iter().map(|v| format!("{v:.4}")).collect();
        texts.join("  ")
    };
    let mut lines = vec![
        format!("source    {source}"),
        format!("pictures  {}", stats.count),
        format!(
            "shape     {} x {} pixels, {} channel{}",
            stats.shape.h,
            stats.shape.w,
            stats.shape.c,
            if stats.shape.c == 1 { "" } else { "s" }
        ),
        format!("mean      {}   (pixels in 0..1)", figures(&stats.mean)),
        format!("std       {}", figures(&stats.std)),
    ];
    if stats.skipped > 0 {
        lines.push(format!(
            "skipped   {} that cannot be decoded",
            stats.skipped
        ));
    }
    match &stats.classes {
        None => lines.push("classes   none".into()),
        Some(classes) => {
            lines.push(format!("classes   {}", classes.len()));
            let width = classes
                .iter()
                .map(|c| c.name.chars().count())
                .max()
                .unwrap_or(0);
            lines.extend(
                classes
                    .iter()
                    .map(|c| format!("  {:width$}  {}", c.name, c.count)),
            );
        }
    }
    if let Some(path) = grid {
        lines.push(format!("grid      {}", path.display()));
    }
    lines.join("\n")
}
