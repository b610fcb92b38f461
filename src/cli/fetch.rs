//! `ganas data fetch`: downloads public data sets and weights.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::Global;
use super::interrupt;
use super::output::{note, print};
use crate::Error;
use crate::fetch::{Event, Got, NAMES, Patience, State, fetch, set};

/// Arguments of `ganas data fetch`.
#[derive(Debug, Clone, clap::Args)]
pub struct FetchArgs {
    /// What to download
    #[arg(value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    pub name: String,
    /// Folder for the files, made if it is missing
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Another address of the same file, https or on this machine; its hash must be that of the official one
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
}

/// Downloads the files of a set and says which are there now; with `json` as one object.
///
/// # Errors
/// As [`fetch`] has them, or if `--address` is given for a set of several files.
pub fn run(args: &FetchArgs, global: &Global) -> Result<(), Error> {
    let mut files = set(&args.name)?;
    if let Some(address) = &args.address {
        match files.as_mut_slice() {
            [only] => only.address.clone_from(address),
            several => {
                let reason =
                    format!("is for one file, and {} has {}; leave it out", args.name, several.len());
                return Err(Error::config("--address", reason));
            }
        }
    }
    let stop = interrupt::flag()?;
    let mut console = Console { quiet: global.quiet, bar: None };
    let got = fetch(&files, &args.to, &Patience::default(), &stop, &mut |event| console.show(event));
    console.clear();
    let got = got?;
    match global.json {
        true => print(&serde_json::json!({ "name": args.name, "files": got }).to_string()),
        false => print(&as_text(&args.name, &args.to, &got)),
    }
}

fn as_text(name: &str, to: &Path, got: &[Got]) -> String {
    let line = |got: &Got| {
        let state = match got.state {
            State::Fetched => "fetched",
            State::Resumed => "resumed, now whole",
            State::Kept => "already there",
        };
        format!("{}  {} bytes, {state}", got.path.display(), got.bytes)
    };
    let mut lines: Vec<String> = got.iter().map(line).collect();
    let to = to.display();
    lines.push(match name {
        "cifar10" | "cifar10-python" => format!("as a source: cifar10:{to}"),
        "stl10" => format!("as a source: stl10:{to} (it opens faster once unpacked there)"),
        "fashion-mnist" => format!("as a source: idx:{to}/train-images-idx3-ubyte.gz"),
        _ => match got {
            [only] => format!("for evaluate and stats: --features inception:{}", only.path.display()),
            _ => return lines.join("\n"),
        },
    });
    lines.join("\n")
}

/// A progress bar for each file, where somebody can see it.
struct Console {
    quiet: bool,
    bar: Option<(String, ProgressBar)>,
}

impl Console {
    fn show(&mut self, event: Event) {
        match event {
            _ if self.quiet => {}
            Event::Here { file, bytes } if std::io::stderr().is_terminal() => {
                if self.bar.as_ref().is_none_or(|(name, _)| *name != file.name) {
                    self.clear();
                    self.bar = Some((file.name.clone(), bar(&file.name, file.bytes, bytes)));
                }
                if let Some((_, bar)) = &self.bar {
                    bar.set_position(bytes);
                }
            }
            Event::Here { .. } => {}
            Event::Again { file, reason } => {
                let say = || note(&format!("{}: {reason}; trying again", file.name));
                match &self.bar {
                    Some((_, bar)) => bar.suspend(say),
                    None => say(),
                }
            }
        }
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(name: &str, bytes: u64, here: u64) -> ProgressBar {
    let template = "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left  {msg}";
    let bar = ProgressBar::new(bytes);
    bar.set_style(ProgressStyle::with_template(template).expect("the template above is valid"));
    bar.set_message(name.to_owned());
    // Bytes of an earlier call must not count into the rate.
    bar.set_position(here);
    bar.reset_eta();
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_the_promised_keys_and_says_how_to_go_on() {
        let got = |state| Got {
            path: "d/x.pth".into(),
            bytes: 7,
            sha256: "00ff".into(),
            state,
        };
        let json =
            serde_json::json!({ "files": [got(State::Kept), got(State::Fetched), got(State::Resumed)] });
        let want = r#"{"path":"d/x.pth","bytes":7,"sha256":"00ff","state":"kept"}"#;
        assert_eq!(json["files"][0].to_string(), want);
        assert_eq!(
            (&json["files"][1]["state"], &json["files"][2]["state"]),
            (&"fetched".into(), &"resumed".into())
        );
        let text = as_text("inception", Path::new("d"), &[got(State::Kept)]);
        assert_eq!(
            text,
            "d/x.pth  7 bytes, already there\nfor evaluate and stats: --features inception:d/x.pth"
        );
        assert!(as_text("cifar10", Path::new("d"), &[]).contains("cifar10:d"));
    }
}
