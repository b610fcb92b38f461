//! NAS-Bench-Macro as one text table: eight digits, three accuracies and the costs of an architecture a line.

use std::path::Path;

use super::column::{Column, Point, Quantity, Split, Statistic, Unit};
use super::draft::Draft;
use super::lines::Lines;
use super::table::Table;
use crate::Error;

/// Name of the space.
pub const SPACE: &str = "nasbench_macro";
/// Number of architectures.
pub const ROWS: usize = 6_561;

/// The data set of the benchmark.
const DATASET: &str = "cifar10";
/// Length of its trainings, from the training script of the benchmark.
const EPOCHS: u32 = 50;

/// Options of the eight layers.
pub(super) fn radices() -> Vec<u8> {
    vec![3; 8]
}

fn accuracy(statistic: Statistic) -> Column {
    Column {
        dataset: DATASET.to_owned(),
        epochs: EPOCHS,
        split: Split::Test,
        quantity: Quantity::Accuracy,
        statistic,
        unit: Unit::Percent,
        at: Point::Best,
        release: None,
    }
}

/// Reads `nas_bench_macro.csv`.
///
/// # Errors
/// If a column is absent, a cell is not what its column holds, or an architecture comes twice or not at all.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Table, Error> {
    const RUNS: [&str; 3] = ["acc1", "acc2", "acc3"];
    let mut lines = Lines::new(path, bytes, &["arch", "acc1", "acc2", "acc3", "params", "flops"])?;
    let mut columns = vec![accuracy(Statistic::Mean)];
    columns.extend((1..=3).map(|repeat| accuracy(Statistic::Repeat(repeat))));
    for quantity in [Quantity::Params, Quantity::Macs] {
        columns.push(Column {
            epochs: 0,
            split: Split::Network,
            quantity,
            unit: Unit::Count,
            at: Point::Final,
            ..accuracy(Statistic::Mean)
        });
    }
    let mut draft = Draft::new(radices(), columns);
    while lines.next()? {
        let genes = lines.digits("arch", 8, 3)?;
        let mut runs = [0.0; 3];
        for (run, name) in runs.iter_mut().zip(RUNS) {
            *run = lines.number(name, 0.0, 100.0)?;
        }
        let mut row = vec![runs.iter().sum::<f64>() / 3.0];
        row.extend(runs);
        row.push(lines.whole("params", 1.0, 1e12)?);
        row.push(lines.whole("flops", 1.0, 1e15)?);
        if !draft.fill(&genes, &row) {
            return Err(lines.wrong("arch", "comes twice"));
        }
    }
    let notes = [
        "The benchmark's training script keeps the best of 50 epochs, measured on the test pictures.",
        "There is no validation accuracy.",
        "Architectures that differ only in where identities stand within a stage are one network.",
    ];
    draft.whole(path, SPACE, lines.source(), notes.map(str::to_owned).to_vec())
}
