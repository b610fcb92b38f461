//! What `--on` names: a space, and where its evaluations come from.

use std::path::Path;
use std::sync::Arc;

use super::config::{Method, Protocol, QueryConfig};
use crate::cli::args::Global;
use crate::cli::judge::Judge;
use crate::data::{self, OpenOptions};
use crate::search::baselines::{AgeingEvolution, CrossEntropy, LocalSearch, RandomSearch, Reinforce};
use crate::search::gan;
use crate::search::queries::{
    Budget, Evaluator, QuerySearch, Reading, Searcher, Seeds, SurrogateQueries, SyntheticQueries,
    TableQueries,
};
use crate::search::{GaNas, Search};
use crate::space::{
    Darts, EfficientNet, NasBench101, NasBench201, NasBenchMacro, Nb201Dataset, ProxylessNas, Space,
};
use crate::tables::nasbench301::Ensemble;
use crate::tables::{self, Kind, Point, Quantity, Split, Synthetic, Table, Wanted};
use crate::{Device, Error};

/// What `--on` can be.
pub(super) const FORMS: &str = "nasbench201:F, macro:F, nasbench101:F (each a table), nasbench301:DIR (a surrogate), gan, or \
     synthetic:SPACE with one of the spaces nasbench101, nasbench201, macro, darts, efficientnet, proxylessnas";

/// Where evaluations come from.
enum Source {
    Table(Kind),
    Surrogate,
    Synthetic,
    Gan,
}

/// The parts of a typed `--on`: the first one, also as it is written, and what follows.
fn parse(on: &str) -> Result<(Source, &str, &str), Error> {
    let (name, rest) = on.split_once(':').unwrap_or((on, ""));
    let source = match name {
        "nasbench201" => Source::Table(Kind::NasBench201),
        "macro" => Source::Table(Kind::Macro),
        "nasbench101" => Source::Table(Kind::NasBench101),
        "nasbench301" => Source::Surrogate,
        "synthetic" => Source::Synthetic,
        "gan" => Source::Gan,
        _ => return Err(Error::config("on", format!("there is no `{name}`; it can be {FORMS}"))),
    };
    match (&source, rest.is_empty()) {
        (Source::Gan, true) | (Source::Table(_) | Source::Surrogate | Source::Synthetic, false) => {
            Ok((source, name, rest))
        }
        (Source::Gan, false) => Err(Error::config("on", format!("`gan` takes no `:{rest}`"))),
        (_, true) => Err(Error::config("on", format!("`{name}` wants a file: it can be {FORMS}"))),
    }
}

/// An error if something is set that makes no difference here.
fn check_heeded(config: &QueryConfig, source: &Source, rest: &str) -> Result<(), Error> {
    let default = QueryConfig::preset("smoke")?;
    let (table, gan) = (matches!(source, Source::Table(_)), matches!(source, Source::Gan));
    // The costs of NAS-Bench-201 are those on a data set.
    let of_data = table || (matches!(source, Source::Synthetic) && rest == "nasbench201");
    let settings = [
        ("dataset", of_data, config.dataset != default.dataset),
        ("protocol", table, config.protocol != default.protocol),
        ("epochs", table, config.epochs != default.epochs),
        ("statistic", table, config.statistic != default.statistic),
        ("release", table, config.release != default.release),
    ];
    if let Some((key, ..)) = settings.into_iter().find(|(_, heeded, set)| *set && !heeded) {
        return Err(Error::config(
            key,
            format!("makes no difference on `{}`: it belongs to tables", config.on),
        ));
    }
    if config.gan != default.gan && !gan {
        let reason = format!(
            "`--preset`, `--data`, `--features`, `--generator`, `--part` and `--evaluator` make no difference on `{}`: they \
             belong to `--on gan`",
            config.on
        );
        return Err(Error::config("gan", reason));
    }
    Ok(())
}

/// A space by the name it has in `--on`.
fn space(name: &str, config: &QueryConfig) -> Result<Arc<dyn Space>, Error> {
    Ok(match name {
        "nasbench101" => Arc::new(NasBench101::new()),
        "nasbench201" => Arc::new(NasBench201::new(config.dataset.parse()?)),
        "macro" => Arc::new(NasBenchMacro::new()),
        "darts" => Arc::new(Darts::default()),
        "efficientnet" => Arc::new(EfficientNet::new()),
        "proxylessnas" => Arc::new(ProxylessNas::new()),
        _ => return Err(Error::config("on", format!("there is no space `{name}`; it can be {FORMS}"))),
    })
}

/// The search that the settings describe: over several seeds on a table, else a single one.
pub(super) fn build(
    device: &Device,
    config: &QueryConfig,
    seed: u64,
    global: &Global,
) -> Result<Box<dyn Search>, Error> {
    let (source, name, rest) = parse(&config.on)?;
    check_heeded(config, &source, rest)?;
    if config.seeds != 1 && !matches!(source, Source::Table(_)) {
        let reason = "several seeds are compared by their ranks, which only a table knows";
        return Err(Error::config("seeds", reason));
    }
    let (space, evaluator): (Arc<dyn Space>, Box<dyn Evaluator>) = match source {
        Source::Table(kind) => {
            let space = space(name, config)?;
            let table = Arc::new(tables::open(Path::new(rest), kind)?);
            let reading = reading(config, kind, &table)?;
            let queries = TableQueries::new(table, space.clone(), reading)?;
            return seeds(device, config, seed, space, queries);
        }
        Source::Surrogate => {
            let darts = Darts::default();
            let queries = SurrogateQueries::new(Ensemble::open(Path::new(rest))?, darts.clone(), rest);
            (Arc::new(darts), Box::new(queries))
        }
        Source::Synthetic => {
            let space = space(rest, config)?;
            let synthetic = Synthetic::new(space.as_ref(), seed);
            (space.clone(), Box::new(SyntheticQueries::new(synthetic, space)))
        }
        Source::Gan => {
            let evaluator = gan_evaluator(device, config, seed, global)?;
            (Arc::new(config.gan.space()), evaluator)
        }
    };
    Ok(Box::new(search(device, config, seed, space, evaluator)?))
}

fn seeds(
    device: &Device,
    config: &QueryConfig,
    seed: u64,
    space: Arc<dyn Space>,
    queries: TableQueries,
) -> Result<Box<dyn Search>, Error> {
    let make = {
        let (device, config, queries) = (device.clone(), config.clone(), queries.clone());
        move |seed| search(&device, &config, seed, space.clone(), Box::new(queries.clone()))
    };
    let protocol = queries.protocol();
    if config.budget > queries.architectures() {
        let reason = format!("the table has {} different architectures", queries.architectures());
        return Err(Error::config("budget", reason));
    }
    // What cannot work is said before anything runs.
    make(seed)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Box::new(Seeds::new(
        Box::new(make),
        Box::new(queries),
        protocol,
        seed,
        config.seeds,
        threads,
    )?))
}

fn search(
    device: &Device,
    config: &QueryConfig,
    seed: u64,
    space: Arc<dyn Space>,
    evaluator: Box<dyn Evaluator>,
) -> Result<QuerySearch, Error> {
    let searcher = searcher(device, config, seed, space.as_ref())?;
    let budget = Budget {
        queries: config.budget,
        constraints: config.constraints(),
    };
    QuerySearch::new(space, evaluator, searcher, budget)
}

fn searcher(
    device: &Device,
    config: &QueryConfig,
    seed: u64,
    space: &dyn Space,
) -> Result<Box<dyn Searcher>, Error> {
    if config.method != Method::Generative && !config.start.is_empty() {
        return Err(Error::config("start", "only GA-NAS begins with given architectures"));
    }
    Ok(match config.method {
        Method::Generative => {
            let start = config.start.iter().map(|text| space.parse(text)).collect::<Result<_, _>>()?;
            Box::new(GaNas::new(device, space, config.generative.clone(), start, seed)?)
        }
        Method::Random => Box::new(RandomSearch::new(seed)),
        Method::Aging => Box::new(AgeingEvolution::new(config.aging.clone(), seed)?),
        Method::Local => Box::new(LocalSearch::new(config.local.clone(), seed)),
        Method::Cem => Box::new(CrossEntropy::new(config.cem.clone(), seed)?),
        Method::Reinforce => Box::new(Reinforce::new(device, space, config.reinforce.clone(), seed)?),
    })
}

/// Release of the table of NAS-Bench-201 that is read where none is named and both are there.
const RELEASE: &str = tables::nasbench201::RELEASE;

fn reading(config: &QueryConfig, kind: Kind, table: &Table) -> Result<Reading, Error> {
    let longest = table.columns().iter().map(|column| column.epochs).max().unwrap_or(0);
    let (dataset, at) = match kind {
        Kind::NasBench201 => {
            // Tables abbreviate it.
            let dataset = match config.dataset.parse::<Nb201Dataset>()? {
                Nb201Dataset::ImageNet16 => "imagenet16".to_owned(),
                other => other.name().to_owned(),
            };
            (dataset, Point::Final)
        }
        Kind::NasBench101 | Kind::Macro if config.dataset != "cifar10" => {
            let reason = format!("the table is of cifar10 alone, there is no `{}`", config.dataset);
            return Err(Error::config("dataset", reason));
        }
        Kind::NasBench101 => (config.dataset.clone(), Point::Final),
        Kind::Macro => (config.dataset.clone(), Point::Best),
    };
    let release = match config.release.as_str() {
        "" => {
            let has = table.columns().iter().any(|column| column.release.as_deref() == Some(RELEASE));
            has.then(|| RELEASE.to_owned())
        }
        named => Some(named.to_owned()),
    };
    let reported = Wanted {
        dataset,
        epochs: longest,
        split: Split::Test,
        quantity: Quantity::Accuracy,
        statistic: config.statistic()?,
        at,
        release,
    };
    let epochs = if config.epochs == 0 { longest } else { config.epochs };
    let searched = match config.protocol {
        Protocol::OracleTest => Wanted { epochs, ..reported.clone() },
        Protocol::Validation => Wanted {
            epochs,
            split: Split::Valid,
            release: None,
            ..reported.clone()
        },
    };
    Ok(Reading { searched, reported })
}

fn gan_evaluator(
    device: &Device,
    config: &QueryConfig,
    seed: u64,
    global: &Global,
) -> Result<Box<dyn Evaluator>, Error> {
    config.gan.check()?;
    let settings = &config.gan.settings;
    let wanted = OpenOptions {
        seed,
        size: Some(settings.image_size()),
        ..OpenOptions::default()
    };
    let images = data::open(&settings.data, &wanted)?;
    let judge = Judge {
        data: &settings.data,
        features: &settings.features,
        reference: &settings.reference,
        side: settings.image_size(),
        images: settings.eval_images,
    };
    let pictures = judge.evaluator(images.as_ref(), device, seed, global)?;
    gan::evaluator(&config.gan, device, images, pictures, seed)
}
