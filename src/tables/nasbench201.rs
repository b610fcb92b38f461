//! NAS-Bench-201 as one text table: six digits and the means of an architecture a line.

use std::path::Path;

use super::column::{Column, Point, Quantity, Split, Statistic, Unit};
use super::draft::Draft;
use super::lines::Lines;
use super::table::Table;
use crate::Error;

/// Name of the space.
pub const SPACE: &str = "nasbench201";
/// Number of architectures.
pub const ROWS: usize = 15_625;
/// Release of most columns: that of NAS-Bench-201.
pub const RELEASE: &str = "v1.1";
/// Release of NATS-Bench, whose accuracies are means over more trainings of some architectures.
pub const NATS_RELEASE: &str = "nats-v1.0";

/// Name of a data set in the names of columns, and everywhere else.
const SETS: [(&str, &str); 3] = [("c10", "cifar10"), ("c100", "cifar100"), ("in16", "imagenet16")];

/// Options of the six edges, in the order of the digits.
pub(super) fn radices() -> Vec<u8> {
    vec![5; 6]
}

/// The columns of accuracies: their names in the file, and what they are.
fn accuracies() -> Vec<(String, Column)> {
    let mut all = Vec::new();
    for (short, dataset) in SETS {
        let mut add = |name: String, split, epochs, release: &str| {
            let column = Column {
                dataset: dataset.to_owned(),
                epochs,
                split,
                quantity: Quantity::Accuracy,
                statistic: Statistic::Mean,
                unit: Unit::Percent,
                at: Point::Final,
                release: Some(release.to_owned()),
            };
            all.push((name, column));
        };
        for epochs in [12, 200] {
            add(format!("{short}_v{epochs}"), Split::Valid, epochs, RELEASE);
            add(format!("{short}_t{epochs}"), Split::Test, epochs, RELEASE);
        }
        add(format!("{short}_t200_nats"), Split::Test, 200, NATS_RELEASE);
    }
    all
}

/// A column about the architecture itself.
pub(super) fn of_network(dataset: &str, quantity: Quantity) -> Column {
    Column {
        dataset: dataset.to_owned(),
        epochs: 0,
        split: Split::Network,
        quantity,
        statistic: Statistic::Mean,
        unit: Unit::Count,
        at: Point::Final,
        release: None,
    }
}

/// Reads `nasbench201.csv`.
///
/// # Errors
/// If a column is absent, a cell is not what its column holds, or an architecture comes twice or not at all.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Table, Error> {
    let accuracies = accuracies();
    let mut names = vec!["idx", "ops", "iso"];
    names.extend(accuracies.iter().map(|(name, _)| name.as_str()));
    let mut lines = Lines::new(path, bytes, &names)?;
    let mut columns = vec![of_network("all", Quantity::Index), of_network("all", Quantity::Class)];
    columns.extend(accuracies.iter().map(|(_, column)| column.clone()));
    let mut draft = Draft::new(radices(), columns);
    let mut seen = vec![false; ROWS];
    while lines.next()? {
        let most = (ROWS - 1) as f64;
        let index = lines.whole("idx", 0.0, most)?;
        if std::mem::replace(&mut seen[index as usize], true) {
            return Err(lines.wrong("idx", "comes twice"));
        }
        let genes = lines.digits("ops", 6, 5)?;
        let mut row = vec![index, lines.whole("iso", 0.0, most)?];
        for (name, _) in &accuracies {
            row.push(lines.number(name, 0.0, 100.0)?);
        }
        if !draft.fill(&genes, &row) {
            return Err(lines.wrong("ops", "comes twice"));
        }
    }
    let notes = [
        "Accuracies are means over the seeds that were trained.",
        "cifar10 valid is set x-valid of cifar10-valid, trained on half of the pictures.",
        "cifar10 test is set ori-test of cifar10, trained on all; the others have x-valid and x-test.",
    ];
    draft.whole(path, SPACE, lines.source(), notes.map(str::to_owned).to_vec())
}
