//! Evolutionary searches of the real program: killed at random moments, with other numbers of threads, from the outside.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ganas::Rng;
use ganas::space::GanGenotype;
use serde_json::Value;

use crate::resume::{Ending, failure, finish, ganas, kill_after};

/// Both stages in 40 steps on the CPU.
const TYPED: &str = "--device cpu --seed 3 --data shapes?size=16&limit=44 --channels 4 --disc-channels 4 \
                     --population 4 --rounds 2 --batch 8 --gen-batch 8 --eval-images 40 --set iterations=4 \
                     --set latent=6 --set snapshot_every=3 --set metrics_every=4 --json --quiet";
const STEPS: u64 = 2 * (4 + 2 * (4 + 4));

fn anew_or_on(run: &Path) -> Command {
    match run.join("config.toml").exists() {
        true => ganas(&format!("search evolutionary --resume {} --json", run.display())),
        false => ganas(&format!("search evolutionary {TYPED} --run {}", run.display())),
    }
}

fn ending(run: &Path) -> Ending {
    Ending::at(run, STEPS, "evolutionary")
}

#[test]
fn evolutions_killed_at_random_moments_end_as_the_unbroken_one() {
    let dir = tempfile::tempdir().unwrap();
    let unbroken = dir.path().join("unbroken");
    let began = Instant::now();
    finish(anew_or_on(&unbroken));
    let took = began.elapsed();
    let want = ending(&unbroken);
    let mut rng = Rng::seed(29);
    let (mut kills, mut recalled, mut rounds) = (0, 0, 0);
    while kills < 50 {
        rounds += 1;
        assert!(rounds < 20, "only {kills} kills in {rounds} runs");
        let run = dir.path().join(format!("run{rounds}"));
        for _ in 0..8 {
            let wait = Duration::from_millis(5) + took.mul_f64(0.45 * f64::from(rng.uniform()));
            kills += u32::from(kill_after(anew_or_on(&run).spawn().unwrap(), wait));
        }
        finish(anew_or_on(&run));
        ending(&run).equals(&want, &format!("run {rounds}"));
        recalled += u32::from(run.join("journal-cut.jsonl").exists());
        fs::remove_dir_all(&run).unwrap();
    }
    println!("{kills} kills in {rounds} runs, of which {recalled} left lines beyond their snapshot");
    // One thread and several.
    for threads in ["1", "3"] {
        let run = dir.path().join(threads);
        let mut command = anew_or_on(&run);
        command.env("RAYON_NUM_THREADS", threads);
        finish(command);
        ending(&run).equals(&want, &format!("{threads} threads"));
    }
}

#[test]
fn evaluations_beyond_the_snapshot_are_not_computed_again() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    // To the end of the first round's training; the process then evaluates two candidates and is killed.
    finish(ganas(&format!("search evolutionary {TYPED} --steps 8 --run {}", run.display())));
    let journal = run.join("journal.jsonl");
    let covered = fs::read_to_string(&journal).unwrap();
    let begun: Value = serde_json::from_str(covered.lines().next().unwrap()).unwrap();
    let line = |i: usize, distance: f64| {
        serde_json::json!({
            "event": "evaluated", "stage": 1, "round": 1, "step": 8 + i, "genotype": begun["population"][i],
            // No evaluation gives this distance: it shows where the result came from.
            "objectives": {"frechet": distance, "score": 1.5, "params": 1.0, "macs": 1.0, "memory": 1.0},
        })
    };
    let on = format!("search evolutionary --resume {} --json --steps", run.display());
    // Twice: the lines outlive an interruption before they are reached again.
    let half_written = "\n{\"event\":\"eval";
    fs::write(&journal, [&covered, &line(0, 0.125).to_string(), half_written].concat()).unwrap();
    finish(ganas(&format!("{on} 8")));
    fs::write(&journal, [&covered, &line(1, 0.0625).to_string(), "\n"].concat()).unwrap();
    finish(ganas(&format!("{on} 12")));
    let after = fs::read_to_string(&journal).unwrap();
    for i in 0..2 {
        assert!(after.contains(&line(i, [0.125, 0.0625][i]).to_string()), "{after}");
    }
    assert_eq!(after.matches("\"evaluated\"").count(), 4);
}

#[test]
fn a_schedule_lies_below_a_file_and_flags() {
    let dir = tempfile::tempdir().unwrap();
    let (file, run) = (dir.path().join("c.toml"), dir.path().join("run"));
    fs::write(&file, "rounds2 = 3\n").unwrap();
    finish(ganas(&format!(
        "search evolutionary --device cpu --schedule code --config {} --set warmup=5 --population 4 --steps 1 --json --quiet \
         --run {}",
        file.display(),
        run.display()
    )));
    let stored: toml::Table = toml::from_str(&fs::read_to_string(run.join("config.toml")).unwrap()).unwrap();
    let settings = &stored["settings"];
    let of = |key: &str| settings[key].to_string();
    assert_eq!((of("warmup"), of("rounds1"), of("rounds2")), ("5".into(), "16".into(), "3".into()));
    assert_eq!(
        (of("population"), of("pool"), of("gen_batch")),
        ("4".into(), "\"with-children\"".into(), "80".into())
    );
    let told = failure(ganas(&format!("search evolutionary --resume {} --set warmup=9", run.display())));
    assert!(told.contains("warmup"), "{told}");
}

#[test]
fn what_a_search_leaves_behind_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let (told, _) = finish(anew_or_on(&run));
    assert_eq!(told["steps"], STEPS);
    let best = GanGenotype::from_json(&told["best"]).unwrap();
    best.check().unwrap();
    assert!(best.generator.is_some() && best.discriminator.is_some());
    let front = told["front"].as_array().unwrap();
    assert_eq!(front[0]["genotype"], told["best"]);
    assert!(front[0]["objectives"]["frechet"].is_f64());
    let stored: Value = serde_json::from_slice(&fs::read(run.join("front.json")).unwrap()).unwrap();
    assert_eq!(stored, told["front"]);
    for name in [
        "fronts-stage1.svg",
        "fronts-stage2.svg",
        "hypervolume.svg",
        "architecture.svg",
        "best.safetensors",
    ] {
        assert!(fs::metadata(run.join(name)).unwrap().len() > 500, "{name}");
    }
    // The run and its weights file are the same generator.
    let sampled = |model: &Path| {
        let out = dir.path().join("images.safetensors");
        let typed = format!("sample {} -n 4 --device cpu --tensor {} --json", model.display(), out.display());
        finish(ganas(&typed));
        fs::read(out).unwrap()
    };
    assert_eq!(sampled(&run), sampled(&run.join("best.safetensors")));
    // Random search on the same candidates, and stage 2 alone from the weights that were found.
    let random = dir.path().join("random");
    let (other, _) = finish(ganas(&format!("search random {TYPED} --run {}", random.display())));
    assert_eq!(other["steps"], told["steps"]);
    assert_ne!(other["best"], told["best"]);
    let second = dir.path().join("second");
    let genotype = dir.path().join("g.json");
    fs::write(&genotype, GanGenotype { discriminator: None, ..best.clone() }.to_json().to_string()).unwrap();
    let (third, _) = finish(ganas(&format!(
        "search evolutionary {TYPED} --stage 2 --generator {} --init {} --max2 params=3000 --run {}",
        genotype.display(),
        run.join("best.safetensors").display(),
        second.display()
    )));
    let found = GanGenotype::from_json(&third["best"]).unwrap();
    assert_eq!(found.generator, best.generator);
    // What cannot be meant is refused in one sentence.
    let refused = |typed: &str| failure(ganas(&format!("search {typed}")));
    assert!(refused("evolutionary --stage 2").contains("--generator"));
    assert!(refused("evolutionary --preset laptop --data shapes").contains("train-classifier"));
    assert!(refused("random --operators code").contains("search evolutionary"));
    assert!(refused("evolutionary --selection cars --objectives distance").contains("cars"));
    assert!(
        refused(&format!("evolutionary --resume {} --population 9", run.display())).contains("contradicts")
    );
}
