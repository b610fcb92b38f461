//! The hypervolume that NSGA-II of pymoo reaches, and the rules of asking and telling.

use super::*;
use crate::search::real::RealVariation;
use serde_json::Value;
use std::f64::consts::PI;
use std::io::Write;

/// A problem of the ZDT family, `f2 = g h(f1, g)` with `f1 = x_0`.
fn zdt(x: &[f64], h: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / (x.len() - 1) as f64;
    vec![x[0], g * h(x[0], g)]
}

fn evaluate(problem: &str, x: &[f64]) -> Vec<f64> {
    match problem {
        "zdt1" => zdt(x, |f, g| 1.0 - (f / g).sqrt()),
        "zdt2" => zdt(x, |f, g| 1.0 - (f / g).powi(2)),
        "zdt3" => zdt(x, |f, g| 1.0 - (f / g).sqrt() - f / g * (10.0 * PI * f).sin()),
        "dtlz2" => {
            let g: f64 = x[1..].iter().map(|v| (v - 0.5).powi(2)).sum();
            let angle = x[0] * PI / 2.0;
            vec![(1.0 + g) * angle.cos(), (1.0 + g) * angle.sin()]
        }
        other => panic!("no problem {other}"),
    }
}

/// The hypervolume of `problem` after 20,000 evaluations.
fn volume(problem: &str, variables: usize, reference: &[f64], seed: u64) -> f64 {
    let variation = RealVariation::new(vec![(0.0, 1.0); variables]);
    let initial = variation.sample(100, &mut Rng::stream(seed, "initial"));
    let mut search = Nsga2::new(initial, variation, seed);
    for _ in 0..200 {
        let objectives = search.ask().iter().map(|x| evaluate(problem, x)).collect();
        search.tell(objectives);
    }
    let points: Vec<Vec<f64>> = search.front().iter().map(|(_, o)| o.clone()).collect();
    pareto::hypervolume(&points, reference)
}

#[test]
fn the_hypervolume_of_pymoo_is_reached() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures/nsga2_pymoo.json");
    // Not println, which the test harness would capture.
    let say = |line: String| std::io::stderr().write_all(line.as_bytes()).unwrap();
    let Ok(text) = std::fs::read_to_string(path) else {
        say(format!("skipped: {path} is missing\n"));
        return;
    };
    let fixture: Value = serde_json::from_str(&text).unwrap();
    for (problem, about) in fixture["problems"].as_object().unwrap() {
        let variables = about["n_var"].as_u64().unwrap() as usize;
        let reference: Vec<f64> = serde_json::from_value(about["reference_point"].clone()).unwrap();
        let theirs = about["mean"].as_f64().unwrap();
        let seeds = [1, 2, 3];
        let ours = seeds.map(|seed| volume(problem, variables, &reference, seed));
        let mean = ours.iter().sum::<f64>() / seeds.len() as f64;
        let percent = 100.0 * (mean / theirs - 1.0);
        say(format!(
            "{problem}: hypervolume {ours:?}, mean {mean:.6}, pymoo {theirs:.6}, {percent:+.3} %\n"
        ));
        assert!(mean >= 0.99 * theirs, "{problem}: {ours:?}, pymoo {theirs}");
    }
}

/// Steps up and down from whole numbers in a ring of `n`.
struct Steps(u8);

impl Variation<u8> for Steps {
    fn vary(&mut self, a: &u8, b: &u8, rng: &mut Rng) -> [u8; 2] {
        let step = |x: u8, rng: &mut Rng| (x + [1, self.0 - 1][rng.below(2)]) % self.0;
        [step(*a, rng), step(*b, rng)]
    }
}

fn told(search: &mut Nsga2<u8, Steps>) -> Vec<u8> {
    let asked = search.ask();
    search.tell(asked.iter().map(|&x| vec![f64::from(x), f64::from(x.abs_diff(40))]).collect());
    asked
}

#[test]
fn children_are_new_while_the_space_has_new_ones() {
    let mut search = Nsga2::new(vec![90, 91, 92, 93, 94], Steps(100), 1);
    assert!(search.population().is_empty() && search.front().is_empty());
    assert_eq!(told(&mut search), [90, 91, 92, 93, 94]);
    // Steps from these lead to two new ones; the last three places take what comes.
    assert_eq!(told(&mut search)[..2].iter().filter(|x| [89, 95].contains(x)).count(), 2);
    for _ in 0..200 {
        assert_eq!(told(&mut search).len(), 5);
        assert_eq!(search.population().len(), 5);
    }
    assert!(
        search.front().iter().all(|(x, o)| *x <= 40 && o[0] == f64::from(*x)),
        "{:?}",
        search.front()
    );
    let points: Vec<Vec<f64>> = search.population().iter().map(|(_, o)| o.clone()).collect();
    assert_eq!(pareto::fronts(&points)[0].len(), search.front().len());
}

#[test]
fn a_seed_repeats_and_failed_evaluations_are_survived() {
    let run = |seed: u64| {
        let variation = RealVariation::new(vec![(0.0, 1.0); 3]);
        let mut search = Nsga2::new(variation.sample(7, &mut Rng::seed(seed)), variation, seed);
        for _ in 0..20 {
            let fails = |x: &Vec<f64>| {
                if x[2] > 0.5 {
                    vec![f64::NAN; 2]
                } else {
                    evaluate("zdt1", x)
                }
            };
            let objectives = search.ask().iter().map(fails).collect();
            search.tell(objectives);
        }
        search.population().to_vec()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
    assert!(run(3).iter().all(|(_, o)| o.iter().all(|v| v.is_finite())));
}

#[test]
#[should_panic(expected = "Nsga2::ask: tell the objectives")]
fn asking_twice_is_refused() {
    let mut search = Nsga2::new(vec![1, 2], Steps(9), 1);
    search.ask();
    search.ask();
}

#[test]
#[should_panic(expected = "Nsga2::tell: ask for candidates first")]
fn telling_before_asking_is_refused() {
    Nsga2::new(vec![1, 2], Steps(9), 1).tell(vec![vec![0.0]; 2]);
}

#[test]
#[should_panic(expected = "different numbers of objectives")]
fn objectives_that_vary_in_number_are_refused() {
    let mut search = Nsga2::new(vec![1, 2], Steps(9), 1);
    search.ask();
    search.tell(vec![vec![0.0], vec![0.0, 1.0]]);
}
