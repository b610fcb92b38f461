//! From the files of NATS-Bench to a table.

use rayon::prelude::*;

use super::records::{Architecture, Run};
use super::{Folder, META};
use crate::Error;
use crate::formats::limits::brief;
use crate::formats::sha256;
use crate::tables::column::{Column, Point, Quantity, Split, Statistic, Unit};
use crate::tables::draft::Draft;
use crate::tables::header::Source;
use crate::tables::lines::file_name;
use crate::tables::nasbench201::{NATS_RELEASE, ROWS, SPACE, of_network, radices};
use crate::tables::table::Table;

/// Every statistic that the official files have: the mean, and the seeds of either length.
pub const STATISTICS: [Statistic; 5] = [
    Statistic::Mean,
    Statistic::Seed(111),
    Statistic::Seed(777),
    Statistic::Seed(888),
    Statistic::Seed(999),
];

/// What to do about architectures whose file is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An error.
    Refuse,
    /// Rows without values.
    Leave,
}

/// Lengths of trainings.
const LENGTHS: [u32; 2] = [12, 200];
/// Operations of an edge; their places are the options.
const OPERATIONS: [&str; 5] = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];

/// A data set: our name, and for each split the official data set and the set of it.
struct Set {
    name: &'static str,
    official: &'static str,
    splits: &'static [(Split, &'static str, &'static str)],
}

/// Validation of `cifar10` is that of `cifar10-valid`, as in every published table: what was trained on all
/// pictures has none of its own.
const SETS: [Set; 4] = [
    Set {
        name: "cifar10-valid",
        official: "cifar10-valid",
        splits: &[(Split::Valid, "cifar10-valid", "x-valid"), (Split::Test, "cifar10-valid", "ori-test")],
    },
    Set {
        name: "cifar10",
        official: "cifar10",
        splits: &[(Split::Valid, "cifar10-valid", "x-valid"), (Split::Test, "cifar10", "ori-test")],
    },
    Set {
        name: "cifar100",
        official: "cifar100",
        splits: &[
            (Split::Valid, "cifar100", "x-valid"),
            (Split::Test, "cifar100", "x-test"),
            (Split::OriginalTest, "cifar100", "ori-test"),
        ],
    },
    Set {
        name: "imagenet16",
        official: "ImageNet16-120",
        splits: &[
            (Split::Valid, "ImageNet16-120", "x-valid"),
            (Split::Test, "ImageNet16-120", "x-test"),
            (Split::OriginalTest, "ImageNet16-120", "ori-test"),
        ],
    },
];

/// A column and how its value comes from the trainings of one architecture.
struct Plan {
    column: Column,
    official: &'static str,
    take: Take,
}

/// What is taken from a training.
enum Take {
    TrainAccuracy,
    TrainTime,
    Accuracy(&'static str),
    Time(&'static str),
    Latency,
    Params,
    Macs,
    Index,
}

pub(super) fn convert(folder: &Folder, statistics: &[Statistic], missing: Missing) -> Result<Table, Error> {
    let plans = plans(statistics)?;
    let mut draft = Draft::new(radices(), plans.iter().map(|plan| plan.column.clone()).collect());
    let there: Vec<usize> = (0..ROWS).filter(|i| folder.has(*i)).collect();
    if let (Missing::Refuse, Some(absent)) = (missing, (0..ROWS).find(|i| !folder.has(*i))) {
        let reason = format!(
            "holds {} of the files of {ROWS} architectures; the first absent one is {absent:06}.pickle.pbz2",
            there.len()
        );
        return Err(Error::format(&folder.path, reason));
    }
    let rows = there.into_par_iter().map(|index| {
        let path = folder.file(index);
        let architecture = folder.architecture(index)?;
        let genes = genes(&architecture.text).ok_or_else(|| {
            Error::format(&path, format!("`{}` is no architecture of the space", brief(&architecture.text)))
        })?;
        let values: Vec<f64> = plans.iter().map(|plan| plan.value(&architecture)).collect();
        Ok((path, genes, values, sha256::of_file(&folder.file(index))?))
    });
    let rows: Vec<_> = rows.collect::<Result<_, Error>>()?;
    let mut hasher = sha256::Hasher::new();
    hasher.update(sha256::of_file(&folder.path.join(META))?.as_bytes());
    for (path, genes, values, hash) in rows {
        if !draft.fill(&genes, &values) {
            return Err(Error::format(&path, "holds an architecture that another file holds too"));
        }
        hasher.update(hash.as_bytes());
    }
    let source = Source {
        file: file_name(&folder.path),
        sha256: hasher.finish(),
    };
    let notes = vec![
        format!("{} of {} architectures.", draft.filled(), draft.rows()),
        "A mean is over the seeds that were trained for that data set and length.".to_owned(),
        "cifar10 valid is set x-valid of cifar10-valid, trained on half of the pictures.".to_owned(),
        "cifar10 and cifar10-valid test is set ori-test; the others have x-valid and x-test.".to_owned(),
        "Time of split train is of the whole training, of other splits of one pass.".to_owned(),
    ];
    draft.table(SPACE, source, notes)
}

fn plans(statistics: &[Statistic]) -> Result<Vec<Plan>, Error> {
    let mut plans = vec![Plan {
        column: of_network("all", Quantity::Index),
        official: "cifar10",
        take: Take::Index,
    }];
    for set in &SETS {
        for (quantity, take) in [(Quantity::Params, Take::Params), (Quantity::Macs, Take::Macs)] {
            let column = of_network(set.name, quantity);
            plans.push(Plan { column, official: set.official, take });
        }
        for epochs in LENGTHS {
            for &statistic in statistics {
                if matches!(statistic, Statistic::Repeat(_)) {
                    let reason = "trainings of NATS-Bench go by their seeds: seed:NUMBER, or mean";
                    return Err(Error::config("statistic", reason));
                }
                let mut add = |split, quantity, unit, official, take| {
                    let column = Column {
                        dataset: set.name.to_owned(),
                        epochs,
                        split,
                        quantity,
                        statistic,
                        unit,
                        at: Point::Final,
                        release: Some(NATS_RELEASE.to_owned()),
                    };
                    plans.push(Plan { column, official, take });
                };
                let (percent, seconds) = (Unit::Percent, Unit::Seconds);
                add(Split::Train, Quantity::Accuracy, percent, set.official, Take::TrainAccuracy);
                add(Split::Train, Quantity::Time, seconds, set.official, Take::TrainTime);
                add(Split::Network, Quantity::Latency, seconds, set.official, Take::Latency);
                for &(split, official, name) in set.splits {
                    add(split, Quantity::Accuracy, percent, official, Take::Accuracy(name));
                    add(split, Quantity::Time, seconds, official, Take::Time(name));
                }
            }
        }
    }
    Ok(plans)
}

impl Plan {
    /// The value for an architecture; not a number if no training has it.
    fn value(&self, architecture: &Architecture) -> f64 {
        let column = &self.column;
        let fits = |run: &&Run| {
            let seed = match column.statistic {
                Statistic::Seed(seed) => run.seed == seed,
                _ => true,
            };
            run.dataset == self.official && seed && (column.epochs == 0 || column.epochs == run.epochs)
        };
        if let Take::Index = self.take {
            return architecture.index as f64;
        }
        let runs = architecture.runs.iter().filter(fits);
        let values: Vec<f64> = runs.filter_map(|run| self.take.of(run)).collect();
        match self.take {
            // Every training of a network has the same.
            Take::Params | Take::Macs => values.first().copied().unwrap_or(f64::NAN),
            _ => values.iter().sum::<f64>() / values.len() as f64,
        }
    }
}

impl Take {
    fn of(&self, run: &Run) -> Option<f64> {
        let last = run.epochs - 1;
        let millions = |v: f64| Some((v * 1e6).round());
        match self {
            Take::TrainAccuracy => run.train_accuracy.get(&last).copied(),
            Take::TrainTime => {
                (run.train_times.len() == run.epochs as usize).then(|| run.train_times.values().sum())
            }
            Take::Accuracy(set) => run.accuracy.get(*set)?.get(&last).copied(),
            Take::Time(set) => run.times.get(*set)?.get(&last).copied(),
            Take::Latency if run.latency.is_empty() => None,
            Take::Latency => Some(run.latency.iter().sum::<f64>() / run.latency.len() as f64),
            Take::Params => millions(run.params),
            Take::Macs => millions(run.flops),
            Take::Index => None,
        }
    }
}

/// Options of the six edges, in the order of the text `|a~0|+|b~0|c~1|+|d~0|e~1|f~2|`.
fn genes(text: &str) -> Option<Vec<u8>> {
    let mut genes = Vec::new();
    let mut nodes = text.split('+');
    for node in 0..3 {
        let edges = nodes.next()?.strip_prefix('|')?.strip_suffix('|')?;
        let mut count = 0;
        for (from, edge) in edges.split('|').enumerate() {
            let (operation, source) = edge.split_once('~')?;
            let option = OPERATIONS.iter().position(|name| *name == operation)?;
            if source != from.to_string() {
                return None;
            }
            genes.push(option as u8);
            count += 1;
        }
        if count != node + 1 {
            return None;
        }
    }
    nodes.next().is_none().then_some(genes)
}
