//! The evaluators by what they must not do: depend on what came before, train twice, or let a bad candidate spoil a search.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::task::{FAILED, FAILURE};
use super::*;
use crate::Rng;
use crate::data::Shapes;
use crate::evaluation::means;
use crate::nn::{self, Init, SpectralInit};
use crate::runs::{Snapshot, Work};
use crate::search::baselines::RandomSearch;
use crate::search::evolutionary::{EvolutionConfig, Objective};
use crate::search::queries::{Budget, Constraints, Evaluator, QuerySearch};
use crate::space::build::{Generator, discriminator};
use crate::space::{GanCells, GanGenotype, Genotype, Space};

const EVAL_IMAGES: usize = 12;
const QUERIES: usize = 4;

const KINDS: [(GanPart, GanEvaluation); 4] = [
    (GanPart::Generator, GanEvaluation::Shared),
    (GanPart::Generator, GanEvaluation::Brief),
    (GanPart::Discriminator, GanEvaluation::Brief),
    (GanPart::Both, GanEvaluation::Brief),
];

fn tiny(part: GanPart, evaluator: GanEvaluation) -> GanConfig {
    let generator = match part {
        GanPart::Discriminator => "eagan".to_owned(),
        GanPart::Generator | GanPart::Both => String::new(),
    };
    let settings = EvolutionConfig {
        data: "shapes".into(),
        features: "means".into(),
        bottom_width: 2,
        channels: 3,
        disc_channels: 4,
        latent: 6,
        batch: 3,
        gen_batch: 3,
        n_critic2: 2,
        eval_images: EVAL_IMAGES,
        recalibration_images: 5,
        generator,
        ..EvolutionConfig::default()
    };
    GanConfig { part, evaluator, warmup: 6, steps: 4, settings }
}

fn made(config: &GanConfig) -> Result<(Box<dyn Evaluator>, Arc<AtomicUsize>), Error> {
    let (pictures, seen) = means::evaluator(EVAL_IMAGES);
    let images = Box::new(Shapes::new(16, 20, 1));
    Ok((evaluator(config, &Device::cpu(), images, pictures, 7)?, seen))
}

fn refusal(config: &GanConfig) -> String {
    made(config).err().map(|e| e.to_string()).unwrap_or_default()
}

fn some(space: &GanCells, n: usize) -> Vec<Genotype> {
    let mut rng = Rng::seed(5);
    (0..n).map(|_| space.random(&mut rng)).collect()
}

fn search(config: &GanConfig, most: BTreeMap<String, f64>) -> QuerySearch {
    let constraints = Constraints { most, ..Constraints::default() };
    let budget = Budget { queries: QUERIES, constraints };
    let random = Box::new(RandomSearch::new(3));
    QuerySearch::new(Arc::new(config.space()), made(config).unwrap().0, random, budget).unwrap()
}

/// Steps until `n` queries are done; gives the journal.
fn journal(search: &mut QuerySearch, n: usize) -> Vec<Value> {
    let mut lines = Vec::new();
    while search.history().len() < n {
        let journal = search.step().unwrap().journal.into_iter();
        lines.extend(journal.filter(|line| line["query"].is_u64()));
    }
    lines
}

#[test]
fn an_evaluation_gives_the_same_whatever_came_before_it() {
    for (part, kind) in KINDS {
        let config = tiny(part, kind);
        let genotypes = some(&config.space(), 3);
        let (mut one, seen) = made(&config).unwrap();
        let first = one.evaluate(&genotypes[0]).unwrap();
        let others: Vec<_> = genotypes[1..].iter().map(|g| one.evaluate(g).unwrap()).collect();
        assert!(others.iter().all(|other| *other != first), "{part:?} {kind:?}");
        assert_eq!(one.evaluate(&genotypes[0]).unwrap(), first, "{part:?} {kind:?}");
        assert_eq!(seen.load(Ordering::Relaxed), 4 * EVAL_IMAGES);
        // Another evaluator that begins with another one.
        let (mut two, _) = made(&config).unwrap();
        assert_eq!(two.evaluate(&genotypes[2]).unwrap(), others[1], "{part:?} {kind:?}");
        assert_eq!(two.evaluate(&genotypes[0]).unwrap(), first, "{part:?} {kind:?}");
        let names: Vec<&str> = first.objectives.keys().map(String::as_str).collect();
        assert_eq!(names, ["frechet", "inverse_score"]);
        assert_eq!(first.score, -first.objectives["frechet"]);
    }
}

#[test]
fn a_search_that_was_stored_goes_on_as_the_unbroken_one_without_a_second_training() {
    for (part, kind) in KINDS {
        let config = tiny(part, kind);
        let mut whole = search(&config, BTreeMap::new());
        let want = journal(&mut whole, QUERIES);
        assert_eq!(want.len(), QUERIES);
        assert!(whole.done() && !whole.front().is_empty());
        for at in [0, 2] {
            let mut first = search(&config, BTreeMap::new());
            let mut lines = journal(&mut first, at);
            let mut snapshot = Snapshot::new(at as u64);
            first.save(&mut snapshot).unwrap();
            // Shared weights that were trained again after a query would be trained otherwise and be others.
            let mut settings = config.settings.clone();
            settings.gen_lr *= if at == 0 || kind == GanEvaluation::Brief {
                1.0
            } else {
                3.0
            };
            let mut second = search(&GanConfig { settings, ..config.clone() }, BTreeMap::new());
            second.load(&snapshot).unwrap();
            lines.extend(journal(&mut second, QUERIES));
            assert_eq!(lines, want, "{part:?} {kind:?}, stored after {at} queries");
        }
    }
}

/// Trained numbers of the searched halves, counted in networks that were built.
fn counted(config: &GanConfig, gan: &GanGenotype) -> f64 {
    let device = Device::cpu();
    let mut rng = Rng::seed(1);
    let mut init = Init {
        device: &device,
        rng: &mut rng,
        spectral: SpectralInit::default(),
    };
    let mut sum = 0;
    if let Some(arch) = &gan.generator {
        sum += nn::count(&mut Generator::derived(arch, config.settings.size(), &mut init).unwrap());
    }
    if let Some(arch) = &gan.discriminator {
        let mut d = discriminator(arch, config.settings.disc_channels, 1, &mut init).unwrap();
        sum += nn::count(d.as_mut());
    }
    sum as f64
}

#[test]
fn a_limit_on_parameters_holds_and_costs_no_query() {
    for (part, kind) in KINDS {
        let config = tiny(part, kind);
        let space = config.space();
        let (evaluator, seen) = made(&config).unwrap();
        let params = |g: &Genotype| {
            let costs = evaluator.costs(g).unwrap();
            assert!(costs["macs"] > 0.0 && costs["memory"] > 4.0 * costs["params"]);
            costs["params"]
        };
        let mut sizes: Vec<f64> = some(&space, 40).iter().map(params).collect();
        sizes.sort_by(f64::total_cmp);
        let most = sizes[10];
        let mut search = search(&config, [("params".to_owned(), most)].into());
        journal(&mut search, QUERIES);
        for query in search.history().queries() {
            let size = counted(&config, &space.decode(&query.genotype).unwrap());
            assert_eq!(size, params(&query.genotype));
            assert!(size <= most, "{size} is above {most}");
        }
        assert_eq!(seen.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn the_first_objective_is_the_score_and_all_are_minimised() {
    for (part, kind) in KINDS {
        let measured = |objectives: &[Objective]| {
            let mut config = tiny(part, kind);
            config.settings.objectives = objectives.to_vec();
            let g = some(&config.space(), 1).remove(0);
            made(&config).unwrap().0.evaluate(&g).unwrap()
        };
        let by_score = measured(&[Objective::Score, Objective::Distance]);
        assert!(by_score.score > 0.999);
        approx::assert_relative_eq!(
            1.0 / by_score.score,
            by_score.objectives["inverse_score"],
            max_relative = 1e-6
        );
        let by_size = measured(&[Objective::Params, Objective::Latency, Objective::Memory]);
        assert_eq!(by_size.score, -by_size.objectives["params"]);
        assert!(by_size.objectives["latency"] > 0.0 && by_size.objectives.len() == 3);
    }
}

#[test]
fn a_training_that_diverges_is_the_worst_and_ends_no_search() {
    let mut config = tiny(GanPart::Both, GanEvaluation::Brief);
    config.settings.gen_lr = 1e30;
    config.settings.objectives = vec![Objective::Distance, Objective::Params];
    let mut search = search(&config, BTreeMap::new());
    journal(&mut search, QUERIES);
    for query in search.history().queries() {
        let names: Vec<&str> = query.measured.objectives.keys().map(String::as_str).collect();
        assert_eq!((query.measured.score, names), (FAILED, vec![FAILURE, "params"]));
    }
    assert!(!search.front().is_empty());
}

#[test]
fn candidates_of_which_less_is_known_are_not_compared() {
    /// Fails every second time.
    struct Half(u32);
    impl Evaluator for Half {
        fn evaluate(&mut self, _: &Genotype) -> Result<queries::Measured, Error> {
            self.0 += 1;
            let (score, more) = if self.0.is_multiple_of(2) {
                (FAILED, FAILURE)
            } else {
                (-1.0, "frechet")
            };
            let objectives = [("params".to_owned(), 1.0), (more.to_owned(), 1.0)].into();
            Ok(queries::Measured { score, objectives })
        }

        fn protocol(&self) -> Value {
            Value::Null
        }
    }
    let budget = Budget {
        queries: QUERIES,
        constraints: Constraints::default(),
    };
    let (space, random) = (Arc::new(GanCells::generators()), Box::new(RandomSearch::new(3)));
    let mut search = QuerySearch::new(space, Box::new(Half(0)), random, budget).unwrap();
    journal(&mut search, QUERIES);
    let front = search.front();
    assert_eq!(front.len(), 2);
    assert!(front.iter().all(|candidate| candidate.objectives.contains_key("frechet")));
}

#[test]
fn settings_that_cannot_work_are_named_with_the_remedy() {
    for part in [GanPart::Discriminator, GanPart::Both] {
        let reason = refusal(&tiny(part, GanEvaluation::Shared));
        assert!(reason.contains("only shows in a training") && reason.contains("`brief`"), "{reason}");
    }
    let refused = |part, change: &dyn Fn(&mut GanConfig)| {
        let mut config = tiny(part, GanEvaluation::Brief);
        change(&mut config);
        refusal(&config)
    };
    assert!(refused(GanPart::Discriminator, &|c| c.settings.generator.clear()).contains("`eagan`"));
    assert!(
        refused(GanPart::Discriminator, &|c| c.settings.generator = "autogan".into()).contains("no genes")
    );
    assert!(refused(GanPart::Both, &|c| c.settings.generator = "eagan".into()).contains("leave it out"));
    assert!(
        refused(GanPart::Both, &|c| c.settings.max1 = [(Objective::Params, 1.0)].into()).contains("`most`")
    );
    assert!(refused(GanPart::Both, &|c| c.settings.min_score = 2.0).contains("min_score"));
    assert!(refused(GanPart::Both, &|c| c.steps = 1).contains("gan.steps"));
    assert!(refused(GanPart::Both, &|c| c.settings.channels = 0).contains("channels"));
    assert!(refused(GanPart::Both, &|c| c.settings.bottom_width = 4).contains("bottom_width"));
    let mut config = tiny(GanPart::Generator, GanEvaluation::Shared);
    config.warmup = 0;
    assert!(refusal(&config).contains("gan.warmup"));
}

#[test]
fn settings_are_stored_and_say_what_numbers_rest_on() {
    GanConfig::default().check().unwrap();
    for (part, kind) in KINDS {
        let config = tiny(part, kind);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<GanConfig>(&text).unwrap(), config);
    }
    assert_eq!(toml::from_str::<GanConfig>("").unwrap(), GanConfig::default());
    assert!(toml::from_str::<GanConfig>("half = \"both\"").is_err());
    let protocol = made(&tiny(GanPart::Both, GanEvaluation::Brief)).unwrap().0.protocol();
    assert_eq!((&protocol["part"], &protocol["evaluation"]), (&json!("both"), &json!("brief")));
    assert_eq!((&protocol["steps"], &protocol["warmup"]), (&json!(4), &Value::Null));
    assert_eq!(protocol["pictures"]["generated"], EVAL_IMAGES);
}
