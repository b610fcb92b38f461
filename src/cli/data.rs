//! `ganas data info`: what an image source holds.

use std::path::{Path, PathBuf};

use super::output::print;
use crate::data::grid::save_grid;
use crate::data::stats::{Stats, stats};
use crate::data::{Images, OpenOptions, open};
use crate::{Error, Rng};

/// Pictures along each side of `--grid`.
const GRID: usize = 8;

/// Arguments of `ganas data info`.
#[derive(Debug, Clone, clap::Args)]
pub struct DataInfoArgs {
    /// Image source: shapes, cifar10:DIR, stl10:DIR, idx:FILE[.gz], npy:FILE, folder:DIR (also a .tar); options ?size=32&limit=1000&flip=1&gray=1&split=train
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Draw 8x8 samples, chosen by the seed, to this PNG file
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
        draw(images.as_ref(), path, seed)?;
    }
    match json {
        true => print(&as_json(images.name(), &stats).to_string()),
        false => print(&as_text(images.name(), &stats, args.grid.as_deref())),
    }
}

fn draw(images: &dyn Images, path: &Path, seed: u64) -> Result<(), Error> {
    let (shape, n) = (images.shape(), images.len().min(GRID * GRID));
    let mut pixels = vec![0.0; n * shape.values()];
    // Drawn at random: an even stride may miss a class where classes come in turn.
    let mut chosen = Rng::stream(seed, "data grid").permutation(images.len());
    chosen.truncate(n);
    chosen.sort_unstable();
    for (i, out) in chosen.into_iter().zip(pixels.chunks_exact_mut(shape.values())) {
        images.read(i, out)?;
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
        lines.push(format!("skipped   {} that cannot be decoded", stats.skipped));
    }
    match &stats.classes {
        None => lines.push("classes   none".into()),
        Some(classes) => {
            lines.push(format!("classes   {}", classes.len()));
            let width = classes.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
            lines.extend(classes.iter().map(|c| format!("  {:width$}  {}", c.name, c.count)));
        }
    }
    if let Some(path) = grid {
        lines.push(format!("grid      {}", path.display()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_the_promised_keys_and_the_grid_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let args = DataInfoArgs {
            source: "shapes?limit=70&size=8".into(),
            grid: Some(folder.path().join("g.png")),
            skip_bad: false,
        };
        info(&args, true, 3).unwrap();
        assert_eq!(image::image_dimensions(args.grid.as_ref().unwrap()).unwrap(), (78, 78));

        let images = open(&args.source, &OpenOptions::default()).unwrap();
        let stats = stats(images.as_ref()).unwrap();
        let object = as_json(images.name(), &stats);
        let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
        let want = ["source", "count", "height", "width", "channels", "classes", "mean", "std", "skipped"];
        assert_eq!(keys, want);
        assert_eq!(object["classes"][4], serde_json::json!({"name": "cross", "count": 14}));
        let text = as_text(images.name(), &stats, None);
        assert!(text.contains("pictures  70") && text.contains("  cross     14"), "{text}");
    }
}
