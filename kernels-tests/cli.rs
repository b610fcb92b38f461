//! The program as a user meets it: exit codes, what is on which stream, the promised keys and numbers.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::fixtures::skipped;

pub fn ganas(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ganas"))
        .args(args)
        .output()
        .expect("the program starts")
}

/// What is on standard output of a call that must succeed.
#[track_caller]
pub fn text(args: &[&str]) -> String {
    let out = ganas(args);
    assert_eq!(code(&out), 0, "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The one JSON object that a call with `--json` prints.
#[track_caller]
pub fn json(args: &[&str]) -> Value {
    let text = text(&[args, &["--json"]].concat());
    assert_eq!(text.lines().count(), 1, "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value.is_object(), "{text}");
    value
}

/// The sentence of a call that must fail with exit code 1 and print nothing else.
#[track_caller]
pub fn failure(args: &[&str]) -> String {
    let out = ganas(args);
    let told = String::from_utf8(out.stderr.clone()).unwrap();
    assert_eq!(code(&out), 1, "{args:?}: {told}");
    assert!(out.stdout.is_empty(), "{args:?} printed {:?}", String::from_utf8_lossy(&out.stdout));
    let line = told.lines().last().unwrap_or_default().to_owned();
    assert!(line.starts_with("error: ") && !told.contains("panicked"), "{told}");
    line
}

#[track_caller]
pub fn code(out: &Output) -> i32 {
    out.status.code().expect("the program ends by itself")
}

#[track_caller]
pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn wrong_usage_is_2_and_asking_for_help_is_0() {
    let wrong: [&[&str]; 8] = [
        &[],
        &["serach"],
        &["data"],
        &["data", "info"],
        &["devices", "--jsn"],
        &["devices", "--seed", "-1"],
        &["arch", "count", "eagan", "--width", "wide"],
        &["arch", "random", "--family", "dcgan"],
    ];
    for args in wrong {
        let out = ganas(args);
        assert_eq!(code(&out), 2, "{args:?}");
        assert!(out.stdout.is_empty() && !out.stderr.is_empty(), "{args:?}");
    }
    for args in [&["--help"][..], &["data", "info", "--help"], &["help", "arch"]] {
        assert!(text(args).contains("Usage: ganas"), "{args:?}");
    }
    assert_eq!(text(&["--version"]), concat!("ganas ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn devices_lists_the_cpu_and_marks_one() {
    let object = json(&["devices"]);
    assert_eq!(keys(&object), ["devices"]);
    let all = object["devices"].as_array().unwrap();
    for device in all {
        let want = ["id", "name", "backend", "driver", "kind", "auto", "limits", "features"];
        assert_eq!(keys(device), want);
        let kinds = ["discrete", "integrated", "virtual", "software", "cpu"];
        assert!(kinds.contains(&device["kind"].as_str().unwrap()), "{device}");
        assert!(device["limits"].is_object() && device["features"].is_array(), "{device}");
    }
    assert_eq!(all[0]["id"], "cpu");
    assert_eq!(all.iter().filter(|d| d["auto"] == true).count(), 1, "{object}");
    assert!(text(&["devices"]).contains("* is what --device auto takes"));
}

#[test]
fn data_info_has_its_keys_and_draws_its_grid() {
    let folder = tempfile::tempdir().unwrap();
    let grid = folder.path().join("g.png");
    let source = "shapes?size=16&limit=100";
    let object = json(&["data", "info", source, "--grid", grid.to_str().unwrap(), "--seed", "3"]);
    let want = ["source", "count", "height", "width", "channels", "classes", "mean", "std", "skipped"];
    assert_eq!(keys(&object), want);
    assert_eq!((&object["count"], &object["width"]), (&100.into(), &16.into()));
    assert_eq!(object["classes"][0], serde_json::json!({"name": "circle", "count": 20}));
    assert_eq!(image::image_dimensions(&grid).unwrap(), (142, 142));
    assert!(text(&["data", "info", source]).contains("pictures  100\n"));
}

#[test]
fn a_bad_source_is_named_with_what_is_valid() {
    for json in [&[][..], &["--json"]] {
        let told = |source| failure(&[&["data", "info", source], json].concat());
        assert!(
            told("shaped").contains("`shaped`: is not a data source; valid sources: shapes, cifar10:DIR")
        );
        assert!(told("shapes?zise=8").contains("unknown option `zise`; valid options: size=N"));
        assert!(told("folder:/no/such").contains("/no/such: cannot open"));
    }
    let folder = tempfile::tempdir().unwrap();
    let batch = folder.path().join("data_batch_1.bin");
    std::fs::write(&batch, vec![1; 3073 + 100]).unwrap();
    let told = failure(&["data", "info", &format!("cifar10:{}", folder.path().display())]);
    assert!(told.contains("data_batch_1.bin at byte 3073"), "{told}");
}

#[test]
fn a_file_that_is_no_archive_is_not_shown_on_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.tar");
    std::fs::write(&file, [b"\x1b[2J".repeat(200), vec![7; 1000]].concat()).unwrap();
    let told = failure(&["data", "info", &format!("folder:{}", file.display())]);
    assert!(
        told.ends_with("x.tar at byte 0: no tar header where one must be: this is no tar archive, or a damaged one; fetch it again"),
        "{told:?}"
    );
}

#[test]
fn one_bad_picture_is_an_error_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    image::RgbImage::new(4, 4).save(folder.path().join("a.png")).unwrap();
    std::fs::write(folder.path().join("b.png"), "no picture").unwrap();
    let source = format!("folder:{}", folder.path().display());
    let told = failure(&["data", "info", &source]);
    assert!(told.contains("b.png") && told.contains("--skip-bad"), "{told}");
    let object = json(&["data", "info", &source, "--skip-bad"]);
    assert_eq!((&object["count"], &object["skipped"]), (&1.into(), &1.into()));
}

#[test]
fn the_real_cifar_records_have_their_published_figures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cifar10");
    if !folder.exists() {
        skipped(&format!("{} is not there", folder.display()));
        return;
    }
    let object = json(&["data", "info", &format!("cifar10:{}", folder.display())]);
    assert_eq!(
        (&object["count"], &object["height"], &object["channels"]),
        (&4000.into(), &32.into(), &3.into())
    );
    // The whole set's means are 0.4914, 0.4822, 0.4465; these are the first 4000 of its 50,000 pictures.
    for (mean, want) in object["mean"].as_array().unwrap().iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((mean.as_f64().unwrap() - want).abs() < 0.005, "{object}");
    }
    assert_eq!(object["classes"].as_array().unwrap().len(), 10);
}

#[test]
fn arch_count_gives_the_published_sizes() {
    let count = |args: &[&str]| {
        let object = json(&[&["arch", "count"], args].concat());
        assert_eq!(keys(&object), ["params", "macs"]);
        (object["params"].as_u64().unwrap(), object["macs"].as_u64().unwrap())
    };
    assert_eq!(count(&["adversarialnas"]), (8_846_851, 2_678_095_872));
    assert_eq!(count(&["eagan", "--width", "256"]), (7_142_403, 1_889_566_720));
    assert_eq!(count(&["autogan-d"]), (1_053_824, 272_072_832));
    assert_eq!(count(&["adversarialnas", "--part", "supernet-g", "--width", "160"]).0, 29_265_566);
    assert_eq!(count(&["adversarialnas", "--part", "supernet-d", "--width", "80"]).0, 11_049_308);
    assert!(failure(&["arch", "count", "eagan", "--part", "discriminator"]).contains("no discriminator"));
    assert!(failure(&["arch", "count", "eagan", "--width", "0"]).contains("valid are 1 to 65536"));
    assert!(text(&["arch", "count", "adversarialnas"]).contains("8,846,851"));
}

#[test]
fn an_invalid_genotype_is_an_answer_of_check_and_a_failure_elsewhere() {
    let genotype = r#"{"space":"gan-cells","generator":[[0,0,0,0,1,1,1],[0,0,0,0,0,0,0],[0,0,0,0,0,0,0]]}"#;
    let object = json(&["arch", "check", genotype]);
    assert_eq!(keys(&object), ["valid", "reason"]);
    let reason = object["reason"].as_str().unwrap();
    assert!(object["valid"] == false && reason.contains("node 3 has no input"), "{object}");
    assert!(failure(&["arch", "show", genotype, "--json"]).contains(reason));
    let good = json(&["arch", "check", "adversarialnas+eagan-d-stl10"]);
    assert_eq!(good.to_string(), r#"{"valid":true,"reason":null}"#);
    assert!(failure(&["arch", "check", "no-such-name"]).contains("no built-in name (adversarialnas"));
}

#[test]
fn a_random_architecture_follows_from_its_seed_and_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = path("a.json");
    let first = json(&["arch", "random", "--seed", "5", "--out", &file]);
    assert_eq!(first, json(&["arch", "random", "--seed", "5"]));
    assert_ne!(first, json(&["arch", "random", "--seed", "6"]));
    assert_eq!(json(&["arch", "show", &file])["genotype"], first);

    let half = path("g.npy");
    assert!(failure(&["arch", "random", "--out", &half]).contains("one half"));
    let drawn = json(&["arch", "random", "--part", "generator", "--out", &half]);
    assert_eq!(json(&["arch", "show", &half])["genotype"], drawn);

    let picture = path("a.svg");
    assert_eq!(json(&["arch", "draw", &file, "--out", &picture])["out"], picture.as_str());
    assert!(std::fs::read_to_string(&picture).unwrap().starts_with("<svg"));
    assert!(failure(&["arch", "draw", &file, "--out", &path("a.png")]).contains("must end in .svg or .dot"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let calls: [&[&str]; 4] = [
        &["devices"],
        &["data", "info", "shapes?limit=10"],
        &["arch", "show", "adversarialnas"],
        &["--help"],
    ];
    for args in calls {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ganas"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&out.stderr);
        assert_eq!(code(&out), 0, "{args:?}: {told}");
        assert!(!told.contains("Broken pipe") && !told.contains("panicked"), "{told}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_ganas"))
        .args(["arch", "count", "eagan"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(code(&out), 1);
    assert!(String::from_utf8_lossy(&out.stderr).contains("standard output: cannot write"));
}
