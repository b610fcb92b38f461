use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::tables::{Point, Quantity, Split, Table, Wanted};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nasbench/nats_sample");

fn sample() -> Option<Folder> {
    if !Path::new(SAMPLE).exists() {
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: {SAMPLE} is not there\n"),
        );
        return None;
    }
    Some(Folder::open(Path::new(SAMPLE)).unwrap())
}

/// Values of one set in the last epoch, by seed.
fn last(of: &Architecture, epochs: u32, dataset: &str, set: &str) -> Vec<(u32, f64)> {
    let runs = of.runs.iter().filter(|run| run.epochs == epochs && run.dataset == dataset);
    runs.map(|run| (run.seed, run.accuracy[set][&(epochs - 1)])).collect()
}

fn mean(values: &[(u32, f64)]) -> f64 {
    values.iter().map(|(_, v)| v).sum::<f64>() / values.len() as f64
}

#[test]
fn published_values_of_the_sample_on_the_real_table() {
    let Some(folder) = sample() else { return };
    assert_eq!(folder.names().len(), 15_625);
    let zero = folder.architecture(0).unwrap();
    let valid = last(&zero, 12, "cifar10-valid", "x-valid");
    assert_eq!(valid.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [777, 111]);
    assert!((mean(&valid) - 63.364).abs() < 5e-4);
    let test = last(&zero, 200, "cifar10", "ori-test");
    assert_eq!(test.len(), 3);
    assert!((mean(&test) - 85.8633).abs() < 5e-5);
    let cost = |of: &Architecture| {
        let run = of.runs.iter().find(|run| run.dataset == "cifar10").unwrap();
        (run.params, run.flops)
    };
    assert_eq!(cost(&zero), (0.129306, 15.64737));
    let other = folder.architecture(11).unwrap();
    assert_eq!(cost(&other), (0.802426, 113.95137));
    assert_eq!((other.index, other.runs.len()), (11, 5 + 12));
    let run = &zero.runs[0];
    assert_eq!((run.seed, run.train_times.len(), run.accuracy.len()), (777, 12, 2));
    assert!((run.train_times[&3] - 7.22).abs() < 5e-3);
    assert!((run.latency[0] - 0.0139).abs() < 5e-5);
    assert_eq!(
        folder.names()[11],
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
    );
}

#[test]
fn the_table_of_the_sample_has_its_means_and_seeds_on_the_real_table() {
    let Some(folder) = sample() else { return };
    let text = folder.table(&STATISTICS, Missing::Refuse).unwrap_err().to_string();
    assert!(text.contains("2 of the files of 15625") && text.contains("000001.pickle.pbz2"), "{text}");
    let table = folder.table(&STATISTICS, Missing::Leave).unwrap();
    assert_eq!((table.rows(), table.space()), (15_625, "nasbench201"));
    let row = table.row_of_genes(&[4, 2, 1, 2, 1, 1]).unwrap();
    let find = |dataset: &str, split, epochs, quantity, statistic| {
        let wanted = Wanted {
            dataset: dataset.to_owned(),
            epochs,
            split,
            quantity,
            statistic,
            at: Point::Final,
            release: None,
        };
        table.find(&wanted).map(|id| table.value(id, row).unwrap())
    };
    let (accuracy, seed) = (Quantity::Accuracy, Statistic::Seed);
    let get = |dataset, split, epochs, quantity, statistic| {
        find(dataset, split, epochs, quantity, statistic).unwrap()
    };
    // Means are those of the text table: idx 0 of the data's README.
    for (dataset, split, epochs, want) in [
        ("cifar10", Split::Valid, 12, 63.364),
        ("cifar10", Split::Test, 12, 69.55),
        ("cifar10", Split::Valid, 200, 81.9827),
        ("cifar10", Split::Test, 200, 85.8633),
        ("cifar100", Split::Valid, 200, 52.7),
        ("cifar100", Split::Test, 200, 52.9133),
        ("imagenet16", Split::Valid, 200, 28.2111),
        ("imagenet16", Split::Test, 200, 26.6333),
    ] {
        let found = get(dataset, split, epochs, accuracy, Statistic::Mean);
        assert!((found - want).abs() < 6e-5, "{dataset} {split} {epochs}: {found}, not {want}");
    }
    let halves = [777, 111].map(|s| get("cifar10-valid", Split::Valid, 12, accuracy, seed(s)));
    assert!((halves[0] + halves[1] - 2.0 * 63.364).abs() < 1e-4 && halves[0] != halves[1]);
    assert!(find("cifar10", Split::Test, 12, accuracy, seed(777)).is_err());
    let time = get("cifar10-valid", Split::Train, 12, Quantity::Time, Statistic::Mean);
    assert!((time - 12.0 * 7.221_093).abs() < 1e-4);
    assert_eq!(get("cifar100", Split::Network, 0, Quantity::Params, Statistic::Mean), 135_156.0);
    assert_eq!(get("cifar10", Split::Network, 0, Quantity::Macs, Statistic::Mean), 15_647_370.0);
    let eleven = table.row_of_genes(&[3, 3, 4, 0, 3, 4]).unwrap();
    let index = table.ids().next().unwrap();
    assert_eq!((table.value(index, eleven), table.value(index, 0)), (Some(11.0), None));
    let file = tempfile::tempdir().unwrap();
    table.write(&file.path().join("t")).unwrap();
    assert_eq!(Table::open(&file.path().join("t")).unwrap().columns(), table.columns());
    assert!(folder.table(&[Statistic::Repeat(1)], Missing::Leave).is_err());
}

#[test]
fn files_in_each_others_place_are_noticed_on_the_real_table() {
    let Some(_) = sample() else { return };
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        std::fs::copy(Path::new(SAMPLE).join(from), folder.path().join(to)).unwrap();
    };
    copy(META, META);
    copy("000011.pickle.pbz2", "000012.pickle.pbz2");
    copy("000011.pickle.pbz2", "000000.pickle.pbz2");
    let other = Folder::open(folder.path()).unwrap();
    assert!(
        other
            .architecture(12)
            .unwrap_err()
            .to_string()
            .contains("is of architecture 11")
    );
    assert!(other.table(&STATISTICS, Missing::Leave).is_err());
    copy("000011.pickle.pbz2", META);
    assert!(Folder::open(folder.path()).unwrap_err().to_string().contains("no `meta_archs`"));
    assert!(
        read_architecture(&Path::new(SAMPLE).join(META))
            .unwrap_err()
            .to_string()
            .contains("`meta_archs`")
    );
    let bytes = std::fs::read(Path::new(SAMPLE).join("000000.pickle.pbz2")).unwrap();
    for cut in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        let path = folder.path().join("cut.pbz2");
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(read_architecture(&path).is_err(), "{cut}");
    }
}

/// A file with this pickle.
fn packed(folder: &Path, pickle: &[u8]) -> PathBuf {
    let path = folder.join("x.pickle.pbz2");
    let mut out =
        bzip2::write::BzEncoder::new(std::fs::File::create(&path).unwrap(), bzip2::Compression::best());
    out.write_all(pickle).unwrap();
    out.finish().unwrap();
    path
}

#[test]
fn foreign_functions_and_foreign_values_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |pickle: &[u8]| {
        let path = packed(folder.path(), pickle);
        (
            read_architecture(&path).unwrap_err().to_string(),
            read_meta(&path).unwrap_err().to_string(),
        )
    };
    for pickle in [
        &b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."[..],
        b"\x80\x02cbuiltins\neval\nX\x03\x00\x00\x001+1\x85R.",
        b"\x80\x04\x8c\x15numpy.core.multiarray\x8c\x0c_reconstruct\x93.",
    ] {
        let (one, other) = refused(pickle);
        assert!(one.contains("is not allowed") && one.contains("nothing is executed"), "{one}");
        assert!(other.contains("x.pickle.pbz2") && other.contains("is not allowed"), "{other}");
    }
    // {}, {'90': {}}, {'12': {}}, [], and {'meta_archs': [1]}.
    assert!(refused(b"}.").0.contains("holds no trainings"));
    assert!(refused(b"}X\x02\x00\x00\x0090}s.").0.contains("holds trainings `90`"));
    assert!(refused(b"}X\x02\x00\x00\x0012}s.").0.contains("no `arch_index`"));
    assert!(refused(b"].").0.contains("no dictionary"));
    assert!(
        refused(b"}X\x0a\x00\x00\x00meta_archs]K\x01as.")
            .1
            .contains("something else than texts")
    );
    // A small file that unpacks to very much.
    let bomb = packed(folder.path(), &vec![b'N'; 40 << 20]);
    assert!(read_meta(&bomb).unwrap_err().to_string().contains("when unpacked"));
}
