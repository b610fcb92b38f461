//! What came of a search by queries, for people and for programs.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::super::{output, run, search};
use crate::Error;
use crate::runs::{self, Outcome};
use crate::search::queries::{SeedResult, Summary};

/// Prints it.
///
/// # Errors
/// If the run cannot be read, or standard output is closed.
pub(super) fn show(run: &Path, outcome: &Outcome, as_json: bool) -> Result<(), Error> {
    let lines = runs::read_journal(run)?;
    let protocol = lines.first().map_or(&Value::Null, |line| &line["protocol"]);
    let seeds: Vec<SeedResult> = lines.iter().filter_map(|line| SeedResult::deserialize(line).ok()).collect();
    if as_json {
        let mut all = search::summary(run, outcome);
        all["protocol"] = protocol.clone();
        if !seeds.is_empty() {
            put_figures(&mut all, &Summary::of(seeds));
        }
        return output::print(&all.to_string());
    }
    match seeds.is_empty() {
        true => output::print(&of_one(run, outcome, protocol)),
        false => output::print(&of_seeds(run, outcome, protocol, &Summary::of(seeds))),
    }
}

fn put_figures(all: &mut Value, summary: &Summary) {
    let figures = serde_json::to_value(summary).expect("numbers and JSON have a JSON form");
    if let (Value::Object(all), Value::Object(figures)) = (all, figures) {
        all.extend(figures);
    }
}

/// What everybody wants to know first: how it ended, and what the numbers rest on.
fn head(run: &Path, outcome: &Outcome, protocol: &Value) -> Vec<String> {
    let mut lines = run::ended(run, outcome);
    let words: Vec<String> = protocol.as_object().into_iter().flatten().filter_map(in_words).collect();
    lines.push(format!("on    {}", words.join(", ")));
    lines
}

/// A part of a protocol in words; hashes are for programs.
fn in_words((name, value): (&String, &Value)) -> Option<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => None,
        _ if name == "sha256" => None,
        Value::Object(parts) => {
            let parts: Vec<String> = parts
                .iter()
                .filter(|(name, part)| !part.is_null() && *name != "sha256")
                .map(|(name, part)| format!("{name} {}", text(part)))
                .collect();
            Some(format!("{name} ({})", parts.join(", ")))
        }
        other => Some(format!("{name} {}", text(other))),
    }
}

fn of_one(run: &Path, outcome: &Outcome, protocol: &Value) -> String {
    let mut lines = head(run, outcome, protocol);
    for (i, found) in outcome.front.iter().enumerate() {
        let what = if i == 0 { "best " } else { "also " };
        let named: Vec<String> = found
            .objectives
            .iter()
            .map(|(name, value)| format!("{name} {value:.4}"))
            .collect();
        let text = found.genotype["text"]
            .as_str()
            .map_or_else(|| found.genotype.to_string(), str::to_owned);
        lines.push(format!("{what} {}: {text}", named.join(", ")));
    }
    lines.join("\n")
}

fn of_seeds(run: &Path, outcome: &Outcome, protocol: &Value, summary: &Summary) -> String {
    let mut lines = head(run, outcome, protocol);
    for seed in &summary.seeds {
        lines.push(format!(
            "seed  {}: {:.4} %, rank {}, found after {} of {} queries",
            seed.seed, seed.best, seed.rank, seed.queries_to_best, seed.queries
        ));
    }
    lines.push(format!(
        "mean  {:.4} % ± {:.4}, rank {:.2}, {:.1} queries to the best",
        summary.mean, summary.std, summary.mean_rank, summary.mean_queries_to_best
    ));
    if let Some(best) = outcome.front.first() {
        lines.push(format!("best  {}", best.genotype["text"].as_str().unwrap_or_default()));
    }
    lines.join("\n")
}
