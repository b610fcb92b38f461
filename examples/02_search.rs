//! A search as part of your own program: made-up pictures, a few dozen steps, an observer of your own.
//!
//! The library prints nothing and stops nothing by itself: what happens between steps is decided by observers.

use std::path::Path;

use ganas::data::Shapes;
use ganas::search::{self, Adversarial, AdversarialConfig, Checkpoints, Observer, Report, Search, Stop};
use ganas::space::{GanGenotype, draw};
use ganas::{Device, Error, runs::RunFolder};

/// Prints the losses whenever the search reports them.
struct Losses;

impl Observer for Losses {
    fn on_step(&mut self, search: &mut dyn Search, report: &Report) -> Result<(), Error> {
        for line in &report.metrics {
            println!(
                "step {:3}  d {:7}  g {:7}",
                search.steps_done(),
                loss(line, "d_weight"),
                loss(line, "g_weight")
            );
        }
        Ok(())
    }
}

fn loss(line: &serde_json::Value, name: &str) -> String {
    line[name].as_f64().map_or("-".to_owned(), |loss| format!("{loss:.3}"))
}

fn main() -> Result<(), Error> {
    let device = Device::auto()?; // the first real GPU, else the CPU
    let images = Shapes::new(16, 512, 7); // 512 made-up 16x16 pictures, seed 7
    let config = AdversarialConfig {
        data: "shapes".to_owned(),
        bottom_width: 2, // three cells double it: 16x16 images
        channels: 16,
        disc_channels: 16,
        latent: 24,
        batch: 16,
        gen_batch: 16,
        ..AdversarialConfig::default()
    };
    let mut search = Adversarial::new(&device, Box::new(images), config.clone(), 7)?;

    // A run folder is optional; with one, the search can be resumed after a crash.
    let folder = std::env::temp_dir().join(format!("ganas-example-{}", std::process::id()));
    let mut checkpoints = Checkpoints::every(20, RunFolder::create(&folder, &config)?);
    let outcome = search::run(&mut search, Stop::steps(40), &mut [&mut Losses, &mut checkpoints])?;

    for found in &outcome.front {
        let gan = GanGenotype::from_json(&found.genotype)?;
        println!("\n{}\n{:?}", gan.describe(), found.objectives);
        std::fs::write(folder.join("cells.svg"), draw::svg(&gan, "after 40 steps"))
            .map_err(|e| Error::io(&folder, "write", &e))?;
    }
    println!(
        "{} steps in {:.1} s; everything lies in {}",
        outcome.steps,
        outcome.seconds,
        show(&folder)
    );
    Ok(())
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
