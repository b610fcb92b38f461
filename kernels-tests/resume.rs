//! Runs of the real program that are killed, interrupted, starved and damaged end as an unbroken one does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ganas::Rng;
use ganas::runs::newest_snapshot;
use serde_json::Value;

/// 42 steps on the CPU, a snapshot every third.
const TINY: [&str; 27] = [
    "--device",
    "cpu",
    "--seed",
    "3",
    "--set",
    "data=shapes?size=16&limit=44",
    "--set",
    "channels=4",
    "--set",
    "disc_channels=4",
    "--set",
    "latent=6",
    "--set",
    "batch=8",
    "--set",
    "gen_batch=8",
    "--set",
    "n_critic=2",
    "--set",
    "epochs=4",
    "--set",
    "snapshot_every=3",
    "--set",
    "samples_every=9",
    "--set",
    "metrics_every=4",
    "--json",
];
const STEPS: u64 = 42;
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ganas");

fn path(of: &Path) -> &str {
    of.to_str().expect("temporary folders have readable names")
}

fn search(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["search", "adversarial"]).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    command
}

/// The program with these words, to be run with its output kept.
pub fn ganas(typed: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(typed.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    command
}

/// Begins the run, or goes on with it; what a user does after a kill, told by the program's own sentences.
fn anew_or_on(run: &Path) -> Command {
    match run.join("config.toml").exists() {
        true => search(&["--resume", path(run), "--json"]),
        false => search(&[&TINY[..], &["--run", path(run)]].concat()),
    }
}

fn told(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[track_caller]
pub fn finish(mut command: Command) -> (Value, String) {
    let out = command.output().unwrap();
    let told = told(&out);
    assert_eq!(out.status.code(), Some(0), "{told}");
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (serde_json::from_str(&text).unwrap(), told)
}

/// The sentence of a call that fails with exit code 1.
#[track_caller]
pub fn failure(mut command: Command) -> String {
    let out = command.output().unwrap();
    let told = told(&out);
    assert_eq!(out.status.code(), Some(1), "{told}");
    assert!(out.stdout.is_empty() && !told.contains("panicked"), "{told}");
    let line = told.lines().last().unwrap_or_default().to_owned();
    assert!(line.starts_with("error: "), "{told}");
    line
}

/// All that must not depend on what happened on the way.
#[derive(PartialEq)]
pub struct Ending {
    journal: String,
    best: String,
    front: String,
    state: Value,
    arrays: BTreeMap<String, (Vec<usize>, Vec<u32>)>,
}

impl Ending {
    fn of(run: &Path) -> Ending {
        Ending::at(run, STEPS, "adversarial")
    }

    /// The ending of a run of `steps` steps whose snapshots keep their state under `key`.
    pub fn at(run: &Path, steps: u64, key: &str) -> Ending {
        let text = |name: &str| fs::read_to_string(run.join(name)).unwrap();
        let snapshot = newest_snapshot(run).unwrap();
        assert_eq!(snapshot.step(), steps);
        let arrays = snapshot.arrays().iter().map(|(name, array)| {
            let bits = array.values.iter().map(|v| v.to_bits()).collect();
            (name.to_owned(), (array.shape.clone(), bits))
        });
        Ending {
            journal: text("journal.jsonl"),
            best: text("best.json"),
            front: text("front.json"),
            state: snapshot.state(key).unwrap(),
            arrays: arrays.collect(),
        }
    }

    #[track_caller]
    pub fn equals(&self, unbroken: &Ending, what: &str) {
        assert_eq!(self.journal, unbroken.journal, "{what}: journal");
        assert_eq!(self.best, unbroken.best, "{what}: best");
        assert_eq!(self.front, unbroken.front, "{what}: front");
        assert_eq!(self.state, unbroken.state, "{what}: state");
        let names = |e: &Ending| e.arrays.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(self), names(unbroken), "{what}: names");
        let differing: Vec<&String> = self
            .arrays
            .iter()
            .filter(|(name, array)| unbroken.arrays[*name] != **array)
            .map(|(name, _)| name)
            .collect();
        assert!(differing.is_empty(), "{what}: {differing:?} differ");
    }
}

/// The ending of a run that nothing disturbed, and how long it took.
fn unbroken() -> &'static (Ending, Duration) {
    static ONCE: OnceLock<(Ending, Duration)> = OnceLock::new();
    ONCE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        let began = Instant::now();
        let (object, _) = finish(anew_or_on(&run));
        let took = began.elapsed();
        let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["run", "best", "front", "steps", "seconds"]);
        assert_eq!(object["steps"], STEPS);
        let best: Value = serde_json::from_slice(&fs::read(run.join("best.json")).unwrap()).unwrap();
        assert_eq!((&object["best"], &object["front"][0]["genotype"]), (&best, &best));
        let ending = Ending::of(&run);
        for kind in ["g.", "d.", "ema.", "g_w.m.", "g_w.v.", "d_w.v.", "g_a.m.", "d_a.v."] {
            assert!(ending.arrays.keys().any(|name| name.starts_with(kind)), "no {kind}");
        }
        (ending, took)
    })
}

/// A temporary folder with the first `steps` steps of the run in it.
fn begun(steps: u64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let (object, _) =
        finish(search(&[&TINY[..], &["--steps", &steps.to_string(), "--run", path(&run)]].concat()));
    assert_eq!(object["steps"], steps);
    (dir, run)
}

/// Goes on to the end of the run, whatever limit it was begun with; gives what was said.
#[track_caller]
fn end_as_unbroken(run: &Path, what: &str) -> String {
    let (_, told) = finish(search(&["--resume", path(run), "--steps", "0", "--json"]));
    Ending::of(run).equals(&unbroken().0, what);
    told
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Kills the process after `wait`; whether it was still alive.
pub fn kill_after(mut child: Child, wait: Duration) -> bool {
    sleep(wait);
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    let status = child.wait().unwrap();
    match ended {
        Some(status) => assert!(status.success(), "{status}"),
        None => return status.code().is_none(),
    }
    false
}

#[test]
fn runs_killed_at_random_moments_end_as_the_unbroken_one() {
    let (want, took) = unbroken();
    let mut rng = Rng::seed(17);
    let (mut late, mut early, mut unmade, mut rounds) = (0, 0, 0, 0);
    let begin = Instant::now();
    while late < 20 {
        rounds += 1;
        assert!(rounds < 12, "only {late} kills in {rounds} runs");
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        // While the program starts, makes the folder, or takes it up again.
        for _ in 0..6 {
            let wait = Duration::from_micros(1000 + rng.below(12_000) as u64);
            early += u32::from(kill_after(anew_or_on(&run).spawn().unwrap(), wait));
            unmade += u32::from(!run.join("config.toml").exists());
        }
        for _ in 0..7 {
            let wait = Duration::from_millis(5) + (*took / 6).mul_f64(f64::from(rng.uniform()));
            late += u32::from(kill_after(anew_or_on(&run).spawn().unwrap(), wait));
        }
        finish(anew_or_on(&run));
        Ending::of(&run).equals(want, &format!("run {rounds}"));
        assert_eq!(fs::read_dir(run.join("snapshots")).unwrap().count(), 2);
    }
    println!(
        "{early} early kills ({unmade} before there was a configuration) and {late} others in {rounds} runs, {:?}",
        begin.elapsed()
    );
}

#[test]
fn a_run_killed_while_its_folder_was_made_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    // What a kill just before the configuration gets its name leaves behind.
    fs::create_dir_all(run.join("snapshots")).unwrap();
    fs::create_dir(run.join("samples")).unwrap();
    for (name, text) in [
        ("journal.jsonl", ""),
        ("metrics.jsonl", ""),
        ("lock", "1"),
        (".config.toml.1.part", "comm"),
    ] {
        fs::write(run.join(name), text).unwrap();
    }
    let told = failure(search(&["--resume", path(&run)]));
    assert!(told.contains("no config.toml") && told.contains("start it with --run"), "{told}");
    finish(anew_or_on(&run));
    Ending::of(&run).equals(&unbroken().0, "started again");
    assert!(!run.join(".config.toml.1.part").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_exits_with_130_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for (signal, steps) in [("INT", 0), ("TERM", 12)] {
        let child = anew_or_on(&run).spawn().unwrap();
        let name = format!("snapshots/step-{:010}.safetensors", steps + 6);
        wait_until("a snapshot", || run.join(&name).exists());
        let sent = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let out = child.wait_with_output().unwrap();
        let told = told(&out);
        assert_eq!(out.status.code(), Some(130), "{told}");
        assert!(out.stdout.is_empty(), "{told}");
        assert!(told.contains(&format!("interrupted; resume with --resume {}", run.display())), "{told}");
        assert!(newest_snapshot(&run).unwrap().step() < STEPS);
    }
    finish(anew_or_on(&run));
    Ending::of(&run).equals(&unbroken().0, "interrupted twice");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for threads in ["1", "3"] {
        let run = dir.path().join(threads);
        let mut command = anew_or_on(&run);
        command.env("RAYON_NUM_THREADS", threads);
        finish(command);
        Ending::of(&run).equals(&unbroken().0, &format!("{threads} threads"));
    }
}

#[test]
fn a_second_process_on_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let mut child = search(&[&TINY[..], &["--set", "epochs=4000", "--run", path(&run)]].concat())
        .spawn()
        .unwrap();
    wait_until("a configuration", || run.join("config.toml").exists());
    let told = failure(search(&["--resume", path(&run)]));
    let by = format!("is in use by another process (process {}); wait for it to end", child.id());
    assert!(told.contains(&by), "{told}");
    let told = failure(search(&[&TINY[..], &["--run", path(&run)]].concat()));
    assert!(told.contains("there is a run already; go on with it by --resume"), "{told}");
    assert!(child.try_wait().unwrap().is_none(), "the first process must not notice");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The same call with files limited to `blocks` of 512 bytes, which is how a full disk looks: writes fail.
#[cfg(unix)]
fn starved(command: &Command, blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    // Without the trap the system would end the process instead of refusing the write.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), PROGRAM]);
    shell.args(command.get_args());
    shell
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_the_run_goes_on_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    // A snapshot has 900 KB, a picture 40, the journal 10: whichever does not fit first is named.
    let cases = [
        ("lock", 0, "lock: cannot write"),
        ("config", 1, "config.toml: cannot write"),
        ("snapshot", 400, "snapshots/step-0000000003.safetensors: cannot write"),
    ];
    for (case, blocks, reason) in cases {
        let run = dir.path().join(case);
        let told = failure(starved(&anew_or_on(&run), blocks));
        assert!(told.contains(reason) && told.contains("File too large"), "{told}");
        finish(anew_or_on(&run));
        Ending::of(&run).equals(&unbroken().0, case);
    }
    // One that was under way.
    let (_dir, run) = begun(20);
    for _ in 0..2 {
        let told = failure(starved(&search(&["--resume", path(&run), "--steps", "0"]), 400));
        assert!(told.contains("step-0000000021.safetensors: cannot write"), "{told}");
    }
    end_as_unbroken(&run, "starved under way");
}

#[test]
fn a_damaged_newest_snapshot_is_set_aside_with_a_word() {
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage); 3] = [
        ("truncated", |bytes| bytes.truncate(bytes.len() / 2)),
        ("empty", |bytes| bytes.clear()),
        ("flipped", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
        }),
    ];
    for (what, damage) in cases {
        let (_dir, run) = begun(8);
        let newest = run.join("snapshots/step-0000000008.safetensors");
        let mut bytes = fs::read(&newest).unwrap();
        damage(&mut bytes);
        fs::write(&newest, bytes).unwrap();
        let told = end_as_unbroken(&run, what);
        assert!(told.contains("warning: ") && told.contains("step-0000000008"), "{what}: {told}");
        assert!(told.contains("set aside as step-0000000008.damaged"), "{what}: {told}");
    }
}

#[test]
fn folders_that_cannot_be_used_are_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let begin = |at: &Path| failure(search(&[&TINY[..], &["--run", path(at)]].concat()));
    let on = |at: &Path| failure(search(&["--resume", path(at)]));
    assert!(begin(&file.join("run")).contains("file/run: cannot create"));
    assert!(begin(&file).contains("file: cannot create"));
    if cfg!(target_os = "linux") {
        assert!(begin(Path::new("/proc/run")).contains("/proc/run: cannot create"));
    }
    fs::write(dir.path().join("thesis.tex"), "x").unwrap();
    assert!(begin(dir.path()).contains("is no run and not empty"));
    assert!(on(dir.path()).contains("holds no config.toml"));
    assert!(on(&dir.path().join("none")).contains("there is no such folder"));
    assert!(on(&file).contains("there is no such folder"));
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("config.toml"), "[package]\nname = \"x\"\n").unwrap();
    let told = on(&foreign);
    assert!(told.contains("config.toml at byte") && told.contains("missing field"), "{told}");
}

#[test]
fn a_wrong_device_or_size_is_named_and_leaves_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let fails = |args: &[&str]| failure(search(&[&TINY[..], args, &["--run", path(&run)]].concat()));
    assert!(
        fails(&["--set", "data=shapes?size=32"]).contains("32x32x3 pictures, the generator makes 16x16x3")
    );
    assert!(fails(&["--set", "bottom_width=1"]).contains("`bottom_width`: 1 cannot be used; 2 to 64"));
    assert!(fails(&["--set", "bottom_width=3"]).contains("an even number"));
    let told = failure(search(&["--device", "no-such-adapter", "--run", path(&run)]));
    assert!(told.contains("no device `no-such-adapter`: this machine has cpu ("), "{told}");
    assert!(!run.exists());
}

#[test]
fn a_source_that_lost_pictures_between_two_runs_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (run, pictures) = (dir.path().join("run"), dir.path().join("pictures"));
    fs::create_dir(&pictures).unwrap();
    let mut rng = Rng::seed(2);
    for i in 0..12 {
        let image =
            image::RgbImage::from_fn(16, 16, |_, _| image::Rgb([0; 3].map(|_: u8| rng.below(256) as u8)));
        image.save(pictures.join(format!("{i:02}.png"))).unwrap();
    }
    let data = format!("folder:{}", pictures.display());
    finish(search(&[&TINY[..], &["--data", &data, "--steps", "4", "--run", path(&run)]].concat()));
    let (last, aside) = (pictures.join("11.png"), dir.path().join("11.png"));
    fs::rename(&last, &aside).unwrap();
    let told = failure(search(&["--resume", path(&run), "--steps", "0"]));
    assert!(told.contains("has 11 pictures, the run was started with 12; use the same data"), "{told}");
    fs::rename(&aside, &last).unwrap();
    finish(search(&["--resume", path(&run), "--steps", "0", "--json"]));
}
