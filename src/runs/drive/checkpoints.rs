//! Keeps the run folder of a search up to date.

use std::time::Instant;

use serde_json::{Value, json};

use super::{End, Observer, Report, Work, curves};
use crate::Error;
use crate::runs::{RunFolder, Snapshot};

/// Writes journal, metrics and artifacts at every step, and a snapshot with `best.json` and `front.json` every so
/// many steps and at the end, together with the curves of the metrics.
#[derive(Debug)]
pub struct Checkpoints {
    every: u64,
    folder: RunFolder,
    saved_at: Option<u64>,
    began: Instant,
    /// Seconds and steps that the run had behind it when this process took it up.
    before: (f64, u64),
}

impl Checkpoints {
    /// A snapshot every `every` steps and at the end; 0 means only at the end.
    pub fn every(every: u64, folder: RunFolder) -> Checkpoints {
        Checkpoints {
            every,
            folder,
            saved_at: None,
            began: Instant::now(),
            before: (0.0, 0),
        }
    }

    /// The run folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    fn save(&mut self, search: &mut dyn Work) -> Result<(), Error> {
        let step = search.steps_done();
        if self.saved_at == Some(step) {
            return Ok(());
        }
        let mut snapshot = Snapshot::new(step);
        search.save(&mut snapshot)?;
        self.folder.snapshot(snapshot)?;
        let front = search.front();
        if let Some(best) = front.first() {
            self.folder.write("best.json", pretty(&best.genotype).as_bytes())?;
        }
        self.folder.write("front.json", pretty(&json!(front)).as_bytes())?;
        let lines = self.folder.all_metrics()?;
        for (name, picture) in
            [("curves.svg", curves::losses(&lines)?), ("distances.svg", curves::distances(&lines)?)]
        {
            if let Some(picture) = picture {
                self.folder.write(name, picture.as_bytes())?;
            }
        }
        self.saved_at = Some(step);
        Ok(())
    }

    /// `line` with the step, the wall time since the run began, and the rate of this process.
    fn timed(&self, search: &dyn Work, line: &Value) -> Value {
        let here = self.began.elapsed().as_secs_f64();
        let step = search.steps_done();
        let mut timed = json!({
            "step": step,
            "seconds": self.before.0 + here,
            "steps_per_second": (step - self.before.1) as f64 / here.max(1e-9),
        });
        if let (Value::Object(all), Value::Object(line)) = (&mut timed, line) {
            all.extend(line.clone());
        }
        timed
    }
}

impl Observer for Checkpoints {
    fn on_start(&mut self, search: &mut dyn Work, _last_step: Option<u64>) -> Result<(), Error> {
        let lines = self.folder.all_metrics()?;
        let seconds = lines.last().and_then(|line| line["seconds"].as_f64());
        self.before = (seconds.unwrap_or(0.0), search.steps_done());
        self.began = Instant::now();
        Ok(())
    }

    fn on_step(&mut self, search: &mut dyn Work, report: &Report) -> Result<(), Error> {
        for artifact in &report.artifacts {
            self.folder.write(&artifact.name, &artifact.bytes)?;
        }
        self.folder.journal(&report.journal)?;
        let metrics: Vec<Value> = report.metrics.iter().map(|line| self.timed(search, line)).collect();
        self.folder.metrics(&metrics)?;
        if report.failure.is_none() && self.every > 0 && search.steps_done().is_multiple_of(self.every) {
            self.save(search)?;
        }
        Ok(())
    }

    fn on_end(&mut self, search: &mut dyn Work, _end: End) -> Result<(), Error> {
        self.save(search)
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
