//! A search by its journal: what happens when, what is never done twice, and what a bad candidate may not spoil.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::data::Shapes;
use crate::evaluation::means;
use crate::nn::Role;

const EVAL_IMAGES: usize = 12;
/// The discriminator that an earlier search may have found.
const EAGAN_D: &str = "eagan-d-cifar10";

fn tiny() -> EvolutionConfig {
    EvolutionConfig {
        data: "shapes".into(),
        features: "means".into(),
        bottom_width: 2,
        channels: 3,
        disc_channels: 4,
        latent: 6,
        population: 4,
        warmup: 1,
        rounds1: 2,
        rounds2: 2,
        epochs: 1,
        iterations: 3,
        batch: 3,
        gen_batch: 3,
        n_critic2: 2,
        eval_images: EVAL_IMAGES,
        recalibration_images: 5,
        metrics_every: 1,
        ..EvolutionConfig::default()
    }
}

fn with(change: impl Fn(&mut EvolutionConfig)) -> EvolutionConfig {
    let mut config = tiny();
    change(&mut config);
    config
}

fn begun(config: EvolutionConfig) -> (Evolution, Arc<AtomicUsize>) {
    created(config).unwrap()
}

fn created(config: EvolutionConfig) -> Result<(Evolution, Arc<AtomicUsize>), Error> {
    let (evaluator, seen) = means::evaluator(config.eval_images);
    let images = Box::new(Shapes::new(16, 20, 1));
    Ok((Evolution::new(&Device::cpu(), images, evaluator, config, 7, None)?, seen))
}

/// Steps to the end; gives the journal.
fn finish(search: &mut Evolution) -> Vec<Value> {
    let mut journal = Vec::new();
    while !search.done() {
        journal.extend(search.step().unwrap().journal);
    }
    journal
}

fn events<'a>(journal: &'a [Value], event: &str) -> Vec<&'a Value> {
    journal.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn both_stages_run_by_their_plan_and_end_with_a_pair() {
    let (mut search, seen) = begun(tiny());
    // Three mini-batches of warm-up, then twice three and four evaluations; two stages.
    assert_eq!(search.total_steps(), Some(2 * (3 + 2 * (3 + 4))));
    let journal = finish(&mut search);
    assert_eq!(events(&journal, "stage").len(), 2);
    assert_eq!(events(&journal, "evaluated").len(), 16);
    assert_eq!(events(&journal, "selected").len(), 4);
    assert_eq!(seen.load(Ordering::Relaxed), 16 * EVAL_IMAGES);
    for line in events(&journal, "selected") {
        let last = line["round"] == 2;
        assert_eq!(line["survivors"].as_array().unwrap().len(), 2);
        assert_eq!(line["children"].as_array().unwrap().len(), if last { 0 } else { 2 });
    }
    let best = GanGenotype::from_json(&search.front()[0].genotype).unwrap();
    let generator = events(&journal, "stage")[1]["fixed"].clone();
    assert_eq!(GanGenotype::from_json(&generator).unwrap().generator, best.generator);
    assert_eq!(best.discriminator.unwrap().family, crate::space::Family::Eagan);
    let objectives = &search.front()[0].objectives;
    assert!(objectives.contains_key("frechet") && objectives.contains_key("inverse_score"));
    assert_eq!(journal, finish(&mut begun(tiny()).0));
    let other = finish(&mut begun(with(|c| c.operators = Operators::Random)).0);
    assert_ne!(journal, other);
}

#[test]
fn every_variant_of_the_search_runs_to_its_end() {
    let variants: [&dyn Fn(&mut EvolutionConfig); 7] = [
        &|c| c.pool = Pool::WithChildren,
        &|c| (c.selection, c.operators) = (Selection::Cars, Operators::Code),
        &|c| c.reset_weights = false,
        &|c| c.discriminator = EAGAN_D.into(),
        &|c| c.objectives = vec![Objective::Latency, Objective::Memory, Objective::Distance],
        &|c| (c.warmup, c.n_critic1, c.population) = (0, 2, 3),
        &|c| (c.stage, c.generator) = (Stages::Second, "eagan".into()),
    ];
    for (i, change) in variants.into_iter().enumerate() {
        let config = with(change);
        let (mut search, _) = begun(config.clone());
        let journal = finish(&mut search);
        let stages = if config.stage == Stages::Both { 2 } else { 1 };
        assert_eq!(events(&journal, "selected").len(), 2 * stages, "variant {i}");
        assert!(!search.front().is_empty(), "variant {i}");
        let pool = events(&journal, "evaluated")
            .iter()
            .filter(|l| l["stage"] == 1 && l["round"] == 1)
            .count();
        match config.pool {
            Pool::WithChildren => assert_eq!(pool, 8),
            Pool::Population => assert!(pool == config.population || stages == 1),
        }
    }
}

#[test]
fn a_search_that_was_stored_at_any_step_goes_on_as_the_unbroken_one() {
    let journal = finish(&mut begun(tiny()).0);
    let total = begun(tiny()).0.total_steps().unwrap();
    for at in 0..total {
        let (mut first, _) = begun(tiny());
        let mut lines = Vec::new();
        for _ in 0..at {
            lines.extend(first.step().unwrap().journal);
        }
        let mut snapshot = Snapshot::new(at);
        first.save(&mut snapshot).unwrap();
        let (mut second, _) = begun(tiny());
        second.load(&snapshot).unwrap();
        lines.extend(finish(&mut second));
        assert_eq!(lines, journal, "stored after {at} steps");
    }
}

#[test]
fn evaluations_that_the_journal_held_are_taken_from_it() {
    let (mut first, _) = begun(tiny());
    let mut journal = Vec::new();
    for _ in 0..6 {
        journal.extend(first.step().unwrap().journal);
    }
    let mut snapshot = Snapshot::new(6);
    first.save(&mut snapshot).unwrap();
    // The process goes on for three evaluations and is killed.
    let mut beyond: Vec<Value> = (0..3).flat_map(|_| first.step().unwrap().journal).collect();
    assert_eq!(events(&beyond, "evaluated").len(), 3);
    // A value that no evaluation gives shows where it came from; another genotype is not believed.
    beyond[1]["objectives"]["frechet"] = json!(0.125);
    beyond[2]["genotype"] = beyond[0]["genotype"].clone();
    let (mut second, seen) = begun(tiny());
    second.load(&snapshot).unwrap();
    second.recall(&beyond);
    let again: Vec<Value> = (0..3).flat_map(|_| second.step().unwrap().journal).collect();
    assert_eq!(again[..2], beyond[..2]);
    assert_ne!(again[2], beyond[2]);
    assert_eq!(seen.load(Ordering::Relaxed), EVAL_IMAGES);
}

/// Makes weights of the first candidate's generator, which no other candidate reads, no numbers.
fn poison(search: &mut Evolution) {
    let members: Vec<GanGenotype> =
        search.population.iter().map(|m| search.whole(&m.genotype).unwrap()).collect();
    let names = |search: &mut Evolution, i: usize| -> Vec<String> {
        let net = search.nets.generator(i, &members[i]);
        nn::collect(net, Role::Weight).into_iter().map(|(name, _)| name).collect()
    };
    let others: HashSet<String> = (1..members.len()).flat_map(|i| names(search, i)).collect();
    let net = search.nets.generator(0, &members[0]);
    let mut poisoned = 0;
    nn::visit(net, |slot| {
        if slot.role == Role::Weight && !others.contains(slot.name) {
            *slot.tensor = crate::Tensor::full(&Device::cpu(), slot.tensor.shape(), f32::NAN);
            poisoned += 1;
        }
    });
    assert!(poisoned > 0, "the first candidate has no weights of its own; use another seed");
}

#[test]
fn a_candidate_without_numbers_gets_the_worst_rank_and_spoils_nothing() {
    // Trained, it is left out; never trained, its pictures tell.
    for iterations in [12, 1] {
        let (mut search, _) = begun(with(|c| {
            // One round: children would take over the broken weights.
            (c.stage, c.rounds1, c.warmup) = (Stages::First, 1, 0);
            (c.iterations, c.batch) = (iterations, 1);
        }));
        poison(&mut search);
        let bad = search.half(&search.population[0].genotype);
        let journal = finish(&mut search);
        let failed: Vec<&Value> = events(&journal, "evaluated")
            .into_iter()
            .filter(|l| l["failed"].is_string())
            .collect();
        assert!(!failed.is_empty() && failed.iter().all(|l| l["genotype"] == bad), "{failed:?}");
        assert!(failed[0]["failed"].as_str().unwrap().contains("not finite"), "{}", failed[0]);
        let left_out = events(&journal, "left out");
        assert_eq!(left_out.is_empty(), iterations == 1, "{left_out:?}");
        assert!(left_out.iter().all(|l| l["genotype"] == bad));
        let first = events(&journal, "selected")[0];
        assert!(!first["survivors"].as_array().unwrap().contains(&json!(0)));
        assert!(!search.front().is_empty());
    }
}

#[test]
fn a_search_whose_shared_weights_are_broken_ends_with_a_word() {
    let (mut search, _) = begun(with(|c| (c.stage, c.gen_lr, c.iterations) = (Stages::First, 1e30, 0)));
    let error = loop {
        match search.step() {
            Ok(_) => assert!(!search.done(), "a search that cannot work was finished"),
            Err(e) => break e.to_string(),
        }
    };
    assert!(error.contains("lower the learning rates"), "{error}");
}

#[test]
fn limits_keep_large_candidates_out() {
    let (free, _) = begun(tiny());
    let params = |search: &Evolution, g: &Genotype| search.statics(g).unwrap()[&Objective::Params];
    let mut sizes: Vec<f64> = free.population.iter().map(|m| params(&free, &m.genotype)).collect();
    sizes.sort_by(f64::total_cmp);
    let most = sizes[1];
    let limit = |c: &mut EvolutionConfig| c.max1 = [(Objective::Params, most)].into();
    let (mut search, seen) = begun(with(limit));
    assert!(search.population.iter().all(|m| params(&search, &m.genotype) <= most));
    while search.stage == Stage::Generators {
        search.step().unwrap();
        assert!(
            search
                .population
                .iter()
                .all(|m| { search.stage != Stage::Generators || params(&search, &m.genotype) <= most })
        );
    }
    assert!(seen.load(Ordering::Relaxed) > 0);
    // A given genotype that is too large for memory takes part without being trained or evaluated.
    let all = free
        .population
        .iter()
        .map(|m| free.statics(&m.genotype).unwrap()[&Objective::Memory]);
    let most = all.fold(0.0, f64::max);
    let large = [[0, 0, 4, 4, 4, 4, 4]; 3];
    let (mut search, seen) = begun(with(|c| {
        (c.max1, c.stage, c.rounds1) = ([(Objective::Memory, most)].into(), Stages::First, 1);
        c.seeds = vec![json!({"space": "gan-cells", "generator": large}).to_string()];
    }));
    let journal = finish(&mut search);
    let judged = events(&journal, "evaluated");
    assert!(judged[0]["beyond"].as_str().unwrap().contains("memory"), "{}", judged[0]);
    assert!(judged[0]["objectives"]["frechet"].is_null());
    assert!(judged[1..].iter().all(|line| line["beyond"].is_null()));
    assert_eq!(seen.load(Ordering::Relaxed), 3 * EVAL_IMAGES);
    // A limit that no candidate can keep is told before anything is computed.
    let tight: [&dyn Fn(&mut EvolutionConfig); 2] = [&|c| c.max1 = [(Objective::Params, 1.0)].into(), &|c| {
        c.max2 = [(Objective::Params, 1.0)].into()
    }];
    for (i, tight) in tight.into_iter().enumerate() {
        let error = created(with(tight)).err().unwrap().to_string();
        assert!(
            error.contains("above its limit 1") && error.contains(&format!("`max{}`", i + 1)),
            "{error}"
        );
    }
}

#[test]
fn candidates_that_only_miss_a_limit_rank_before_those_that_failed() {
    // A limit on what is measured, which nobody keeps: the best of the others is taken, and it is not the broken one.
    let (mut search, _) = begun(with(|c| {
        (c.stage, c.rounds1, c.warmup) = (Stages::First, 1, 0);
        c.max1 = [(Objective::Distance, 1e-3)].into();
    }));
    poison(&mut search);
    let mut notes = Vec::new();
    let mut journal = Vec::new();
    while !search.done() {
        let report = search.step().unwrap();
        notes.extend(report.notes);
        journal.extend(report.journal);
        assert!(report.artifacts.iter().all(|a| a.name != "best.safetensors"));
    }
    let judged = events(&journal, "evaluated");
    assert!(judged[0]["failed"].is_string() && judged[1]["beyond"].is_string(), "{judged:?}");
    let selected = events(&journal, "selected")[0];
    assert!(!selected["survivors"].as_array().unwrap().contains(&json!(0)), "{selected}");
    assert!(selected["best"].is_null() && search.front().is_empty());
    assert!(notes[0].contains("beyond a limit"), "{notes:?}");
    // With both stages there is nothing to begin the second one with.
    let (mut search, _) = begun(with(|c| {
        (c.rounds1, c.warmup) = (1, 0);
        c.max1 = [(Objective::Distance, 1e-3)].into();
    }));
    let error = loop {
        match search.step() {
            Ok(_) => assert!(search.stage == Stage::Generators),
            Err(e) => break e.to_string(),
        }
    };
    assert!(error.contains("stage 2 has none"), "{error}");
}

#[test]
fn memory_counts_what_a_candidate_computes() {
    let (search, _) = begun(tiny());
    let memory = |last: u8| {
        let mut genes = [[0, 0, 1, 0, 1, 0, 0]; 3];
        genes[2][5] = last;
        let space = GanCells::generators();
        let g = space
            .encode(&GanGenotype { generator: Some(genes.into()), discriminator: None })
            .unwrap();
        let values = search.statics(&g).unwrap();
        (values[&Objective::Params], values[&Objective::Memory])
    };
    // An edge that copies has no parameters, but an output of 16x16x3 for three pictures, twice, in four bytes.
    let (without, with) = (memory(0), memory(1));
    assert_eq!(with.0, without.0);
    assert_eq!(with.1 - without.1, (16 * 16 * 3 * 3 * 2 * 4) as f64);
}

#[test]
fn statistics_taken_anew_for_an_evaluation_are_put_back() {
    let state = |recalibrate| {
        let (mut search, _) = begun(with(|c| (c.stage, c.recalibrate) = (Stages::First, recalibrate)));
        let before_selection = 3 + 3 + 3;
        let mut journal = Vec::new();
        for _ in 0..before_selection {
            journal.extend(search.step().unwrap().journal);
        }
        let mut snapshot = Snapshot::new(0);
        search.nets.save(&mut snapshot).unwrap();
        (snapshot, journal)
    };
    let ((anew, a), (shared, b)) = (state(true), state(false));
    assert_eq!(anew, shared);
    assert_ne!(events(&a, "evaluated")[0]["objectives"], events(&b, "evaluated")[0]["objectives"]);
}

#[test]
fn the_first_population_begins_with_the_given_genotypes() {
    let (mut search, _) = begun(with(|c| {
        c.seeds = vec!["eagan+eagan-d-cifar10".into(), "adversarialnas+autogan-d".into(), "simple-d".into()];
    }));
    let journal = finish(&mut search);
    let stages = events(&journal, "stage");
    let first = |stage: usize, i: usize| GanGenotype::from_json(&stages[stage]["population"][i]).unwrap();
    let named = |name: &str| GanGenotype::load(name).unwrap();
    assert_eq!(first(0, 0).generator, named("eagan").generator);
    assert_eq!(first(0, 1).generator, named("adversarialnas").generator);
    assert_eq!(first(1, 0).discriminator, named("eagan-d-cifar10").discriminator);
    // AutoGAN's discriminator is a point of the space.
    assert_eq!(first(1, 1).discriminator.unwrap().genes, crate::space::names::AUTOGAN_AS_EAGAN);
    assert_eq!(stages[1]["population"].as_array().unwrap().len(), 4);
}

#[test]
fn the_best_candidate_can_be_had_from_a_snapshot() {
    for reset in [true, false] {
        best_of_a_snapshot(with(|c| c.reset_weights = reset));
    }
}

fn best_of_a_snapshot(config: EvolutionConfig) {
    let (mut search, _) = begun(config);
    let mut last = Vec::new();
    while !search.done() {
        let report = search.step().unwrap();
        if let Some(file) = report.artifacts.into_iter().find(|a| a.name == "best.safetensors") {
            last = file.bytes;
            let mut snapshot = Snapshot::new(search.step);
            search.save(&mut snapshot).unwrap();
            assert!(is_in(&snapshot));
            let (mut g, genotype) = generator_of(&snapshot, &Device::cpu()).unwrap();
            let best = GanGenotype::from_json(&search.front()[0].genotype).unwrap();
            assert_eq!(genotype.generator, best.generator);
            let path = std::path::Path::new("best.safetensors");
            let arrays = crate::formats::NamedArrays::parse(path, &last).unwrap();
            let arch = best.generator.as_ref();
            let mut stored = Generator::from_arrays(&arrays, arch, false, &Device::cpu()).unwrap();
            let z = crate::Tensor::normal(&Device::cpu(), [2, 6], &mut Rng::seed(1));
            let pictures = |g: &mut Generator| g.forward(&z, nn::Mode::Eval, None).to_vec().unwrap();
            assert_eq!(pictures(&mut g), pictures(&mut stored));
        }
    }
    assert!(!last.is_empty());
}
