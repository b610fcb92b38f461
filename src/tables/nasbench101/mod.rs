//! NAS-Bench-101: the official file of trainings, and the table that is made of it.

mod metrics;
mod record;
#[cfg(test)]
mod tests;

pub use metrics::{EvaluationData, ModelMetrics};
pub use record::{Record, parse_hash};

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::column::{Column, Point, Quantity, Split, Statistic, Unit};
use super::header::{Header, Keying, Source};
use super::lines::file_name;
use super::table::Table;
use crate::Error;
use crate::formats::sha256::Hasher;
use crate::formats::tfrecord::{self, Reader};

/// Name of the space.
pub const SPACE: &str = "nasbench101";
/// Number of cells of the whole benchmark.
pub const ROWS: usize = 423_624;
/// Lengths of the trainings.
pub const BUDGETS: [u32; 4] = [4, 12, 36, 108];
/// Trainings of every cell and length.
pub const REPEATS: usize = 3;

const POINTS: [Point; 2] = [Point::Half, Point::Final];
/// What is taken from an evaluation: three accuracies and the time.
const MEASURES: [(Quantity, Split, Unit); 4] = [
    (Quantity::Accuracy, Split::Train, Unit::Fraction),
    (Quantity::Accuracy, Split::Valid, Unit::Fraction),
    (Quantity::Accuracy, Split::Test, Unit::Fraction),
    (Quantity::Time, Split::Train, Unit::Seconds),
];
/// Values of one training.
const RUN: usize = POINTS.len() * MEASURES.len();
/// Values of one cell at one length.
const BUDGET: usize = REPEATS * RUN;

/// Cells found so far.
#[derive(Default)]
struct Cells {
    rows: HashMap<[u8; 16], usize>,
    params: Vec<f64>,
    /// By length: values of each row, repeat after repeat.
    values: [Vec<f64>; BUDGETS.len()],
    /// By length: trainings of each row.
    repeats: [Vec<u8>; BUDGETS.len()],
}

/// Reads a file of trainings: `nasbench_full.tfrecord`, `nasbench_only108.tfrecord`, or a part of them.
/// Repeats are numbered in the order of the file.
///
/// # Errors
/// If the file is damaged, a record is not of its form, a cell has other than three trainings of a length, or
/// lacks a length that others have.
pub fn read(path: &Path) -> Result<Table, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, "open", &e))?;
    let hashed = Hashed {
        input: BufReader::with_capacity(1 << 18, file),
        hasher: Hasher::new(),
    };
    let mut reader = Reader::new(hashed, path, tfrecord::MOST);
    let mut cells = Cells::default();
    loop {
        let began = reader.offset();
        let Some(data) = reader.next() else {
            break;
        };
        let record = Record::read(&data?).and_then(|record| cells.add(&record));
        record.map_err(|reason| Error::format_at(path, began, format!("the record {reason}")))?;
    }
    let sha256 = reader.into_inner().hasher.finish();
    cells
        .table(Source { file: file_name(path), sha256 })
        .map_err(|reason| Error::format(path, reason))
}

impl Cells {
    fn add(&mut self, record: &Record) -> Result<(), String> {
        let budget = BUDGETS.iter().position(|epochs| *epochs == record.epochs);
        let budget = budget.ok_or_else(|| format!("has {} epochs, not one of {BUDGETS:?}", record.epochs))?;
        let params = record.metrics.trainable_parameters.filter(|n| *n > 0);
        let params = params.map(f64::from).ok_or("has no number of parameters")?;
        let run = run(&record.metrics)?;
        let next = self.params.len();
        let row = *self.rows.entry(record.hash).or_insert(next);
        if row == next {
            if next == ROWS {
                return Err(format!("is of one more cell than the {ROWS} of the benchmark"));
            }
            self.params.push(params);
        }
        if self.params[row] != params {
            return Err(format!("has {params} parameters, an earlier one of its cell {}", self.params[row]));
        }
        let (values, repeats) = (&mut self.values[budget], &mut self.repeats[budget]);
        if repeats.len() <= row {
            repeats.resize(row + 1, 0);
            values.resize((row + 1) * BUDGET, f64::NAN);
        }
        let repeat = usize::from(repeats[row]);
        if repeat == REPEATS {
            return Err(format!("is of one more training than the {REPEATS} of its cell and length"));
        }
        values[row * BUDGET + repeat * RUN..][..RUN].copy_from_slice(&run);
        repeats[row] += 1;
        Ok(())
    }

    fn table(self, source: Source) -> Result<Table, String> {
        let rows = self.params.len();
        let mut order: Vec<([u8; 16], usize)> = self.rows.into_iter().collect();
        order.sort_unstable();
        let mut columns = Vec::new();
        let mut values: Vec<f64> = Vec::new();
        for (budget, &epochs) in BUDGETS.iter().enumerate() {
            let (runs, repeats) = (&self.values[budget], &self.repeats[budget]);
            if repeats.is_empty() {
                continue;
            }
            let trained = |row: usize| repeats.get(row).copied().unwrap_or(0);
            if let Some((hash, row)) = order.iter().find(|(_, row)| usize::from(trained(*row)) != REPEATS) {
                let hash: String = hash.iter().map(|b| format!("{b:02x}")).collect();
                let found = trained(*row);
                return Err(format!(
                    "holds {found} trainings of {epochs} epochs of the cell {hash}, not {REPEATS}"
                ));
            }
            for (place, (point, measure)) in
                POINTS.iter().flat_map(|p| MEASURES.iter().map(move |m| (p, m))).enumerate()
            {
                let value = |row: usize, repeat: usize| runs[row * BUDGET + repeat * RUN + place];
                columns.push(column(epochs, *point, *measure, Statistic::Mean));
                values.extend(order.iter().map(|(_, row)| {
                    (0..REPEATS).map(|repeat| value(*row, repeat)).sum::<f64>() / REPEATS as f64
                }));
                for repeat in 0..REPEATS {
                    columns.push(column(epochs, *point, *measure, Statistic::Repeat(repeat as u32 + 1)));
                    values.extend(order.iter().map(|(_, row)| value(*row, repeat)));
                }
            }
        }
        let network = (Quantity::Params, Split::Network, Unit::Count);
        columns.push(column(0, Point::Final, network, Statistic::Mean));
        values.extend(order.iter().map(|(_, row)| self.params[*row]));
        let header = Header {
            space: SPACE.to_owned(),
            rows: rows as u64,
            keys: Keying::Hashed,
            columns,
            source,
            notes: vec![
                format!("{rows} of the {ROWS} cells of the benchmark."),
                "Times are of the training up to then, without evaluations.".to_owned(),
                "Repeats are numbered in the order of the file.".to_owned(),
            ],
        };
        let keys = order.into_iter().map(|(hash, _)| hash).collect();
        Table::new(header, keys, values).map_err(|e| e.to_string())
    }
}

/// Values of a training, half-way and at the end.
fn run(metrics: &ModelMetrics) -> Result<[f64; RUN], String> {
    // The first evaluation is of the untrained network.
    let [_, half, last] = metrics.evaluations.as_slice() else {
        return Err(format!("has {} evaluations, not 3", metrics.evaluations.len()));
    };
    let mut run = [0.0; RUN];
    for (values, data) in run.chunks_exact_mut(MEASURES.len()).zip([half, last]) {
        let found = [data.train_accuracy, data.validation_accuracy, data.test_accuracy, data.training_time];
        for ((value, found), (quantity, split, _)) in values.iter_mut().zip(found).zip(MEASURES) {
            let most = if quantity == Quantity::Accuracy { 1.0 } else { f64::MAX };
            let found = found.filter(|v| (0.0..=most).contains(v));
            *value = found.ok_or_else(|| format!("has no valid {quantity} of {split}"))?;
        }
    }
    Ok(run)
}

fn column(epochs: u32, at: Point, measure: (Quantity, Split, Unit), statistic: Statistic) -> Column {
    let (quantity, split, unit) = measure;
    Column {
        dataset: "cifar10".to_owned(),
        epochs,
        split,
        quantity,
        statistic,
        unit,
        at,
        release: None,
    }
}

/// Hashes what is read through it.
struct Hashed<R> {
    input: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}
