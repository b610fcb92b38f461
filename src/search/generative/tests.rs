//! The two players against what they must become, gradients against finite differences, and the loop around them.

use super::episode::{follow, pick, rollout};
use super::*;
use crate::search::queries::tests::{count_table, trace};
use crate::search::queries::{Budget, Constraints, QuerySearch};
use crate::search::{Search, queries};
use crate::space::{NasBench101, NasBench201, NasBenchMacro, Nb201Dataset};
use std::sync::Arc;

/// The generator as it is.
const PLAIN: Manner = Manner { temperature: 1.0, smoothing: 0.0, masks: true };

fn nb201() -> NasBench201 {
    NasBench201::new(Nb201Dataset::Cifar10)
}

/// Networks that a test can afford.
fn small() -> GenerativeConfig {
    GenerativeConfig {
        initial: 12,
        batch: 4,
        truth: 6,
        rounds: 1,
        g_updates: 2,
        episodes: 16,
        d_epochs: 3,
        embed: 8,
        hidden: 16,
        layers: 2,
        ppo_batch: 48,
        ..GenerativeConfig::default()
    }
}

/// `n` different architectures.
fn some(space: &dyn Space, n: usize, rng: &mut Rng) -> Vec<Sketch> {
    let mut keys = HashSet::new();
    let mut all = Vec::new();
    while all.len() < n {
        let g = space.random(rng);
        if keys.insert(space.canonical(&g)) {
            all.push(space.sketch(&g.0));
        }
    }
    all
}

/// Loss of a discriminator that was trained for `steps` batches to tell `truth` from `fakes`.
fn loss_after(truth: &[Sketch], fakes: &[Sketch], steps: usize, batch: usize) -> f64 {
    let device = Device::cpu();
    let config = GenerativeConfig { d_label: 1.0, ..small() };
    let mut rng = Rng::seed(5);
    let (_, mut player) = players(&device, &nb201(), &config, &mut rng);
    let k = truth.len();
    let all: Vec<&Sketch> = truth.iter().chain(fakes).collect();
    let pairs = pairs(k, 2 * k);
    for _ in 0..steps {
        let part: Vec<(usize, usize)> = (0..batch).map(|_| pairs[rng.below(pairs.len())]).collect();
        discriminator_step(&mut player, &all, &part, k, &config, &device);
    }
    let logits = player.net.logits(&all, &pairs).to_vec().unwrap();
    let lost = pairs.iter().zip(&logits).map(|((_, x), logit)| {
        let x = if *x < k { f64::from(-logit) } else { f64::from(*logit) };
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    });
    lost.sum::<f64>() / pairs.len() as f64
}

#[test]
fn the_discriminator_cannot_tell_equal_sets_and_can_tell_disjoint_ones() {
    let mut rng = Rng::seed(1);
    let space = nb201();
    let truth = some(&space, 40, &mut rng);
    let equal = loss_after(&truth, &truth, 150, 256);
    assert!((equal - 2.0_f64.ln()).abs() < 0.02, "{equal}");
    let both = some(&space, 20, &mut rng);
    let disjoint = loss_after(&both[..10], &both[10..], 400, 190);
    assert!(disjoint < 0.02, "{disjoint}");
}

/// Share of 500 drawn architectures that `wanted` holds for, after the generator was rewarded for them.
fn mass_after_reward(space: &dyn Space, updates: usize, wanted: impl Fn(&Genotype) -> bool) -> [f64; 2] {
    let device = Device::cpu();
    let config = GenerativeConfig { g_lr: 3e-3, ..small() };
    let mut rng = Rng::seed(2);
    let (mut player, _) = players(&device, space, &config, &mut rng);
    let share = |player: &Player<Policy>, rng: &mut Rng| {
        let drawn = rollout(&player.net, space, 500, PLAIN, rng).unwrap();
        drawn.iter().filter(|episode| wanted(&episode.genotype)).count() as f64 / 500.0
    };
    let before = share(&player, &mut rng);
    for _ in 0..updates {
        let episodes = rollout(&player.net, space, 64, PLAIN, &mut rng).unwrap();
        let rewards: Vec<f64> = episodes
            .iter()
            .map(|episode| f64::from(u8::from(wanted(&episode.genotype))))
            .collect();
        ppo::update(&mut player, &episodes, &rewards, 0.005, &config, &device, &mut rng).unwrap();
    }
    [before, share(&player, &mut rng)]
}

#[test]
fn the_generator_moves_its_mass_to_what_is_rewarded() {
    let [before, after] = mass_after_reward(&nb201(), 60, |g| g.0[2] == 3 && g.0[5] == 2);
    assert!(before < 0.15 && after > 0.9, "graph: {before} -> {after}");
    let [before, after] = mass_after_reward(&NasBenchMacro::new(), 60, |g| g.0[1] == 2 && g.0[6] == 0);
    assert!(before < 0.3 && after > 0.9, "chain: {before} -> {after}");
    // Links: neither the first operation nor the input may feed the output directly.
    let [before, after] = mass_after_reward(&NasBench101::new(), 60, |g| g.0[20] == 0 && g.0[0] == 2);
    assert!(before < 0.5 && after > 0.9, "cells: {before} -> {after}");
}

#[test]
fn likelihood_alone_brings_given_architectures() {
    let (space, device) = (nb201(), Device::cpu());
    let config = GenerativeConfig { g_lr: 3e-3, ..small() };
    let mut rng = Rng::seed(3);
    let (mut player, _) = players(&device, &space, &config, &mut rng);
    let given = Genotype(vec![1, 2, 3, 4, 0, 3]);
    let mut lost = Vec::new();
    for _ in 0..150 {
        let episodes = follow(&player.net, &space, &[&given], &mut rng);
        lost.push(ppo::likelihood(&mut player, &episodes, 0.0, &config).unwrap());
    }
    // Six choices of five options each at first.
    assert!((lost[0] - 6.0 * 5.0_f64.ln()).abs() < 2.0, "{}", lost[0]);
    assert!(lost[149] < 0.2, "{}", lost[149]);
}

/// Gradients of log-probability, entropy and value of drawn decisions against central differences.
fn check_gradients(space: &dyn Space) {
    let device = Device::cpu();
    let config = GenerativeConfig { embed: 4, hidden: 6, layers: 2, ..small() };
    let mut rng = Rng::seed(4);
    let mut init = Init {
        device: &device,
        rng: &mut rng,
        spectral: SpectralInit::default(),
    };
    let mut policy = Policy::new(space, &config, &mut init);
    let episodes = rollout(&policy, space, 3, PLAIN, &mut rng).unwrap();
    let taken: Vec<&episode::Taken> = episodes.iter().flat_map(|episode| &episode.steps).collect();
    let loss = |policy: &Policy| {
        let judged = policy.judge(&taken);
        judged.log_probs.mean_all() + judged.entropies.mean_all() + judged.values.mean_all()
    };
    crate::nn::track(&mut policy, crate::nn::Role::Weight);
    let leaves = crate::nn::collect(&mut policy, crate::nn::Role::Weight);
    let grads = loss(&policy).backward(&leaves.iter().map(|(_, leaf)| leaf).collect::<Vec<_>>());
    let gradients: Vec<Vec<f32>> = leaves
        .iter()
        .map(|(_, leaf)| grads.get(leaf).map_or(vec![0.0; leaf.elements()], |g| g.to_vec().unwrap()))
        .collect();
    crate::nn::freeze(&mut policy);
    // Along one random direction per tensor, so that small numbers add up above the noise of single precision.
    for (i, (name, leaf)) in leaves.iter().enumerate() {
        let values = leaf.to_vec().unwrap();
        let step = 1e-3;
        // Where the slopes of both sides differ there is a kink of a ReLU between, and no derivative to compare with:
        // another direction is drawn.
        let (direction, numeric) = (0..10)
            .find_map(|_| {
                let direction: Vec<f32> = rng.normals(values.len());
                let mut at = |step: f32| {
                    let moved: Vec<f32> = values.iter().zip(&direction).map(|(v, d)| v + step * d).collect();
                    crate::nn::visit(&mut policy, |slot| {
                        if slot.name == name {
                            *slot.tensor = Tensor::from_slice(&device, leaf.shape(), &moved);
                        }
                    });
                    f64::from(loss(&policy).item().unwrap())
                };
                let [below, above, here] = [at(-step), at(step), at(0.0)];
                let slopes = [(above - here) / f64::from(step), (here - below) / f64::from(step)];
                let numeric = (slopes[0] + slopes[1]) / 2.0;
                ((slopes[0] - slopes[1]).abs() < 2e-3 + 0.02 * numeric.abs()).then_some((direction, numeric))
            })
            .unwrap_or_else(|| panic!("{name}: a kink in every direction"));
        let exact: f64 = gradients[i]
            .iter()
            .zip(&direction)
            .map(|(g, d)| f64::from(*g) * f64::from(*d))
            .sum();
        assert!(
            (numeric - exact).abs() < 2e-3 + 0.02 * exact.abs(),
            "{name}: {exact}, by differences {numeric}"
        );
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    check_gradients(&nb201());
    check_gradients(&NasBench101::new());
    check_gradients(&NasBenchMacro::new());
}

#[test]
fn probabilities_of_episodes_are_those_of_the_network() {
    let spaces: [Box<dyn Space>; 3] =
        [Box::new(nb201()), Box::new(NasBench101::new()), Box::new(NasBenchMacro::new())];
    for space in spaces {
        let mut rng = Rng::seed(6);
        let (player, _) = players(&Device::cpu(), space.as_ref(), &small(), &mut rng);
        let episodes = rollout(&player.net, space.as_ref(), 8, PLAIN, &mut rng).unwrap();
        let taken: Vec<&episode::Taken> = episodes.iter().flat_map(|episode| &episode.steps).collect();
        let judged = player.net.judge(&taken).log_probs.to_vec().unwrap();
        for (taken, again) in taken.iter().zip(judged) {
            assert!((taken.log_prob - f64::from(again)).abs() < 1e-4, "{}: {again}", taken.log_prob);
        }
    }
}

fn searcher(config: &GenerativeConfig, seed: u64) -> Box<GaNas> {
    Box::new(GaNas::new(&Device::cpu(), &nb201(), config.clone(), Vec::new(), seed).unwrap())
}

fn search(config: &GenerativeConfig, seed: u64, queries: usize, constraints: Constraints) -> QuerySearch {
    let budget = Budget { queries, constraints };
    QuerySearch::new(Arc::new(nb201()), Box::new(count_table()), searcher(config, seed), budget).unwrap()
}

#[test]
fn the_level_never_falls_and_every_query_is_new() {
    for fit in [Fit::Adversarial, Fit::Mle, Fit::Both] {
        for negatives in [Negatives::Generated, Negatives::Evaluated, Negatives::Both] {
            let config = GenerativeConfig {
                fit,
                negatives,
                oversample: 2,
                reset: true,
                ..small()
            };
            let mut search = search(&config, 1, 33, Constraints::default());
            let mut levels = Vec::new();
            let mut bests = Vec::new();
            while !search.done() {
                let report = search.step().unwrap();
                levels.extend(report.metrics.iter().filter_map(|line| line["level"].as_f64()));
                bests.push(report.journal.last().unwrap()["best"].as_f64().unwrap());
            }
            assert!(levels.len() == 6 && levels.is_sorted() && bests.is_sorted(), "{levels:?}");
            // The history refuses what it knows, so as many entries are as many architectures.
            assert_eq!(search.history().len(), 33);
        }
    }
}

#[test]
fn constraints_are_never_broken() {
    let constraints = Constraints {
        most: [("params".to_owned(), 600_000.0)].into(),
        without: vec!["avg_pool_3x3".to_owned()],
    };
    let mut search = search(&small(), 2, 30, constraints);
    while !search.done() {
        search.step().unwrap();
    }
    for query in search.history().queries() {
        assert!(nb201().complexity(&query.genotype).unwrap().params <= 600_000);
        assert!(!query.genotype.0.contains(&4));
    }
}

#[test]
fn a_search_without_masks_still_asks_for_valid_ones_only() {
    let config = GenerativeConfig { masks: false, ..small() };
    let space = NasBench101::new();
    let searcher = GaNas::new(&Device::cpu(), &space, config, Vec::new(), 3).unwrap();
    let evaluator = queries::tests::synthetic(Arc::new(space));
    let budget = Budget { queries: 20, constraints: Constraints::default() };
    let mut search =
        QuerySearch::new(Arc::new(NasBench101::new()), evaluator, Box::new(searcher), budget).unwrap();
    while !search.done() {
        search.step().unwrap();
    }
    assert!(
        search
            .history()
            .queries()
            .iter()
            .all(|query| space.check(&query.genotype).is_ok())
    );
}

#[test]
fn given_architectures_are_asked_for_first() {
    let given = vec![Genotype(vec![3, 3, 3, 1, 3, 2]), Genotype(vec![2, 2, 3, 1, 3, 3])];
    let searcher = GaNas::new(&Device::cpu(), &nb201(), small(), given.clone(), 4).unwrap();
    let budget = Budget { queries: 2, constraints: Constraints::default() };
    let mut search =
        QuerySearch::new(Arc::new(nb201()), Box::new(count_table()), Box::new(searcher), budget).unwrap();
    while !search.done() {
        search.step().unwrap();
    }
    let asked: Vec<Genotype> =
        search.history().queries().iter().map(|query| query.genotype.clone()).collect();
    assert_eq!(asked, given);
}

#[test]
fn one_seed_is_one_trace_unbroken_or_resumed() {
    let make = || search(&small(), 7, 30, Constraints::default());
    let whole = trace(make(), &[]);
    assert_eq!(whole.len(), 30);
    assert_eq!(trace(make(), &[]), whole);
    // In the random beginning, between batches, and inside one.
    assert_eq!(trace(make(), &[5, 16, 22]), whole);
    assert_ne!(trace(search(&small(), 8, 30, Constraints::default()), &[]), whole);
}

#[test]
fn settings_that_cannot_work_are_named() {
    let wrong = GenerativeConfig { truth: 1, ..GenerativeConfig::default() };
    assert!(wrong.check().unwrap_err().to_string().contains("truth"));
    let wrong = GenerativeConfig { mixing: 1.5, ..GenerativeConfig::default() };
    assert!(wrong.check().unwrap_err().to_string().contains("mixing"));
    let growing = GenerativeConfig { truth_share: 0.2, ..GenerativeConfig::default() };
    assert_eq!([growing.truth_size(5), growing.truth_size(50), growing.truth_size(101)], [5, 10, 21]);
}

/// A space of 64 architectures: the other three operations are forbidden. Hitting times against the bounds of
/// docs/convergence.md, and against uniform draws without repetition.
#[test]
fn hitting_times_on_a_small_space_lie_below_the_bounds() {
    let constraints = Constraints {
        without: ["none", "skip_connect", "nor_conv_1x1"].map(str::to_owned).to_vec(),
        ..Constraints::default()
    };
    let (architectures, values, mixing, batch) = (64.0, 7.0, 0.5, 4);
    let config = GenerativeConfig {
        initial: 4,
        batch,
        truth: 4,
        mixing,
        max_tries: 40,
        g_updates: 4,
        ..small()
    };
    let seeds = 12;
    let (mut queries, mut iterations) = (0.0, 0.0);
    for seed in 0..seeds {
        let mut search = search(&config, seed, 64, constraints.clone());
        let mut level = f64::NEG_INFINITY;
        while search.history().best().is_none_or(|(best, _)| best.measured.score < 6.0) {
            for line in search.step().unwrap().metrics {
                if let Some(next) = line["level"].as_f64() {
                    assert!(next >= level, "the level fell from {level} to {next}");
                    level = next;
                }
            }
        }
        let asked = search.history().len() as f64;
        queries += asked / seeds as f64;
        iterations += ((asked - 4.0).max(0.0) / batch as f64).ceil() / seeds as f64;
    }
    // The sampler is uniform on these 64.
    let delta = mixing / architectures;
    assert!(
        iterations <= values / (1.0 - (1.0_f64 - delta).powi(batch as i32)),
        "{iterations} iterations"
    );
    assert!(queries <= architectures / mixing, "{queries} queries");
    // Learning is worth something: uniform draws without repetition take half the space on average.
    assert!(queries < (architectures + 1.0) / 2.0, "{queries} queries");
}

#[test]
fn smoothing_leaves_every_open_option_a_share() {
    let mut rng = Rng::seed(8);
    let manner = Manner { smoothing: 0.3, ..PLAIN };
    let (n, mut counts) = (30_000, [0; 4]);
    for _ in 0..n {
        // The generator is all but sure of the first option; the third may not be taken, the last is the widest choice's.
        let picked = pick(&[20.0, 0.0, 30.0, 0.0, 40.0], &[true, true, false, true], manner, &mut rng);
        counts[picked.option] += 1;
        let sure = if picked.option == 0 { 0.0 } else { -20.0 };
        assert!(
            (picked.log_prob - sure).abs() < 1e-6,
            "the generator's own log-probability: {}",
            picked.log_prob
        );
    }
    let shares = counts.map(|count| f64::from(count) / f64::from(n));
    for (share, wanted) in shares.into_iter().zip([0.8, 0.1, 0.0, 0.1]) {
        // Four standard deviations.
        assert!((share - wanted).abs() < 4.0 * (0.25 / f64::from(n)).sqrt(), "{shares:?}");
    }
}
