//! The scores against the numbers of the reference programs.

use ganas::Rng;
use ganas::metrics::{
    FeatureSet, KidProtocol, Moments, Neighbours, Values, frechet_distance, inception_score, kid,
    kid_of_subsets, prdc, squared_mmd, trace_sqrt_by_cholesky, trace_sqrt_by_eigenvalues,
};
use serde_json::Value;

use crate::fixtures::{Arrays, Fixture, load, path};

/// The stored features and the expected numbers; `None`, with a printed line, where the folder is missing.
fn fixture() -> Option<(Arrays, Value)> {
    let arrays = load("frechet.safetensors")?;
    let text = std::fs::read_to_string(path("frechet_expected.json")?).expect("it lies beside the features");
    Some((arrays, serde_json::from_str(&text).expect("it is JSON")))
}

fn set(array: &Fixture) -> FeatureSet {
    FeatureSet::new(array.shape[1], Values::F32(array.f32())).unwrap()
}

fn rows(array: &Fixture) -> Vec<Vec<usize>> {
    array
        .data
        .chunks(array.shape[1])
        .map(|row| row.iter().map(|i| *i as usize).collect())
        .collect()
}

#[track_caller]
fn near(what: &str, got: f64, want: &Value, tolerance: f64) {
    let want = want.as_f64().unwrap_or_else(|| panic!("{what}: {want} is no number"));
    assert!(
        (got - want).abs() <= tolerance,
        "{what}: got {got:.17}, want {want:.17}, off by {:e}",
        (got - want).abs()
    );
}

#[test]
fn shared_fixtures_frechet_distances() {
    let Some((arrays, expected)) = fixture() else {
        return;
    };
    // Pairs b and d have singular covariances, where the reference programs themselves are off by this much.
    for (pair, tolerance) in [("a", 1e-9), ("b", 2e-6), ("c", 1e-9), ("d", 2e-6)] {
        let want = &expected[format!("pair_{pair}")];
        let x = Moments::of(&set(&arrays[&format!("in.{pair}.x")])).unwrap();
        let y = match arrays.get(&format!("in.{pair}.y")) {
            Some(y) => Moments::of(&set(y)).unwrap(),
            None => x.clone(),
        };
        let got = frechet_distance(&x, &y).unwrap();
        near(&format!("{pair} distance"), got.distance, &want["fid_exact_40_digits"], tolerance);
        near(&format!("{pair} mean term"), got.mean_term, &want["mean_term"], 1e-12);
        near(&format!("{pair} root"), got.trace_sqrt, &want["trace_sqrt_exact"], tolerance);
        let back = frechet_distance(&y, &x).unwrap();
        near(&format!("{pair} turned around"), back.distance, &want["fid_exact_40_digits"], tolerance);
        if tolerance == 1e-9 {
            let d = x.d();
            let by_cholesky = trace_sqrt_by_cholesky(&x.covariance, &y.covariance, d).unwrap();
            let by_eigenvalues = trace_sqrt_by_eigenvalues(&x.covariance, &y.covariance, d);
            let apart = (by_cholesky / by_eigenvalues - 1.0).abs();
            assert!(apart < 1e-12, "{pair}: the two routes differ by {apart:e}");
        }
    }
}

#[test]
fn shared_fixtures_kernel_distances() {
    let Some((arrays, expected)) = fixture() else {
        return;
    };
    for pair in ["a", "b", "c", "d"] {
        let want = &expected[format!("pair_{pair}")];
        let x = set(&arrays[&format!("in.{pair}.x")]);
        let y = arrays.get(&format!("in.{pair}.y")).map_or_else(|| x.clone(), set);
        let whole = squared_mmd(&x, &y).unwrap();
        // Relative to the largest of the three terms, which is the mean of a kernel of at least 1.
        let largest = [&x, &y].map(|s| {
            s.rows(0..s.n())
                .chunks(s.d())
                .map(|r| (r.iter().map(|v| v * v).sum::<f64>() / s.d() as f64 + 1.0).powi(3))
                .sum::<f64>()
                / s.n() as f64
        });
        let scale = largest[0].max(largest[1]).clamp(1.0, 10.0);
        near(&format!("{pair} whole"), whole, &want["kid_unbiased_full_sets"], 1e-10 * scale);
        let Some(index) = arrays.get(&format!("in.{pair}.kid_index_x")) else {
            continue;
        };
        let (in_x, in_y) = (rows(index), rows(&arrays[&format!("in.{pair}.kid_index_y")]));
        let subsets: Vec<_> = in_x.into_iter().zip(in_y).collect();
        let got = kid_of_subsets(&x, &y, &subsets).unwrap();
        near(&format!("{pair} mean"), got.mean, &want["kid_subsets"]["mean"], 1e-9);
        near(&format!("{pair} std"), got.std, &want["kid_subsets"]["std_population"], 1e-9);
        for (i, each) in got.each.iter().enumerate() {
            near(&format!("{pair} subset {i}"), *each, &want["kid_subsets"]["each"][i], 1e-9);
        }
    }
    // The reference program's own draws are not stored: compared within their spread.
    let want = &expected["pair_a"]["kid_torch_fidelity_defaults"];
    let (x, y) = (set(&arrays["in.a.x"]), set(&arrays["in.a.y"]));
    let got = kid(&x, &y, KidProtocol::default(), &mut Rng::seed(4)).unwrap();
    let error = want["std_population"].as_f64().unwrap() / 10.0;
    near("defaults mean", got.mean, &want["mean"], 4.0 * error);
    near("defaults std", got.std, &want["std_population"], 4.0 * error);
}

#[test]
fn shared_fixtures_inception_scores() {
    let Some((arrays, expected)) = fixture() else {
        return;
    };
    let want = &expected["inception_score"];
    let logits = set(&arrays["in.is.logits"]);
    let order: Vec<usize> = arrays["in.is.permutation"].data.iter().map(|i| *i as usize).collect();
    let extreme = set(&arrays["in.is.logits_extreme"]);
    let cases = [
        ("splits10", inception_score(&logits, 10, None).unwrap()),
        ("splits10_after_permutation", inception_score(&logits, 10, Some(&order)).unwrap()),
        ("splits1", inception_score(&logits, 1, None).unwrap()),
        ("extreme_splits4", inception_score(&extreme, 4, None).unwrap()),
    ];
    for (name, got) in cases {
        near(name, got.mean, &want[name]["mean"], 1e-10);
        if name != "splits1" {
            near(name, got.std, &want[name]["std_population"], 1e-10);
            for (i, each) in got.each.iter().enumerate() {
                near(name, *each, &want[name]["each"][i], 1e-10);
            }
        }
    }
    let recipe = &want["float32_recipe_of_the_official_program"];
    near("float32 recipe", inception_score(&logits, 10, None).unwrap().mean, &recipe["mean"], 1e-5);
}

#[test]
fn shared_fixtures_precision_recall_density_coverage() {
    let Some((arrays, expected)) = fixture() else {
        return;
    };
    let want = &expected["precision_recall_density_coverage"];
    let (generated, real) = (set(&arrays["in.pr.fake"]), set(&arrays["in.pr.real"]));
    let got = prdc(&generated, &real, Neighbours::default()).unwrap();
    near("precision", got.precision, &want["precision_k3"], 1e-12);
    near("recall", got.recall, &want["recall_k3"], 1e-12);
    near("density", got.density, &want["density_k5"], 1e-12);
    near("coverage", got.coverage, &want["coverage_k5"], 1e-12);
    let fifth = prdc(&generated, &real, Neighbours { precision: 5, density: 5 }).unwrap();
    near("precision of the fifth", fifth.precision, &want["precision_k5"], 1e-12);
    near("recall of the fifth", fifth.recall, &want["recall_k5"], 1e-12);
}
