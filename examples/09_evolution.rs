//! Evolution as part of your own program: generators that share weights are judged by features of your own choosing, and
//! selected by two objectives at once.

use ganas::data::{Images, Shapes, SourcePixels};
use ganas::evaluation::Evaluator;
use ganas::metrics::classifier::{TrainConfig, train};
use ganas::metrics::{Keep, extract};
use ganas::search::evolutionary::{Objective, Preset, Stages};
use ganas::search::{self, Evolution, EvolutionConfig, Observer, Report, Search, Stop};
use ganas::space::GanGenotype;
use ganas::{Device, Error};

/// Prints what every round found.
struct Rounds;

impl Observer for Rounds {
    fn on_step(&mut self, _search: &mut dyn Search, report: &Report) -> Result<(), Error> {
        for line in report.metrics.iter().filter(|line| line["hypervolume"].is_f64()) {
            println!(
                "round {}  best distance {:.3}  hypervolume {:.3}",
                line["round"],
                line["frechet_best"].as_f64().unwrap_or(f64::NAN),
                line["hypervolume"].as_f64().unwrap_or(f64::NAN),
            );
        }
        Ok(())
    }
}

fn main() -> Result<(), Error> {
    let device = Device::cpu();
    let images = Shapes::new(16, 320, 7);

    // Any `FeatureNetwork` will do; here a classifier of the same pictures, trained in a moment.
    let quick = TrainConfig { epochs: 4, batch: 32, width: 8, lr: 3e-3 };
    let network = train(&device, &images, None, quick, 7, &mut |_| Ok(()))?.into_network(&device, "quick")?;
    let mut real = SourcePixels::new(&images);
    let reference = extract(&network, &mut real, 100, Keep::default(), &mut |_| Ok(()))?;
    let reference = reference.moments.expect("there are more pictures than one");
    let evaluator = Evaluator::new(Box::new(network), reference, images.name(), 200, 7);

    let config = EvolutionConfig {
        stage: Stages::First,
        objectives: vec![Objective::Distance, Objective::Params],
        ..Preset::Smoke.config()
    };
    let mut search = Evolution::new(&device, Box::new(images), evaluator, config, 7, None)?;
    let outcome = search::run(&mut search, Stop::when_done(), &mut [&mut Rounds])?;

    println!("\nnobody is better in distance and parameters at once:");
    for found in &outcome.front {
        println!("{:?}", found.objectives);
    }
    println!("\n{}", GanGenotype::from_json(&outcome.front[0].genotype)?.describe());
    Ok(())
}
