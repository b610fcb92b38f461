//! Trainings of the real program that are killed, interrupted or go bad.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use ganas::Rng;
use ganas::runs::newest_snapshot;

use crate::resume::{Ending, failure, finish, ganas, kill_after, wait_until};

/// 48 steps on the CPU, a snapshot every second; wide enough that writing one takes a while.
const TYPED: &str = "train eagan+autogan-d --device cpu --seed 3 --data shapes?size=16&limit=44 --channels 32 \
                     --disc-channels 32 --batch 8 --gen-batch 8 --n-critic 2 --epochs 8 --flip --augment cutout \
                     --clip 5 --lr-decay --on-divergence restore --set snapshot_every=2 --set metrics_every=5 \
                     --set samples_every=12 --json";
const STEPS: u64 = 48;

fn anew_or_on(run: &Path) -> Command {
    match run.join("config.toml").exists() {
        true => ganas(&format!("train --resume {} --json", run.display())),
        false => ganas(&format!("{TYPED} --run {}", run.display())),
    }
}

fn ending(run: &Path) -> Ending {
    Ending::at(run, STEPS, "training")
}

fn unfinished(run: &Path) -> bool {
    let Ok(entries) = fs::read_dir(run.join("snapshots")) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with('.'))
}

/// Kills the process as soon as it is seen writing a snapshot; whether that was still so when it died.
fn kill_while_writing(mut child: Child, run: &Path) -> bool {
    while child.try_wait().unwrap().is_none() {
        if unfinished(run) {
            child.kill().unwrap();
            child.wait().unwrap();
            return unfinished(run);
        }
        std::hint::spin_loop();
    }
    false
}

#[test]
fn trainings_killed_at_random_moments_and_while_writing_end_as_the_unbroken_one() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("unbroken");
    let began = Instant::now();
    finish(anew_or_on(&run));
    let took = began.elapsed();
    let want = ending(&run);
    let mut rng = Rng::seed(23);
    let (mut kills, mut writing, mut rounds) = (0, 0, 0);
    while kills < 50 || writing < 10 {
        rounds += 1;
        assert!(rounds < 30, "only {kills} kills, {writing} while writing, in {rounds} runs");
        let run = dir.path().join(format!("run{rounds}"));
        for _ in 0..4 {
            let wait = Duration::from_millis(5) + (took / 6).mul_f64(f64::from(rng.uniform()));
            kills += u32::from(kill_after(anew_or_on(&run).spawn().unwrap(), wait));
            // The part that a kill left behind must not be taken for one that is being written.
            let child = anew_or_on(&run).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(60));
            let caught = kill_while_writing(child, &run);
            kills += u32::from(caught);
            writing += u32::from(caught);
        }
        finish(anew_or_on(&run));
        ending(&run).equals(&want, &format!("run {rounds}"));
        fs::remove_dir_all(&run).unwrap();
    }
    println!("{kills} kills, {writing} of them while a snapshot was written, in {rounds} runs");
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_stops_within_a_step_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (unbroken, run) = (dir.path().join("unbroken"), dir.path().join("run"));
    finish(anew_or_on(&unbroken));
    let child = anew_or_on(&run).spawn().unwrap();
    wait_until("a snapshot", || run.join("snapshots/step-0000000004.safetensors").exists());
    Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status()
        .unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(newest_snapshot(&run).unwrap().step() < STEPS);
    finish(anew_or_on(&run));
    ending(&run).equals(&ending(&unbroken), "interrupted");
}

#[test]
fn a_training_that_goes_bad_is_named_and_stopped_or_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let typed = TYPED.replace("--on-divergence restore", "--set gen_lr=1e30");
    let told = failure(ganas(&format!("{typed} --run {}", run.display())));
    assert!(told.contains("diverged at step") && told.contains("loss is"), "{told}");
    assert!(told.contains("--on-divergence restore"), "{told}");
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"event\":\"diverged\""), "{journal}");
    // It would only go the same way again; it may go on all the same.
    let again = format!("train --resume {} --on-divergence continue --json", run.display());
    let (object, told) = finish(ganas(&again));
    assert_eq!(object["steps"], STEPS);
    assert!(told.contains("warning: step"), "{told}");
    // Restored again and again from the same state, it is given up.
    let run = dir.path().join("restored");
    let typed = TYPED.replace("--on-divergence", "--set gen_lr=1e30 --on-divergence");
    let told = failure(ganas(&format!("{typed} --run {}", run.display())));
    assert!(told.contains("again and again from the same state"), "{told}");
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"restored\":").count(), 3, "{journal}");
}

#[test]
fn what_a_training_made_is_sampled_evaluated_and_begun_with() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let (object, _) = finish(anew_or_on(&run));
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["run", "genotype", "objectives", "steps", "seconds"]);
    assert_eq!(object["steps"], STEPS);
    let grid = dir.path().join("grid.png");
    let (object, _) = finish(ganas(&format!(
        "sample {} -n 4 --json --device cpu --grid {}",
        run.display(),
        grid.display()
    )));
    assert_eq!((&object["n"], &object["height"]), (&4.into(), &16.into()));
    // Its generator is where the next training begins, if the architecture is the same.
    let next = dir.path().join("next");
    let typed = format!("{TYPED} --steps 1 --run {} --init {}", next.display(), run.display());
    finish(ganas(&typed));
    let told = failure(ganas(&typed.replace("eagan+", "adversarialnas+").replace("/next", "/other")));
    assert!(told.contains("is wanted"), "{told}");
    // A run of another command is not gone on with.
    let told = failure(ganas(&format!("search adversarial --resume {}", run.display())));
    assert!(told.contains("was begun by `ganas train`"), "{told}");
    let told = failure(ganas(&format!("train --resume {} --gen-lr 1", run.display())));
    assert!(told.contains("contradicts the run"), "{told}");
}
