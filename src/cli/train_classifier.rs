//! `ganas train-classifier`: a feature network of one's own.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::Global;
use super::{interrupt, output};
use crate::Error;
use crate::data::{OpenOptions, open};
use crate::metrics::classifier::{Progress, TrainConfig, train};

/// Flags of `train-classifier`.
#[derive(Debug, Clone, Args)]
pub struct TrainClassifierArgs {
    /// Images with classes: cifar10:DIR, folder:DIR with a sub-folder for each class, ...
    #[arg(long, value_name = "SRC")]
    data: String,
    /// Images to test on, with the same classes [default: a tenth of the training images, held out at random]
    #[arg(long, value_name = "SRC")]
    test: Option<String>,
    /// The file to write
    #[arg(long, value_name = "F.safetensors")]
    out: PathBuf,
    /// Passes over the images
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: u32,
    /// Images a step
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Channels at full size; there are four times as many features
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    width: u32,
    /// Largest learning rate
    #[arg(long, default_value_t = 3e-3, value_name = "X")]
    lr: f64,
    /// Leave out pictures that cannot be decoded, and count them
    #[arg(long)]
    skip_bad: bool,
}

/// Trains, tests and stores a classifier. An interrupt ends the training, and nothing is stored.
///
/// # Errors
/// If a source cannot be used, the training fails or is interrupted, or the file cannot be written.
pub fn run(args: &TrainClassifierArgs, global: &Global) -> Result<(), Error> {
    if !(args.lr > 0.0 && args.lr.is_finite()) {
        return Err(Error::config("lr", format!("{}; a learning rate is larger than 0", args.lr)));
    }
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Error::config(
            "out",
            format!("there is no folder `{}`; make it first", folder.display()),
        ));
    }
    let options = OpenOptions {
        seed: global.seed(),
        skip_bad: args.skip_bad,
        ..OpenOptions::default()
    };
    let images = open(&args.data, &options)?;
    let side = images.shape().h;
    let test = match &args.test {
        Some(text) => Some(open(text, &OpenOptions { size: Some(side), ..options })?),
        None => None,
    };
    let device = global.open_device()?;
    let config = TrainConfig {
        epochs: args.epochs as usize,
        batch: args.batch as usize,
        width: args.width as usize,
        lr: args.lr,
    };
    let stop = interrupt::flag()?;
    let began = Instant::now();
    let mut log = Log::new(global.quiet, began);
    let trained = train(&device, images.as_ref(), test.as_deref(), config, global.seed(), &mut |progress| {
        log.step(progress);
        match stop.load(Ordering::Relaxed) {
            true => {
                Err(Error::config("train-classifier", "was interrupted; nothing is stored, start it again"))
            }
            false => Ok(()),
        }
    });
    log.end();
    let mut trained = trained?;
    trained.save(&args.out)?;
    let (about, seconds) = (&trained.about, began.elapsed().as_secs_f64());
    match global.json {
        true => output::print(
            &json!({
                "model": args.out, "accuracy": about.accuracy, "tested": about.tested, "test": about.test,
                "classes": about.classes.len(), "parameters": trained.parameters, "epochs": about.epochs,
                "seconds": seconds,
            })
            .to_string(),
        ),
        false => output::print(&format!(
            "{}: {:.1} % of {} test images right ({}), {} classes, {} parameters, {seconds:.0} s\n\
             use it with --features classifier:{}",
            args.out.display(),
            100.0 * about.accuracy,
            about.tested,
            about.test,
            about.classes.len(),
            trained.parameters,
            args.out.display(),
        )),
    }
}

/// A bar for a terminal, and a line an epoch for everybody.
struct Log {
    bar: ProgressBar,
    quiet: bool,
    began: Instant,
    losses: (f64, usize),
    epochs: usize,
}

impl Log {
    fn new(quiet: bool, began: Instant) -> Log {
        let bar = if quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        let template = "{bar:30} {pos}/{len} steps, {per_sec}, {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template above is valid"));
        Log { bar, quiet, began, losses: (0.0, 0), epochs: 0 }
    }

    fn step(&mut self, progress: &Progress) {
        self.bar.set_length(progress.steps as u64);
        self.bar.set_position(progress.step as u64);
        self.losses = (self.losses.0 + progress.loss, self.losses.1 + 1);
        if let Some(accuracy) = progress.accuracy {
            self.epochs += 1;
            if !self.quiet {
                let line = format!(
                    "epoch {}  loss {:.4}  accuracy {:.2} %  {:.0} s",
                    self.epochs,
                    self.losses.0 / self.losses.1 as f64,
                    100.0 * accuracy,
                    self.began.elapsed().as_secs_f64()
                );
                self.bar.suspend(|| output::note(&line));
            }
            self.losses = (0.0, 0);
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
