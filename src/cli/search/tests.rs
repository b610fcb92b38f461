use clap::Parser;

use std::fs;

use super::super::run::{StoredRun, claim};
use super::*;
use crate::cli::run::RunArgs;
use crate::runs;
use crate::search::End;
use crate::search::dummy::Dummy;

/// As typed after `ganas search`, without the rest of the program.
#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    args: AdversarialArgs,
}

/// Runs what is typed on a dummy of 50 steps.
fn ganas(typed: &str) -> Result<(PathBuf, Outcome), String> {
    let words = ["adversarial", "--quiet"].into_iter().chain(typed.split_whitespace());
    let cli = Typed::try_parse_from(words).map_err(|e| e.to_string())?;
    let build = |_: &Device, config: &AdversarialConfig, seed: u64| Ok(Dummy::new(50 * config.epochs, seed));
    drive(&cli.args, &cli.global, build, Arc::default()).map_err(|e| e.to_string())
}

fn stored(run: &Path) -> StoredRun<AdversarialConfig> {
    runs::read_config(run).unwrap()
}

#[test]
fn flags_go_over_set_over_file_over_preset() {
    let dir = tempfile::tempdir().unwrap();
    let (file, run) = (dir.path().join("c.toml"), dir.path().join("run"));
    fs::write(&file, "channels = 9\nbatch = 10\nema = 0.5\nderive_axis = \"ops\"\n").unwrap();
    let (at, outcome) = ganas(&format!(
        "--device cpu --seed 5 --preset smoke --config {} --set batch=12 --set arch_lr=1 --set gumbel_input=log-probabilities --batch 14 --run {}",
        file.display(),
        run.display()
    ))
    .unwrap();
    assert_eq!((at.as_path(), outcome.steps, outcome.end), (run.as_path(), 50, End::Done));
    let stored = stored(&run);
    assert_eq!((stored.settings.channels, stored.settings.batch, stored.settings.ema), (9, 14, 0.5));
    assert_eq!((stored.settings.arch_lr, stored.settings.latent, stored.seed), (1.0, 24, 5));
    assert_eq!((stored.device.id.as_str(), stored.version.as_str()), ("cpu", env!("CARGO_PKG_VERSION")));
    let again = dir.path().join("again");
    ganas(&format!("--device cpu --config {}/config.toml --run {}", run.display(), again.display())).unwrap();
    assert_eq!(
        runs::read_config::<StoredRun<AdversarialConfig>>(&again).unwrap().settings,
        stored.settings
    );
    let json = summary(&at, &outcome);
    assert_eq!(json["best"], outcome.front[0].genotype);
    assert_eq!(json["front"][0]["objectives"]["missing"], outcome.front[0].objectives["missing"]);
    assert!(text(&at, &outcome).contains("done after 50 steps"));
}

#[test]
fn wrong_settings_are_named_with_the_valid_ones_and_leave_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let fails = |typed: &str| ganas(&format!("--device cpu --run {} {typed}", run.display())).unwrap_err();
    assert!(
        fails("--set chanels=3")
            .contains("`chanels`: no such setting (--set); settings are amended_gradient, arch_beta1")
    );
    let text = fails("--set derive_axis=rows");
    assert!(text.contains("`derive_axis`") && text.contains("`ops` or `edges`"), "{text}");
    assert!(fails("--set gumbel=maybe").contains("`gumbel`"));
    assert!(fails("--batch 0").contains("2 to 65536"));
    assert!(fails("--set batch=-3").contains("`batch`"));
    assert!(fails("--preset laptop").contains("--data"));
    assert!(fails("--preset huge").contains("smoke, laptop, paper"));
    assert!(fails("--set gumbel").contains("KEY=VALUE"));
    assert!(fails("--config none.toml").contains("none.toml"));
    let file = dir.path().join("bad.toml");
    fs::write(&file, "batch = 3\nbatch = = 4").unwrap();
    assert!(fails(&format!("--config {}", file.display())).contains("bad.toml at byte"));
    assert!(fails("--resume x").contains("cannot be used with"));
    assert!(!run.exists());
}

#[test]
fn a_resumed_run_keeps_its_settings_but_may_get_a_new_end() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let whole = dir.path().join("whole");
    ganas(&format!("--device cpu --seed 3 --run {}", whole.display())).unwrap();
    let (_, outcome) = ganas(&format!("--device cpu --seed 3 --steps 7 --run {}", run.display())).unwrap();
    assert_eq!((outcome.steps, outcome.end), (7, End::Steps));
    let resume = |typed: &str| ganas(&format!("--resume {} {typed}", run.display()));
    let text = resume("--batch 99").unwrap_err();
    assert!(text.contains("`batch`: 99 contradicts the run, which has 16"), "{text}");
    assert!(resume("--seed 4").unwrap_err().contains("`seed`"));
    assert!(resume("--preset paper").unwrap_err().contains("`preset`"));
    assert_eq!(resume("--batch 16 --seed 3 --preset smoke").unwrap().1.steps, 7);
    assert_eq!(resume("--steps 20").unwrap().1.steps, 20);
    assert_eq!(resume("").unwrap().1.steps, 20);
    assert_eq!(resume("--steps 0").unwrap().1.end, End::Done);
    let journal = |run: &Path| fs::read(run.join("journal.jsonl")).unwrap();
    assert_eq!(journal(&run), journal(&whole));
    assert!(ganas("--resume no/such/run").unwrap_err().contains("no such folder"));
}

#[test]
fn a_run_of_another_device_or_command_is_not_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    ganas(&format!("--device cpu --steps 7 --run {}", run.display())).unwrap();
    let mut other = stored(&run);
    other.device.id = "gpu:1".into();
    let write = |stored: &StoredRun<AdversarialConfig>| {
        fs::write(run.join("config.toml"), toml::to_string(stored).unwrap()).unwrap()
    };
    write(&other);
    let text = ganas(&format!("--device cpu --resume {}", run.display())).unwrap_err();
    assert!(text.contains("begun on gpu:1") && text.contains("this is cpu"), "{text}");
    other.command = "search evolutionary".into();
    write(&other);
    let text = ganas(&format!("--device cpu --resume {}", run.display())).unwrap_err();
    assert!(text.contains("search evolutionary"), "{text}");
}

#[test]
fn an_interrupt_leaves_a_run_that_can_be_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let global = Global {
        device: Some("cpu".into()),
        quiet: true,
        ..Global::default()
    };
    let mut args = AdversarialArgs {
        run: RunArgs { run: Some(run.clone()), ..RunArgs::default() },
        ..AdversarialArgs::default()
    };
    let flag = Arc::new(AtomicBool::new(true));
    let build = |_: &Device, _: &AdversarialConfig, seed| Ok(Dummy::new(50, seed));
    let interrupted = drive(&args, &global, build, flag).unwrap_err();
    assert!(matches!(&interrupted, Error::Interrupted { run: left } if *left == run));
    assert_eq!(runs::newest_snapshot(&run).unwrap().step(), 0);
    (args.run.run, args.run.resume) = (None, Some(run));
    assert_eq!(drive(&args, &global, build, Arc::default()).unwrap().1.steps, 50);
}

#[test]
fn default_folders_are_numbered() {
    let dir = tempfile::tempdir().unwrap();
    let parent = dir.path().join("runs");
    let names: Vec<PathBuf> = (0..3).map(|_| claim(&parent, "a-seed0").unwrap()).collect();
    assert_eq!(names, ["a-seed0", "a-seed0-2", "a-seed0-3"].map(|n| parent.join(n)));
}
