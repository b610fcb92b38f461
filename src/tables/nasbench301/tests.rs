//! Predictions against those of XGBoost itself, and files that are no models.
//!
//! `fixture.json` holds boosters and what xgboost 3.2.0 (numpy 2.4.6) predicts with them: three members of 6
//! trees of depth 3 for the 34 parameters and one of 4 trees for the official 56, trained with
//! `xgboost.train` (squared error, seeds 1 to 4, subsample 0.7) on 300 random architectures with a made-up
//! target; the members saw 15 % missing values. The configuration vectors were made in Python by the official
//! conversion from genotypes. Of the saved files, `loss_changes`, `sum_hessian` and `parents`, which nothing
//! here reads, are left out.

use super::*;
use crate::space::Space;
use serde_json::{Value, json};

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixture.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// A member that is stored as `file`.
fn booster(file: &Value) -> Result<Booster, String> {
    Booster::parse(file.to_string().as_bytes())
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() <= 1e-6 * wanted.abs(), "{found}, wanted {wanted}");
}

fn genotypes(fixture: &Value) -> Vec<Genotype> {
    let texts = fixture["genotypes"].as_array().unwrap().iter();
    texts
        .map(|text| Darts::default().parse(text.as_str().unwrap()).unwrap())
        .collect()
}

#[test]
fn an_ensemble_predicts_what_xgboost_does() {
    let fixture = fixture();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, file: &Value| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.to_string()).unwrap();
    };
    write("ensemble_member_0/surrogate_model.json", &fixture["members"][0]);
    write("ensemble_member_1/surrogate_model.json", &fixture["members"][1]);
    write("third.json", &fixture["members"][2]);
    write("data_config.json", &json!({}));
    write("notes.txt", &json!("no model"));
    let ensemble = Ensemble::open(folder.path()).unwrap();
    assert_eq!(ensemble.members(), 3);
    let (space, genotypes) = (Darts::default(), genotypes(&fixture));
    for (i, vector) in fixture["vectors"].as_array().unwrap().iter().enumerate() {
        let found = space.to_vector(&genotypes[i]).unwrap();
        let found: Vec<f64> = found.into_iter().map(|v| v.map_or(-1.0, f64::from)).collect();
        assert_eq!(found, numbers(vector));
    }
    let (means, stds) = (numbers(&fixture["mean"]), numbers(&fixture["std"]));
    assert!(genotypes.len() == 40 && means.len() == 40 && stds.len() == 40);
    for (g, (mean, std)) in genotypes.iter().zip(means.iter().zip(&stds)) {
        let found = ensemble.predict(&space, g).unwrap();
        close(found.mean, *mean);
        close(found.std, *std);
    }
    let single = Ensemble::open(folder.path().join("third.json")).unwrap();
    let wanted = numbers(&fixture["member_predictions"][2]);
    for (g, wanted) in genotypes.iter().zip(wanted) {
        let found = single.predict(&space, g).unwrap();
        close(found.mean, wanted);
        assert_eq!(found.std, 0.0);
    }
    assert!(single.predict(&space, &Genotype(vec![0; 23])).is_err());
}

#[test]
fn missing_values_go_the_way_that_was_learnt() {
    let fixture = fixture();
    for (m, file) in fixture["members"].as_array().unwrap().iter().enumerate() {
        let booster = booster(file).unwrap();
        let rows = fixture["missing_rows"].as_array().unwrap();
        let wanted = numbers(&fixture["missing_predictions"][m]);
        assert!(rows.len() == 20 && wanted.len() == 20);
        for (row, wanted) in rows.iter().zip(wanted) {
            let row = row.as_array().unwrap().iter();
            let row: Vec<f32> = row.map(|v| v.as_f64().map_or(f32::NAN, |v| v as f32)).collect();
            close(f64::from(booster.predict(&row)), wanted);
        }
    }
}

#[test]
fn the_official_56_features_are_understood() {
    let fixture = fixture();
    let ensemble = Ensemble {
        members: vec![booster(&fixture["official"]).unwrap()],
    };
    let wanted = numbers(&fixture["official_predictions"]);
    for (g, wanted) in genotypes(&fixture).iter().zip(wanted) {
        close(ensemble.predict(&Darts::default(), g).unwrap().mean, wanted);
    }
}

#[test]
fn names_of_features_override_their_order() {
    let fixture = fixture();
    let (plain, mut named) = (&fixture["members"][0], fixture["members"][0].clone());
    // The features in backward order, with their names.
    let names: Vec<&Value> = fixture["names"].as_array().unwrap().iter().rev().collect();
    named["learner"]["feature_names"] = json!(names);
    for tree in named["learner"]["gradient_booster"]["model"]["trees"].as_array_mut().unwrap() {
        for index in tree["split_indices"].as_array_mut().unwrap() {
            *index = json!(33 - index.as_u64().unwrap());
        }
    }
    let [plain, named] = [plain, &named].map(|file| Ensemble { members: vec![booster(file).unwrap()] });
    for g in genotypes(&fixture) {
        let predict = |e: &Ensemble| e.predict(&Darts::default(), &g).unwrap();
        assert_eq!(predict(&plain), predict(&named));
    }
}

#[test]
fn older_files_are_read_alike() {
    let new = &fixture()["members"][0];
    let mut old = new.clone();
    let base = old["learner"]["learner_model_param"]["base_score"].as_str().unwrap();
    let base = base.trim_matches(['[', ']']).to_owned();
    old["learner"]["learner_model_param"] =
        json!({"base_score": base, "num_class": "0", "num_feature": "34"});
    for tree in old["learner"]["gradient_booster"]["model"]["trees"].as_array_mut().unwrap() {
        for flag in tree["default_left"].as_array_mut().unwrap() {
            *flag = json!(flag.as_u64() == Some(1));
        }
        tree.as_object_mut().unwrap().remove("split_type");
    }
    let missing = [f32::NAN; 34];
    assert_eq!(booster(new).unwrap().predict(&missing), booster(&old).unwrap().predict(&missing));
}

#[test]
fn noise_has_the_deviation_of_the_members() {
    let prediction = Prediction { mean: 94.0, std: 0.2 };
    let mut rng = Rng::seed(1);
    let draws: Vec<f64> = (0..20_000).map(|_| prediction.noisy(&mut rng)).collect();
    let mean = draws.iter().sum::<f64>() / 2e4;
    let std = (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 2e4).sqrt();
    assert!((mean - 94.0).abs() < 0.006 && (std - 0.2).abs() < 0.004, "{mean} {std}");
}

#[test]
fn hostile_files_give_reasons() {
    let good = fixture()["members"][0].clone();
    let refused = |at: &str, to: Value, reason: &str| {
        let mut file = good.clone();
        *file.pointer_mut(at).unwrap_or_else(|| panic!("no {at}")) = to;
        let error = booster(&file).unwrap_err();
        assert!(error.contains(reason), "{at}: {error}");
    };
    let tree = "/learner/gradient_booster/model/trees/0";
    let of_tree = |array: &str, to: Value, reason: &str| refused(&format!("{tree}/{array}"), to, reason);
    of_tree("left_children/1", json!(0), "node 0 of a tree is reached twice");
    of_tree("left_children/1", json!(1), "node 1 of a tree is reached twice");
    of_tree("left_children/1", json!(2), "node 2 of a tree is reached twice");
    of_tree("left_children/1", json!(15), "node 1 of a tree has the child 15; there are nodes 0 to 14");
    of_tree("left_children/1", json!(-1), "has the child -1");
    of_tree("right_children/0", json!(-2_147_483_648_i64), "has the child -2147483648");
    of_tree("right_children/0", json!(1e30), "invalid type");
    of_tree("split_indices/0", json!(34), "splits on feature 34 of 34");
    of_tree("split_indices/0", json!(-1), "splits on feature -1");
    of_tree("split_conditions/0", json!(1e300), "number out of range");
    of_tree("split_conditions/0", Value::Null, "invalid type: null");
    of_tree("split_conditions", json!([1.0]), "has 1 `split_conditions`, but 15 `left_children`");
    of_tree("left_children", json!([]), "a tree has no nodes");
    of_tree("split_type/0", json!(1), "categorical");
    of_tree("tree_param/size_leaf_vector", json!("3"), "vectors in its leaves");
    refused(tree, json!({"left_children": [-1]}), "missing field `right_children`");
    let learner = |key: &str, to: Value, reason: &str| refused(&format!("/learner/{key}"), to, reason);
    learner("objective/name", json!("binary:logistic"), "its `objective` is `binary:logistic`");
    learner("gradient_booster/name", json!("dart"), "its `gradient_booster` is `dart`");
    learner("gradient_booster", json!({"name": "gblinear"}), "missing field `model`");
    learner("learner_model_param/base_score", json!("[1E0,2E0]"), "wanted is one number");
    learner("learner_model_param/base_score", json!("inf"), "wanted is one number");
    learner("learner_model_param/num_class", json!("3"), "its `num_class` is `3`");
    learner("learner_model_param/num_feature", json!("35"), "it has 35 features without names");
    learner("learner_model_param/num_feature", json!("-1"), "wanted is a count");
    learner("feature_names", json!(["a"]), "it has 1 `feature_names`, but `num_feature` is 34");
    learner("feature_names", json!(vec!["a"; 34]), "feature `a` is no parameter");
    let mut official = fixture()["official"].clone();
    official["learner"]["gradient_booster"]["model"]["trees"][0]["split_indices"][0] = json!(0);
    assert!(
        booster(&official)
            .unwrap_err()
            .contains("splits on feature 0, a setting of the training")
    );
    for text in ["", "{", "[]", "{\"learner\": 3}", "NaN", &"[".repeat(100_000)] {
        let error = Booster::parse(text.as_bytes()).unwrap_err();
        assert!(error.contains("is no tree model"), "{error}");
    }
    assert!(Booster::parse(b"{L\x00\x00\x00\xff").is_err());
}

#[test]
fn no_cut_or_changed_byte_makes_a_panic() {
    let bytes = fixture()["official"].to_string().into_bytes();
    let missing = [f32::NAN; 34];
    for end in (0..bytes.len() - 1).step_by(7) {
        assert!(Booster::parse(&bytes[..end]).is_err());
    }
    for at in (0..bytes.len()).step_by(3) {
        let mut bytes = bytes.clone();
        bytes[at] = if bytes[at] == b'7' { b'1' } else { b'7' };
        if let Ok(booster) = Booster::parse(&bytes) {
            booster.predict(&missing);
        }
    }
}

#[test]
fn folders_without_models_say_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| Ensemble::open(path).unwrap_err().to_string();
    assert!(error(folder.path()).contains("holds no model"));
    assert!(error(&folder.path().join("absent")).contains("absent: cannot open"));
    let member = folder.path().join("ensemble_member_0");
    fs::create_dir(&member).unwrap();
    fs::write(member.join("surrogate_model.model"), "pickle").unwrap();
    fs::write(folder.path().join("model_config.json"), "{}").unwrap();
    assert!(error(folder.path()).contains("only the Python pickles `surrogate_model.model`"));
    assert!(Ensemble::of_files(&[""; 0]).is_err());
}
