//! Runs that are interrupted, killed and damaged end as unbroken ones do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::dummy::Dummy;
use super::{Checkpoints, Console, End, Observer, Report, Search, Stop, run};
use crate::runs::{RunFolder, Snapshot, newest_snapshot, read_config};
use crate::{Error, Rng};

const STEPS: u64 = 57;
const EVERY: u64 = 8;

fn start(path: &Path, stop: Stop, watch: &mut dyn Observer) -> Result<Dummy, Error> {
    let folder = RunFolder::create(path, &json!({"total": STEPS}))?;
    let mut search = Dummy::new(STEPS, 3);
    let mut checkpoints = Checkpoints::every(EVERY, folder);
    run(&mut search, stop, &mut [&mut checkpoints, watch, &mut Console::new()])?;
    Ok(search)
}

fn resume(path: &Path) -> Result<(Dummy, Vec<String>), Error> {
    let resumed = RunFolder::resume(path)?;
    let mut search = Dummy::new(STEPS, 3);
    if let Some(snapshot) = &resumed.snapshot {
        search.load(snapshot)?;
    }
    let mut checkpoints = Checkpoints::every(EVERY, resumed.folder);
    run(&mut search, Stop::when_done(), &mut [&mut checkpoints])?;
    Ok((search, resumed.notes))
}

/// Journal, result files and state of a run that nothing disturbed.
fn unbroken(at: &Path) -> (Dummy, Vec<Vec<u8>>) {
    let search = start(at, Stop::when_done(), &mut Console::new()).unwrap();
    (search, decisive(at))
}

fn decisive(run: &Path) -> Vec<Vec<u8>> {
    let names = ["journal.jsonl", "best.json", "front.json", "config.toml", "samples/000055.txt"];
    names.map(|name| fs::read(run.join(name)).unwrap()).into()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn snapshots(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run.join("snapshots")).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

/// Copies the folder as it is after every step: what a kill at that moment would leave.
struct Copies {
    from: PathBuf,
    to: PathBuf,
}

impl Observer for Copies {
    fn on_start(&mut self, _search: &mut dyn Search, last_step: Option<u64>) -> Result<(), Error> {
        assert_eq!(last_step, Some(STEPS));
        copy(&self.from, &self.to.join("0"));
        Ok(())
    }

    fn on_step(&mut self, search: &mut dyn Search, _report: &Report) -> Result<(), Error> {
        copy(&self.from, &self.to.join(search.steps_done().to_string()));
        Ok(())
    }

    fn on_end(&mut self, _search: &mut dyn Search, _end: End) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_run_killed_after_a_step_ends_as_an_unbroken_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let mut copies = Copies { from: path.clone(), to: dir.path().join("copies") };
    let whole = start(&path, Stop::when_done(), &mut copies).unwrap();
    let want = decisive(&path);
    let mut rng = Rng::seed(1);
    for step in (0..=STEPS).step_by(3) {
        let copy = copies.to.join(step.to_string());
        // Half a line, and half a file, of what was being written.
        let mut journal = fs::read(copy.join("journal.jsonl")).unwrap();
        journal.extend(&b"{\"step\":99,\"drawn\":0.1}\n"[..rng.below(24)]);
        fs::write(copy.join("journal.jsonl"), journal).unwrap();
        fs::write(copy.join("snapshots/.step-0000000099.safetensors.7.part"), b"half").unwrap();
        let (search, notes) = resume(&copy).unwrap();
        assert_eq!((search, decisive(&copy)), (whole.clone(), want.clone()), "killed after step {step}");
        assert!(notes.is_empty());
        assert_eq!(snapshots(&copy).len(), 2);
        assert_eq!(
            fs::read(&snapshots(&copy)[1]).unwrap().len(),
            fs::read(&snapshots(&path)[1]).unwrap().len()
        );
    }
    let metrics = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), STEPS as usize);
    assert!(metrics.lines().all(|l| l.contains("\"seconds\"") && l.contains("\"drawn\"")));
}

#[test]
fn an_interrupted_run_stops_after_the_step_at_hand_and_goes_on() {
    struct Interrupt(Arc<AtomicBool>);
    impl Observer for Interrupt {
        fn on_start(&mut self, _: &mut dyn Search, _: Option<u64>) -> Result<(), Error> {
            Ok(())
        }
        fn on_step(&mut self, search: &mut dyn Search, _: &Report) -> Result<(), Error> {
            self.0.store(search.steps_done() == 21, Ordering::Relaxed);
            Ok(())
        }
        fn on_end(&mut self, _: &mut dyn Search, end: End) -> Result<(), Error> {
            assert_eq!(end, End::Interrupted);
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let want = unbroken(&dir.path().join("whole"));
    let path = dir.path().join("run");
    let flag = Arc::new(AtomicBool::new(false));
    let stopped = start(&path, Stop::when_done().or_on(flag.clone()), &mut Interrupt(flag)).unwrap();
    assert_eq!(stopped.step, 21);
    assert_eq!(newest_snapshot(&path).unwrap().step(), 21);
    assert_eq!((resume(&path).unwrap().0, decisive(&path)), want);
    // A finished run that is resumed stays as it is.
    assert_eq!((resume(&path).unwrap().0, decisive(&path)), want);
}

#[test]
fn a_limit_of_steps_counts_from_the_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let want = unbroken(&dir.path().join("whole"));
    let path = dir.path().join("run");
    assert_eq!(start(&path, Stop::steps(10), &mut Console::new()).unwrap().step, 10);
    assert_eq!((resume(&path).unwrap().0, decisive(&path)), want);
}

#[test]
fn damaged_snapshots_are_set_aside_and_the_run_goes_on_from_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let want = unbroken(&dir.path().join("whole"));
    let path = dir.path().join("run");
    start(&path, Stop::steps(30), &mut Console::new()).unwrap();
    let newest = snapshots(&path).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&newest, bytes).unwrap();
    assert_eq!(newest_snapshot(&path).unwrap().step(), 24);
    let (search, notes) = resume(&path).unwrap();
    assert_eq!((search, decisive(&path)), want);
    assert!(
        notes.len() == 1 && notes[0].contains("step-0000000030") && notes[0].contains("checksum"),
        "{notes:?}"
    );

    let path = dir.path().join("torn");
    start(&path, Stop::steps(30), &mut Console::new()).unwrap();
    for snapshot in snapshots(&path) {
        File::options().write(true).open(snapshot).unwrap().set_len(40).unwrap();
    }
    let text = newest_snapshot(&path).unwrap_err().to_string();
    assert!(text.contains("no whole snapshot"), "{text}");
    let (search, notes) = resume(&path).unwrap();
    assert_eq!((search, decisive(&path)), want);
    assert!(notes.len() == 3 && notes[2].contains("beginning"), "{notes:?}");
}

#[test]
fn a_journal_that_lost_or_changed_lines_sends_the_run_back_to_what_still_fits() {
    let dir = tempfile::tempdir().unwrap();
    let want = unbroken(&dir.path().join("whole"));
    for (case, damage) in [("cut", None), ("flip", Some(b'#'))] {
        let path = dir.path().join(case);
        start(&path, Stop::steps(30), &mut Console::new()).unwrap();
        let journal = path.join("journal.jsonl");
        let mut bytes = fs::read(&journal).unwrap();
        match damage {
            None => bytes.truncate(bytes.len() - 30),
            Some(byte) => *bytes.last_mut().unwrap() = byte,
        }
        fs::write(&journal, bytes).unwrap();
        let (search, notes) = resume(&path).unwrap();
        assert_eq!((search, decisive(&path)), want);
        assert!(notes.len() == 1 && notes[0].contains("journal"), "{notes:?}");
    }
}

#[test]
fn a_second_opener_is_refused_while_a_lock_file_left_behind_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    start(&path, Stop::steps(9), &mut Console::new()).unwrap();
    fs::write(path.join("lock"), "12345").unwrap();
    let held = RunFolder::resume(&path).unwrap();
    let text = RunFolder::resume(&path).unwrap_err().to_string();
    assert!(text.contains("in use") && text.contains(&std::process::id().to_string()), "{text}");
    assert_eq!(held.snapshot.unwrap().step(), 9);
    drop(held.folder);
    assert!(RunFolder::resume(&path).is_ok());
}

#[test]
fn folders_that_are_no_runs_are_refused_and_half_made_ones_are_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let config = json!({"total": 1});
    let make = |path: &Path| RunFolder::create(path, &config).map(drop).map_err(|e| e.to_string());
    let path = dir.path().join("a/b/run");
    make(&path).unwrap();
    assert!(make(&path).unwrap_err().contains("--resume"));

    fs::remove_file(path.join("config.toml")).unwrap();
    fs::write(path.join(".config.toml.77.part"), "tot").unwrap();
    let text = RunFolder::resume(&path).unwrap_err().to_string();
    assert!(text.contains("no config.toml"), "{text}");
    make(&path).unwrap();

    fs::write(path.join("config.toml"), "total = = 1").unwrap();
    let text = read_config::<serde_json::Value>(&path).unwrap_err().to_string();
    assert!(text.contains("config.toml at byte 8"), "{text}");

    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "x").unwrap();
    assert!(make(&foreign).unwrap_err().contains("thesis.tex"));
    assert!(!foreign.join("snapshots").exists());
    let text = RunFolder::resume(dir.path().join("none")).unwrap_err().to_string();
    assert!(text.contains("no such folder"), "{text}");
    assert!(make(&foreign.join("thesis.tex")).is_err());
}

#[test]
fn a_snapshot_that_cannot_be_written_leaves_the_ones_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    start(&path, Stop::steps(20), &mut Console::new()).unwrap();
    let mut resumed = RunFolder::resume(&path).unwrap();
    let before = snapshots(&path);
    // The name of the file that is written aside is taken by a folder: the system refuses.
    let aside = format!(".step-0000000021.safetensors.{}.part", std::process::id());
    fs::create_dir(path.join("snapshots").join(&aside)).unwrap();
    let text = resumed.folder.snapshot(Snapshot::new(21)).unwrap_err().to_string();
    assert!(text.contains("step-0000000021") && text.contains("write"), "{text}");
    fs::remove_dir(path.join("snapshots").join(&aside)).unwrap();
    assert_eq!(snapshots(&path), before);
    drop(resumed);
    assert_eq!(RunFolder::resume(&path).unwrap().snapshot.unwrap().step(), 20);
}

/// Set for the process that `a_killed_process_leaves_a_run_that_ends_as_an_unbroken_one` starts and kills.
const VICTIM: &str = "GANAS_TEST_VICTIM";

/// What the killed process does: begins or resumes the run, slowly.
fn victim(path: &Path) {
    struct Slow;
    impl Observer for Slow {
        fn on_start(&mut self, _: &mut dyn Search, _: Option<u64>) -> Result<(), Error> {
            Ok(())
        }
        fn on_step(&mut self, _: &mut dyn Search, _: &Report) -> Result<(), Error> {
            std::thread::sleep(std::time::Duration::from_millis(2));
            Ok(())
        }
        fn on_end(&mut self, _: &mut dyn Search, _: End) -> Result<(), Error> {
            Ok(())
        }
    }
    let mut search = Dummy::new(STEPS, 3);
    let folder = match path.join("config.toml").exists() {
        false => RunFolder::create(path, &json!({"total": STEPS})).unwrap(),
        true => {
            let resumed = RunFolder::resume(path).unwrap();
            if let Some(snapshot) = &resumed.snapshot {
                search.load(snapshot).unwrap();
            }
            assert!(resumed.notes.is_empty(), "{:?}", resumed.notes);
            resumed.folder
        }
    };
    run(&mut search, Stop::when_done(), &mut [&mut Checkpoints::every(2, folder), &mut Slow]).unwrap();
}

#[test]
fn a_killed_process_leaves_a_run_that_ends_as_an_unbroken_one() {
    if let Some(path) = std::env::var_os(VICTIM) {
        return victim(Path::new(&path));
    }
    let dir = tempfile::tempdir().unwrap();
    let want = unbroken(&dir.path().join("whole"));
    let path = dir.path().join("run");
    let mut rng = Rng::seed(11);
    let this = "search::tests::a_killed_process_leaves_a_run_that_ends_as_an_unbroken_one";
    let mut killed = 0;
    for _ in 0..12 {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", this])
            .env(VICTIM, &path)
            .stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(rng.below(60_000) as u64));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
    }
    assert!(killed > 0);
    if !path.join("config.toml").exists() {
        drop(RunFolder::create(&path, &json!({"total": STEPS})).unwrap());
    }
    assert_eq!((resume(&path).unwrap().0, decisive(&path)), want);
}
