//! `ganas evaluate`, `stats` and `train-classifier` as a user meets them.

use std::path::{Path, PathBuf};
use std::process::Command;

use ganas::Rng;
use ganas::formats::npz::{self, Npz};
use ganas::formats::{NamedArrays, NumberArray, Values, npy};
use serde_json::Value;

use crate::cli::{code, failure, ganas, json, keys, text};

/// Files of random features in every form, 40 and 50 rows of 6.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        let folder = tempfile::tempdir().unwrap();
        let array =
            |n: usize, seed: u64| NumberArray::new(&[n, 6], Values::F32(Rng::seed(seed).normals(n * 6)));
        let (a, b) = (array(40, 1), array(50, 2));
        let files = Files { folder };
        npz::write(&files.path("a.npz"), &[("features", &a), ("logits", &a)], false).unwrap();
        npz::write(&files.path("b.npz"), &[("features", &b)], true).unwrap();
        std::fs::write(files.path("a.npy"), npy::to_bytes(&a)).unwrap();
        let mut arrays = NamedArrays::new();
        arrays.insert("features", &a.shape, a.values.into_f32());
        arrays.write(&files.path("a.safetensors")).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

#[test]
fn feature_files_of_every_form_give_the_promised_keys_and_one_answer() {
    let files = Files::new();
    let b = files.text("b.npz");
    let mut answers = Vec::new();
    for name in ["a.npz", "a.npy", "a.safetensors"] {
        let found = json(&["evaluate", &files.text(name), &b, "--metrics", "fid,kid,prdc"]);
        let want = ["fid", "kid_mean", "kid_std", "precision", "recall", "density", "coverage", "protocol"];
        assert_eq!(keys(&found), want);
        let numbers: Vec<f64> = want[..7].iter().map(|key| found[key].as_f64().unwrap()).collect();
        assert!(numbers.iter().all(|v| v.is_finite()), "{found}");
        answers.push(numbers);
        let warnings = found["protocol"]["warnings"].to_string();
        assert!(warnings.contains("subsets of 40 images instead of 1000"), "{warnings}");
    }
    assert!(answers[0] == answers[1] && answers[0] == answers[2]);
    let found = json(&["evaluate", "--logits", &files.text("a.npz"), "--metrics", "is", "--splits", "4"]);
    assert_eq!(keys(&found), ["is_mean", "is_std", "protocol"]);
    assert!(found["is_mean"].as_f64().unwrap() >= 1.0);
    let shuffled = json(&["evaluate", "--logits", &files.text("a.npz"), "--splits", "4", "--shuffle"]);
    assert_ne!(found["is_mean"], shuffled["is_mean"]);
}

#[test]
fn what_is_not_inception_with_fifty_thousand_images_is_never_called_fid() {
    let files = Files::new();
    let told = text(&["evaluate", &files.text("a.npz"), &files.text("b.npz")]);
    assert!(told.starts_with("Fréchet distance (features of the files)"), "{told}");
    assert!(
        !told.contains("FID") && told.contains("40 images") && told.contains("50 images"),
        "{told}"
    );
}

#[test]
fn statistics_go_both_ways() {
    let files = Files::new();
    let out = files.text("s.npz");
    let report = json(&["stats", &files.text("b.npz"), "--out", &out]);
    assert_eq!((&report["images"], &report["dims"]), (&Value::from(50), &Value::from(6)));
    let bytes = std::fs::read(files.path("s.npz")).unwrap();
    let npz = Npz::parse(Path::new("s.npz"), &bytes).unwrap();
    assert_eq!(npz.get("mu").unwrap().unwrap().shape, [6]);
    assert_eq!(npz.get("sigma").unwrap().unwrap().shape, [6, 6]);
    let distance = |b: &str| json(&["evaluate", &files.text("a.npz"), b])["fid"].as_f64().unwrap();
    assert_eq!(distance(&out), distance(&files.text("b.npz")));
    // A file as the Python tools write it: two dimensions, nothing else.
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/formats-tests/seeds/deflated.npz");
    assert!(json(&["evaluate", python, python])["fid"].as_f64().unwrap() < 1e-12);
    let line = failure(&["evaluate", &files.text("a.npz"), &out, "--metrics", "kid"]);
    assert!(line.contains("statistics alone"), "{line}");
    let line = failure(&["evaluate", python, &out]);
    assert!(line.contains("2 features") && line.contains('6'), "{line}");
}

#[test]
fn mistakes_are_told_in_one_sentence() {
    let files = Files::new();
    let (a, b) = (files.text("a.npz"), files.text("b.npz"));
    std::fs::write(files.path("x.txt"), "x").unwrap();
    std::fs::write(files.path("w.pth"), "x").unwrap();
    let (text_file, weights) = (files.text("x.txt"), format!("inception:{}", files.text("w.pth")));
    let missing = files.text("none.npz");
    let cases: [(&[&str], &str); 12] = [
        (&["evaluate"], "GENERATED and REFERENCE"),
        (&["evaluate", &a], "two sides"),
        (&["evaluate", &a, &missing], "no such file"),
        (&["evaluate", &a, &text_file], "no image source, model, feature or statistics file"),
        (&["evaluate", &a, "shapes?limit=9"], "--features inception:FILE"),
        (&["evaluate", "shapes?limit=9", &b, "--features", "vgg:x"], "valid are inception:FILE"),
        (&["evaluate", "shapes?limit=9", &b, "--features", &weights], "classify_image_graph_def.pb"),
        (
            &["evaluate", "shapes?limit=9", &b, "--features", &weights, "--dims", "100"],
            "64, 192, 768 and 2048",
        ),
        (&["evaluate", "--logits", &b], "`logits`"),
        (&["evaluate", "--logits", &a, "--splits", "41"], "41 splits"),
        (&["evaluate", &a, &b, "--metrics", "prdc", "--density-k", "40"], "40th nearest of 40"),
        (&["stats", &a, "--out", "s.json"], ".npz"),
    ];
    for (args, words) in cases {
        let line = failure(args);
        assert!(line.contains(words), "{args:?}: {line}");
    }
    for args in [&["evaluate", &a, &b, "--metrics", "fod"][..], &["train-classifier", "--data", "shapes"]] {
        assert_eq!(code(&ganas(args)), 2, "{args:?}");
    }
}

#[test]
fn a_classifier_serves_images_under_its_own_names_whatever_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (model, cache) = (path("c.safetensors"), path("cache"));
    let training = ["train-classifier", "--data", "shapes?size=12&limit=200", "--out", &model];
    let report = json(
        &[&training[..], &["--epochs", "3", "--width", "8", "--batch", "32", "--device", "cpu"]].concat(),
    );
    let want = ["model", "accuracy", "tested", "test", "classes", "parameters", "epochs", "seconds"];
    assert_eq!(keys(&report), want);
    assert_eq!((&report["tested"], &report["classes"]), (&Value::from(20), &Value::from(5)));

    let features = format!("classifier:{model}");
    let (a, b) = ("shapes?size=12&limit=90", "shapes?size=12&limit=70&split=test");
    let evaluate = |more: &[&str]| {
        let base = ["evaluate", a, b, "--features", &features, "--device", "cpu"];
        json(&[&base[..], &["--metrics", "fid,is,kid,prdc", "--splits", "3"], more].concat())
    };
    let one = evaluate(&["--no-cache", "--batch", "1"]);
    assert_eq!(keys(&one)[..3], ["frechet_distance", "kid_mean", "kid_std"]);
    assert!(one["classifier_score_mean"].as_f64().unwrap() >= 1.0);
    assert!(one.get("fid").is_none() && one.get("is_mean").is_none());
    // 32 features and 70 images: enough on either side.
    assert_eq!(one["protocol"]["warnings"].to_string().matches("singular").count(), 0);
    assert_eq!(evaluate(&["--no-cache", "--batch", "64"]), one);
    // What the cache gives is what was computed, also for the metrics that need less of it.
    assert_eq!(evaluate(&["--cache", &cache]), one);
    assert_eq!(evaluate(&["--cache", &cache]), one);
    let again = json(&["evaluate", a, b, "--features", &features, "--cache", &cache]);
    assert_eq!(again["frechet_distance"], one["frechet_distance"]);
    let told =
        text(&["evaluate", a, b, "--features", &features, "--cache", &cache, "--metrics", "frechet,score"]);
    assert!(
        told.contains("classifier score") && !told.contains("FID") && !told.contains("Inception"),
        "{told}"
    );
    // Logits of a file are no classifier's.
    let logits = path("logits.npz");
    let array = NumberArray::new(&[20, 4], Values::F32(Rng::seed(1).normals(80)));
    npz::write(Path::new(&logits), &[("logits", &array)], false).unwrap();
    let foreign = evaluate(&["--no-cache", "--logits", &logits]);
    assert!(foreign.get("is_mean").is_some() && foreign.get("classifier_score_mean").is_none());
    // A score alone is kept too.
    let score = || {
        let alone = [
            "evaluate",
            a,
            "--metrics",
            "score",
            "--splits",
            "3",
            "--features",
            &features,
            "--cache",
            &cache,
        ];
        json(&alone)["classifier_score_mean"].clone()
    };
    assert_eq!(score(), one["classifier_score_mean"]);
    // Statistics of other features are not compared with.
    let (other, stored) = (path("d.safetensors"), path("s.npz"));
    let training = ["train-classifier", "--data", "shapes?size=12&limit=200", "--out", &other];
    json(&[&training[..], &["--epochs", "1", "--width", "8", "--device", "cpu", "--seed", "1"]].concat());
    json(&["stats", b, "--out", &stored, "--features", &format!("classifier:{other}"), "--no-cache"]);
    let line = failure(&["evaluate", a, &stored, "--features", &features, "--no-cache"]);
    assert!(line.contains("made in different ways"), "{line}");
}

#[test]
fn a_model_is_the_pictures_that_sample_draws_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (run, model, drawn) = (path("run"), path("c.safetensors"), path("drawn"));
    let sizes = ["--channels", "4", "--disc-channels", "4", "--batch", "4", "--steps", "2"];
    json(
        &[
            &["search", "adversarial", "--device", "cpu", "--run", &run, "--data", "shapes?limit=8"],
            &sizes[..],
        ]
        .concat(),
    );
    let training = [
        "train-classifier",
        "--data",
        "shapes?size=12&limit=100",
        "--out",
        &model,
        "--device",
        "cpu",
    ];
    json(&[&training[..], &["--epochs", "1", "--width", "4"]].concat());
    json(&["sample", &run, "-n", "120", "--folder", &drawn, "--device", "cpu"]);
    let features = format!("classifier:{model}");
    let evaluate = |a: &str| {
        let base = ["evaluate", a, "shapes?limit=60&size=12", "--features", &features, "--device", "cpu"];
        json(&[&base[..], &["--metrics", "frechet,kid", "-n", "120", "--no-cache", "--batch", "13"]].concat())
    };
    let (of_run, of_folder) = (evaluate(&run), evaluate(&drawn));
    assert_eq!(of_run["protocol"]["generated"]["kind"], "model");
    assert_eq!(of_run["protocol"]["generated"]["images"], 120);
    for key in ["frechet_distance", "kid_mean", "kid_std"] {
        assert_eq!(of_run[key], of_folder[key], "{key}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = [(700, 1), (600, 2)].map(|(n, seed)| {
        let path = folder.path().join(format!("{n}.npy"));
        let array = NumberArray::new(&[n, 300], Values::F32(Rng::seed(seed).normals(n * 300)));
        std::fs::write(&path, npy::to_bytes(&array)).unwrap();
        path
    });
    let printed = |threads: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_ganas"))
            .env("RAYON_NUM_THREADS", threads)
            .args(["evaluate", "--json", "--metrics", "fid,kid,prdc", "--kid-subsets", "3"])
            .args([&a, &b])
            .output()
            .expect("the program starts");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let one = printed("1");
    assert!(one.contains("coverage"));
    for threads in ["2", "5"] {
        assert_eq!(printed(threads), one, "{threads} threads");
    }
}
