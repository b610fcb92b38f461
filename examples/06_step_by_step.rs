//! A search inside a program that has a loop of its own: it calls each step, looks at what came of it, and stops when a
//! flag says so. The library does nothing by itself: it prints nothing, ends nothing, and starts no threads but rayon's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ganas::data::Shapes;
use ganas::search::adversarial::Preset;
use ganas::search::{Adversarial, Report, Search};
use ganas::space::GanGenotype;
use ganas::{Device, Error};

fn main() -> Result<(), Error> {
    let config = Preset::Smoke.config();
    let mut search = Adversarial::new(&Device::cpu(), Box::new(Shapes::new(16, 320, 0)), config, 0)?;
    // Any other thread may set it: a button, a signal, a watchdog.
    let stop = Arc::new(AtomicBool::new(false));
    let callback = |step: u64, report: &Report| {
        if let Some(loss) = report.metrics.iter().find_map(|line| line["d_weight"].as_f64()) {
            println!("step {step}: the discriminator's loss is {loss:.3}");
        }
        stop.store(step >= 12, Ordering::Relaxed);
    };
    while !search.done() && !stop.load(Ordering::Relaxed) {
        let report = search.step()?;
        callback(search.steps_done(), &report);
    }
    for found in search.front() {
        println!("\n{}", GanGenotype::from_json(&found.genotype)?.describe());
    }
    Ok(())
}
