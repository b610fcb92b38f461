//! `ganas sample`: images of published weights, and what is said where files do not fit.

use std::path::{Path, PathBuf};
use std::process::Command;

use ganas::formats::NamedArrays;

use crate::fixtures;

/// Runs `sample` on the CPU; its exit code and the last line of standard error.
fn sample(args: &[&str]) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_ganas"))
        .args(["sample", "--device", "cpu"])
        .args(args)
        .output()
        .unwrap();
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(!told.contains("panicked"), "{told}");
    (out.status.code().unwrap(), told.lines().last().unwrap_or_default().to_owned())
}

#[track_caller]
fn failure(args: &[&str]) -> String {
    let (code, told) = sample(args);
    assert!(code == 1 && told.starts_with("error: "), "{code}: {told}");
    told
}

/// Some files of a test.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn latents(&self, name: &str, array: &str, shape: &[usize], values: &[f32]) -> String {
        let mut arrays = NamedArrays::new();
        arrays.insert(array, shape, values.to_vec());
        let path = self.at(name);
        arrays.write(Path::new(&path)).unwrap();
        path
    }
}

fn published() -> Option<(String, NamedArrays)> {
    let path: PathBuf = fixtures::path("advnas_generator_c16.safetensors")?;
    let arrays = NamedArrays::read(&path).unwrap();
    Some((path.to_str().unwrap().to_owned(), arrays))
}

#[test]
fn published_weights_and_latents_give_the_published_images() {
    let Some((model, arrays)) = published() else {
        return;
    };
    let files = Files::new();
    let z = arrays.get("in.z").unwrap();
    let (latents, out) =
        (files.latents("l.safetensors", "latents", &z.shape, &z.values), files.at("o.safetensors"));
    let (code, told) =
        sample(&[&model, "--genotype", "adversarialnas", "--latents", &latents, "--tensor", &out]);
    assert_eq!(code, 0, "{told}");
    let (got, want) = (NamedArrays::read(Path::new(&out)).unwrap(), arrays.get("out.eval").unwrap());
    let got = got.get("images").unwrap();
    assert_eq!(got.shape, want.shape);
    let worst = got.values.iter().zip(&want.values).map(|(g, w)| (g - w).abs());
    let worst = worst.fold(0.0_f32, |m, d| if d.is_nan() { f32::INFINITY } else { m.max(d) });
    assert!(worst <= 3e-5, "{worst:e}");
}

#[test]
fn what_does_not_fit_is_named_with_both_shapes() {
    let Some((model, arrays)) = published() else {
        return;
    };
    let files = Files::new();
    let grid = files.at("g.png");
    let told = failure(&[&model, "--genotype", "eagan", "--grid", &grid]);
    assert!(
        told.contains("tensor `state.cell1.c2.ops.0.conv.weight`: has shape [16, 16, 3, 3]"),
        "{told}"
    );
    assert!(told.contains("expected [16, 16, 1, 1]"), "{told}");
    assert!(failure(&[&model, "--grid", &grid]).contains("say which with --genotype"));
    assert!(failure(&[&model, "--genotype", "autogan-d", "--grid", &grid]).contains("no generator"));

    let z = arrays.get("in.z").unwrap();
    let with = |latents: &str| {
        failure(&[&model, "--genotype", "adversarialnas", "--latents", latents, "--grid", &grid])
    };
    let narrow = files.latents("narrow.safetensors", "latents", &[12, 40], &z.values);
    assert!(with(&narrow).contains("tensor `latents`: has shape [12, 40], the generator wants [n, 120]"));
    let flat = files.latents("flat.safetensors", "latents", &[480], &z.values);
    assert!(with(&flat).contains("has shape [480]"));
    let other = files.latents("other.safetensors", "z", &z.shape, &z.values);
    assert!(with(&other).contains("other.safetensors: has no array `latents` [n, 120]"));
    assert!(with(&files.at("none.safetensors")).contains("none.safetensors: cannot read"));
    assert!(!Path::new(&grid).exists());
}

#[test]
fn a_run_and_its_snapshots_are_sampled_and_need_no_genotype() {
    let files = Files::new();
    let (run, grid) = (files.at("run"), files.at("g.png"));
    let settings = ["channels=2", "disc_channels=2", "latent=6", "batch=4", "gen_batch=4", "max_steps=2"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_ganas"));
    command.args(["search", "adversarial", "--device", "cpu", "--run", &run]);
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    let out = command.output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.starts_with("stopped at its limit of steps after 2 steps"), "{text}");

    let snapshot = format!("{run}/snapshots/step-0000000002.safetensors");
    for model in [&run, &snapshot] {
        for which in ["--ema", "--live"] {
            let (code, told) = sample(&[model, which, "-n", "5", "--grid", &grid]);
            assert_eq!(code, 0, "{told}");
            assert_eq!(image::image_dimensions(&grid).unwrap().1, 16);
        }
        let told = failure(&[model, "--genotype", "adversarialnas", "--grid", &grid]);
        assert!(told.contains("knows its architecture; leave --genotype away"), "{told}");
    }
    let bytes = std::fs::read(&snapshot).unwrap();
    for (name, bytes) in [("half", &bytes[..bytes.len() / 2]), ("start", &bytes[..100]), ("empty", &[][..])] {
        let damaged = files.at(name);
        std::fs::write(&damaged, bytes).unwrap();
        assert!(failure(&[&damaged, "--grid", &grid]).contains(name));
    }
    assert!(failure(&[&files.at("nothing"), "--grid", &grid]).contains("nothing: cannot read"));
    assert_eq!(sample(&[&run]).0, 2);
}
