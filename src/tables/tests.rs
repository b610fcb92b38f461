use std::path::PathBuf;

use super::*;
use crate::Rng;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nasbench");

/// A file of the shared data, if they are there.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(DATA).join(name);
    if !path.exists() {
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: {} is not there\n", path.display()),
        );
        return None;
    }
    Some(path)
}

fn wanted(dataset: &str, split: Split, epochs: u32) -> Wanted {
    Wanted {
        dataset: dataset.to_owned(),
        epochs,
        split,
        quantity: Quantity::Accuracy,
        statistic: Statistic::Mean,
        at: Point::Final,
        release: None,
    }
}

fn column(name: &str, statistic: Statistic) -> Column {
    Column {
        dataset: name.to_owned(),
        epochs: 12,
        split: Split::Valid,
        quantity: Quantity::Accuracy,
        statistic,
        unit: Unit::Percent,
        at: Point::Final,
        release: None,
    }
}

fn header(keys: Keying, rows: u64) -> Header {
    Header {
        space: "toy".to_owned(),
        rows,
        keys,
        columns: vec![column("a", Statistic::Mean), column("b", Statistic::Seed(7))],
        source: Source {
            file: "toy.csv".to_owned(),
            sha256: "00".repeat(32),
        },
        notes: vec!["invented".to_owned()],
    }
}

/// Six rows by two genes, one value missing.
fn dense() -> Table {
    let values = vec![1.0, 5.0, 3.0, 5.0, f64::NAN, 2.0, 0.0, -0.0, 1.0, 2.0, 3.0, 4.0];
    Table::new(header(Keying::Dense { radices: vec![2, 3] }, 6), Vec::new(), values).unwrap()
}

fn hashed() -> Table {
    let keys = vec![[0; 16], [1; 16], [0x80; 16], [0xff; 16]];
    Table::new(header(Keying::Hashed, 4), keys, (0..8).map(f64::from).collect()).unwrap()
}

fn written(table: &Table) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.ganastbl");
    table.write(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// What a table has, not-a-number as bits; walks through everything.
fn content(table: &Table) -> (String, Vec<u64>, Vec<[u8; 16]>) {
    let values = table.ids().flat_map(|id| table.column_values(id).iter().map(|v| v.to_bits()));
    let head = format!(
        "{} {:?} {:?} {:?} {:?}",
        table.space(),
        table.keying(),
        table.columns(),
        table.source(),
        table.notes()
    );
    (head, values.collect(), table.keys().to_vec())
}

#[test]
fn a_written_table_is_mapped_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.ganastbl");
    for table in [dense(), hashed()] {
        table.write(&path).unwrap();
        assert_eq!(content(&Table::open(&path).unwrap()), content(&table));
    }
    // A table that is open while its file is replaced stays what it was.
    let open = Table::open(&path).unwrap();
    dense().write(&path).unwrap();
    assert_eq!(content(&open), content(&hashed()));
}

#[test]
fn the_layout_is_the_documented_one() {
    let bytes = written(&hashed());
    assert_eq!(&bytes[..12], b"GANASTBL\x01\0\0\0");
    let len = u64::from_le_bytes(bytes[12..20].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&bytes[20..20 + len]).unwrap();
    assert_eq!(json["keys"]["kind"], "hashed");
    assert_eq!(json["columns"][1]["statistic"], "seed:7");
    assert_eq!(json["columns"][0]["split"], "valid");
    let keys = (20 + len).next_multiple_of(8);
    assert_eq!(bytes.len(), keys + 4 * 16 + 8 * 8);
    assert_eq!(bytes[keys + 16..keys + 32], [1; 16]);
    assert_eq!(bytes[bytes.len() - 8..], 7.0_f64.to_le_bytes());
}

#[test]
fn rows_are_found_by_genes_or_by_hash() {
    let table = dense();
    let a = table.find(&wanted("a", Split::Valid, 12)).unwrap();
    // The first gene counts most: 1 * 3 + 2.
    assert_eq!(table.row_of_genes(&[1, 2]), Some(5));
    assert_eq!(table.row_of_genes(&[0, 1]).and_then(|row| table.value(a, row)), Some(5.0));
    assert_eq!((table.value(a, 4), table.value(a, 6)), (None, None));
    for none in [&[2, 0][..], &[0, 3], &[0], &[0, 0, 0], &[]] {
        assert_eq!(table.row_of_genes(none), None);
    }
    assert_eq!(table.row_of_key(&[0; 16]), None);
    let table = hashed();
    assert_eq!(table.row_of_key(&[0x80; 16]), Some(2));
    assert_eq!((table.row_of_key(&[2; 16]), table.row_of_genes(&[0, 0])), (None, None));
}

#[test]
fn a_column_is_named_in_full_and_an_absent_one_lists_what_there_is() {
    let table = dense();
    let mut want = wanted("b", Split::Valid, 12);
    let text = table.find(&want).unwrap_err().to_string();
    assert!(text.contains("no `accuracy b valid epochs 12 final mean`"), "{text}");
    assert!(text.contains("accuracy b valid epochs 12 final seed:7 in percent"), "{text}");
    want.statistic = Statistic::Seed(7);
    let id = table.find(&want).unwrap();
    assert_eq!(table.column(id).dataset, "b");
    for change in [
        |w: &mut Wanted| w.epochs = 200,
        |w: &mut Wanted| w.split = Split::Test,
        |w: &mut Wanted| w.at = Point::Half,
        |w: &mut Wanted| w.quantity = Quantity::Time,
        |w: &mut Wanted| w.release = Some("v1".to_owned()),
    ] {
        let mut other = want.clone();
        change(&mut other);
        assert!(table.find(&other).is_err(), "{other}");
    }
}

#[test]
fn equal_values_share_the_best_rank_and_missing_ones_come_last() {
    let table = dense();
    let ranks: Vec<_> = table.ids().map(|id| table.rank_by(id)).collect();
    assert_eq!(ranks, [[5, 1, 3, 1, 6, 4], [5, 5, 4, 3, 2, 1]]);
}

#[test]
fn statistics_and_options_are_read_as_they_are_written() {
    for (text, statistic) in [
        ("mean", Statistic::Mean),
        ("seed:777", Statistic::Seed(777)),
        ("repeat:2", Statistic::Repeat(2)),
    ] {
        assert_eq!((text.parse::<Statistic>().unwrap(), statistic.to_string()), (statistic, text.to_owned()));
    }
    for wrong in [
        "",
        "Mean",
        "seed",
        "seed:",
        "seed:+1",
        "seed:-1",
        "repeat:0",
        "seed:99999999999",
        "mean:1",
    ] {
        let text = wrong.parse::<Statistic>().unwrap_err().to_string();
        assert!(text.contains("valid are mean, seed:NUMBER"), "{text}");
    }
    assert_eq!("ori-test".parse::<Split>().unwrap(), Split::OriginalTest);
    assert_eq!(Split::OriginalTest.to_string(), "ori-test");
    assert_eq!("time".parse::<Quantity>().unwrap().to_string(), "time");
    let text = "tset".parse::<Split>().unwrap_err().to_string();
    assert!(text.contains("tset") && text.contains("`valid`"), "{text}");
}

#[test]
fn parts_that_do_not_fit_make_no_table() {
    let new = |header: Header, keys: usize, values: usize| {
        let keys = (0..keys).map(|i| [i as u8; 16]).collect();
        Table::new(header, keys, vec![0.0; values]).map_err(|e| e.to_string())
    };
    let good = header(Keying::Hashed, 4);
    assert!(new(good.clone(), 4, 8).is_ok());
    assert!(new(good.clone(), 3, 8).unwrap_err().contains("3 keys"));
    assert!(new(good.clone(), 4, 7).unwrap_err().contains("7 values"));
    assert!(new(Header { rows: 0, ..good.clone() }, 0, 0).unwrap_err().contains("0 rows"));
    assert!(
        new(Header { columns: Vec::new(), ..good.clone() }, 4, 0)
            .unwrap_err()
            .contains("0 columns")
    );
    let twice = vec![
        column("a", Statistic::Mean),
        Column {
            unit: Unit::Fraction,
            ..column("a", Statistic::Mean)
        },
    ];
    assert!(
        new(Header { columns: twice, ..good.clone() }, 4, 8)
            .unwrap_err()
            .contains("comes twice")
    );
    for radices in [vec![2, 2, 2], vec![4, 0], vec![255; 9]] {
        assert!(
            new(header(Keying::Dense { radices }, 4), 0, 8)
                .unwrap_err()
                .contains("do not fit")
        );
    }
    let unsorted = Table::new(good, vec![[1; 16], [0; 16], [2; 16], [3; 16]], vec![0.0; 8]);
    assert!(unsorted.unwrap_err().to_string().contains("ascending"));
}

/// Opens a damaged table and, if that succeeds, looks at everything.
fn opened(bytes: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.ganastbl");
    std::fs::write(&path, bytes).unwrap();
    let table = Table::open(&path).map_err(|e| e.to_string())?;
    let (_, values, keys) = content(&table);
    assert_eq!(values.len(), table.rows() * table.columns().len());
    assert!(keys.is_empty() || keys.len() == table.rows());
    for id in table.ids() {
        assert_eq!(table.rank_by(id).len(), table.rows());
    }
    for row in keys.iter().filter_map(|key| table.row_of_key(key)) {
        assert!(row < table.rows());
    }
    if let Some(row) = table.row_of_genes(&[1, 2]) {
        assert!(row < table.rows());
    }
    Ok(())
}

#[test]
fn a_table_that_is_cut_off_or_too_long_is_refused() {
    for table in [dense(), hashed()] {
        let bytes = written(&table);
        for part in 0..20 {
            let cut = bytes.len() * part / 20;
            assert!(opened(&bytes[..cut]).is_err(), "{cut} of {} bytes", bytes.len());
        }
        for cut in (0..bytes.len()).step_by(7) {
            assert!(opened(&bytes[..cut]).is_err(), "{cut} of {} bytes", bytes.len());
        }
        assert!(
            opened(&[&bytes[..], &[0]].concat())
                .unwrap_err()
                .contains("by its header it should have")
        );
    }
}

#[test]
fn a_changed_header_is_refused_or_leaves_a_consistent_table() {
    for table in [dense(), hashed()] {
        let bytes = written(&table);
        let head = bytes.len() - if table.keys().is_empty() { 96 } else { 128 };
        let mut refused = 0;
        for at in 0..head {
            for flip in [0x01, 0x04, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let result = opened(&damaged);
                assert!(at >= 20 || result.is_err(), "byte {at}");
                refused += usize::from(result.is_err());
            }
        }
        assert!(refused > head, "only {refused} of {} were refused", 3 * head);
    }
}

#[test]
fn sizes_beyond_the_limits_are_refused_before_anything_is_made_of_them() {
    let good = written(&hashed());
    let len = u64::from_le_bytes(good[12..20].try_into().unwrap()) as usize;
    let mut bytes = good.clone();
    for (length, reason) in
        [(u64::MAX, "more than"), (5 << 20, "more than"), (1 << 20, "ends within its head")]
    {
        bytes[12..20].copy_from_slice(&length.to_le_bytes());
        assert!(opened(&bytes).unwrap_err().contains(reason), "{length}");
    }
    let with = |from: &str, to: &str| {
        let json = std::str::from_utf8(&good[20..20 + len]).unwrap().replace(from, to);
        let mut out = [&good[..12], &(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
        out.resize(out.len().next_multiple_of(8), 0);
        out.extend(&good[good.len() - 128..]);
        opened(&out)
    };
    assert_eq!(with("toy", "tox"), Ok(()));
    assert!(with("\"rows\":4", "\"rows\":4294967295").unwrap_err().contains("should have"));
    assert!(
        with("\"rows\":4", "\"rows\":18446744073709551615")
            .unwrap_err()
            .contains("rows")
    );
    assert!(with("\"rows\":4", "\"rows\":-4").unwrap_err().contains("cannot be read"));
    assert!(
        with("\"kind\":\"hashed\"", "\"kind\":\"dense\",\"radices\":[2,2]")
            .unwrap_err()
            .contains("should have")
    );
    assert!(with("\"notes\"", "\"note\"").unwrap_err().contains("cannot be read"));
    assert!(with("\"notes\":[", &format!("\"notes\":{}", "[".repeat(100_000))).is_err());
    let mut version = good.clone();
    version[8] = 2;
    assert!(opened(&version).unwrap_err().contains("has version 2, this program reads 1"));
    assert!(opened(b"").unwrap_err().contains("empty"));
    assert!(Table::open(&std::env::temp_dir()).is_err());
}

#[test]
fn random_bytes_behind_the_magic_never_panic() {
    let mut rng = Rng::seed(5);
    for _ in 0..300 {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((0..rng.below(200)).map(|_| rng.below(256) as u8));
        if bytes.len() > 20 {
            bytes[8..20].copy_from_slice(&[1, 0, 0, 0, rng.below(100) as u8, 0, 0, 0, 0, 0, 0, 0]);
        }
        assert!(opened(&bytes).is_err());
    }
}

/// The best value of a column and the official numbers of the architectures that have it.
fn best(table: &Table, want: &Wanted) -> (f64, Vec<f64>) {
    let column = table.find(want).unwrap();
    let ranks = table.rank_by(column);
    let index = table.ids().find(|id| table.column(*id).quantity == Quantity::Index).unwrap();
    let rows: Vec<usize> = (0..ranks.len()).filter(|row| ranks[*row] == 1).collect();
    let mut of: Vec<f64> = rows.iter().map(|row| table.value(index, *row).unwrap()).collect();
    of.sort_by(f64::total_cmp);
    (table.value(column, rows[0]).unwrap(), of)
}

#[test]
fn optima_and_first_row_of_nasbench201_on_the_real_table() {
    let Some(path) = shared("nasbench201.csv") else {
        return;
    };
    let direct = open(&path, Kind::NasBench201).unwrap();
    assert_eq!(direct.source().sha256, "6504627ae32bb0c347ce1406a1d7e4aaac15b9a3d0114e33ac75cda38f732e38");
    let folder = tempfile::tempdir().unwrap();
    let converted = folder.path().join("nb201");
    direct.write(&converted).unwrap();
    let mapped = open(&converted, Kind::NasBench201).unwrap();
    assert_eq!(content(&mapped), content(&direct));
    assert!(
        open(&converted, Kind::Macro)
            .unwrap_err()
            .to_string()
            .contains("wanted is one of `nasbench_macro`")
    );
    for table in [direct, mapped] {
        let of = |dataset, split, epochs| Wanted {
            release: Some(nasbench201::RELEASE.to_owned()),
            ..wanted(dataset, split, epochs)
        };
        assert_eq!(best(&table, &of("cifar10", Split::Test, 200)), (94.3733, vec![6111.0, 13714.0]));
        assert_eq!(best(&table, &of("cifar10", Split::Valid, 200)), (91.6067, vec![6111.0]));
        assert_eq!(best(&table, &of("cifar100", Split::Test, 200)), (73.5133, vec![9930.0]));
        assert_eq!(best(&table, &of("cifar100", Split::Valid, 200)), (73.4933, vec![9930.0]));
        assert_eq!(best(&table, &of("imagenet16", Split::Test, 200)), (47.3111, vec![857.0]));
        assert_eq!(best(&table, &of("imagenet16", Split::Valid, 200)), (46.7333, vec![10676.0]));
        let row = table.row_of_genes(&[4, 2, 1, 2, 1, 1]).unwrap();
        let value = |want: Wanted| table.value(table.find(&want).unwrap(), row).unwrap();
        assert_eq!(value(of("cifar10", Split::Valid, 12)), 63.364);
        assert_eq!(value(of("cifar100", Split::Test, 200)), 52.9133);
        // Two releases have it: one must be named.
        let text = table.find(&wanted("cifar10", Split::Test, 200)).unwrap_err().to_string();
        assert!(text.contains("release v1.1") && text.contains("release nats-v1.0"), "{text}");
        assert!(table.find(&wanted("cifar10", Split::Valid, 200)).is_ok());
        let class = table.ids().find(|id| table.column(*id).quantity == Quantity::Class).unwrap();
        let mut classes = table.column_values(class).to_vec();
        classes.sort_by(f64::total_cmp);
        classes.dedup();
        assert_eq!(classes.len(), 6466);
    }
}

#[test]
fn optimum_and_costs_of_nasbench_macro_on_the_real_table() {
    let Some(path) = shared("nas_bench_macro.csv") else {
        return;
    };
    let table = open(&path, Kind::Macro).unwrap();
    let mean = Wanted {
        at: Point::Best,
        ..wanted("cifar10", Split::Test, 50)
    };
    let column = table.find(&mean).unwrap();
    let ranks = table.rank_by(column);
    let best: Vec<usize> = (0..ranks.len()).filter(|row| ranks[*row] == 1).collect();
    let row = |genes: [u8; 8]| table.row_of_genes(&genes).unwrap();
    assert_eq!(best, [row([2, 2, 2, 1, 2, 2, 0, 2]), row([2, 2, 2, 1, 2, 2, 2, 0])]);
    assert!((table.value(column, best[0]).unwrap() - 93.1267).abs() < 5e-5);
    let worst = table.column_values(column).iter().copied().fold(f64::INFINITY, f64::min);
    assert!((worst - 45.3633).abs() < 5e-5);
    assert_eq!(table.value(column, row([0; 8])), Some(worst));
    let value = |want: Wanted, genes| table.value(table.find(&want).unwrap(), row(genes));
    let second = Wanted { statistic: Statistic::Repeat(2), ..mean.clone() };
    assert_eq!(value(second, [0, 0, 0, 0, 0, 0, 0, 1]), Some(64.21));
    let params = Wanted {
        quantity: Quantity::Params,
        at: Point::Final,
        ..wanted("cifar10", Split::Network, 0)
    };
    assert_eq!(value(params.clone(), [0; 8]), Some(387_882.0));
    assert_eq!(value(Wanted { quantity: Quantity::Macs, ..params }, [0; 8]), Some(7_713_280.0));
}

/// Reads a changed copy of a text table.
fn changed(path: &Path, kind: Kind, change: impl FnOnce(&mut Vec<String>)) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.csv");
    std::fs::write(&copy, lines.join("\n")).unwrap();
    open(&copy, kind).unwrap_err().to_string()
}

#[test]
fn errors_of_text_tables_name_line_and_column_on_the_real_table() {
    let (Some(nb201), Some(layers)) = (shared("nasbench201.csv"), shared("nas_bench_macro.csv")) else {
        return;
    };
    let of = |change: fn(&mut Vec<String>)| changed(&nb201, Kind::NasBench201, change);
    let text = of(|lines| lines[2] = lines[2].replace("82.8340", "8x"));
    assert!(
        text.ends_with("copy.csv: line 3, column `c10_v12`: `8x` is no number of 0 to 100"),
        "{text}"
    );
    assert!(of(|lines| lines[1] = lines[1].replace("63.3640", "NaN")).contains("line 2, column `c10_v12`"));
    assert!(of(|lines| lines[1] = lines[1].replace("63.3640", "-1")).contains("`-1` is no number"));
    assert!(of(|lines| lines[5] = lines[4].clone()).contains("line 6, column `idx`: `3` comes twice"));
    let text = of(|lines| {
        let (index, rest) = (lines[5].split_once(',').unwrap().0, lines[4].split_once(',').unwrap().1);
        lines[5] = format!("{index},{rest}");
    });
    assert!(text.contains("line 6, column `ops`") && text.contains("comes twice"), "{text}");
    assert!(
        of(|lines| lines[1] = lines[1].replace("421211", "521211")).contains("is not 6 digits of 0 to 4")
    );
    assert!(of(|lines| lines[1] = lines[1].replace("421211", "42121")).contains("is not 6 digits"));
    assert!(of(|lines| lines[1].push_str(",1")).contains("line 2: 19 cells, the first line has 18"));
    assert!(of(|lines| drop(lines.pop())).contains("holds 15624 architectures, the space has 15625"));
    assert!(
        of(|lines| lines[0] = lines[0].replace("iso", "class")).contains("line 1: there is no column `iso`")
    );
    assert!(of(|lines| lines[1] = lines[1].replacen("0,", "0.5,", 1)).contains("is no whole number"));
    assert!(of(Vec::clear).contains("there is no column `idx`"));
    let of = |change: fn(&mut Vec<String>)| changed(&layers, Kind::Macro, change);
    assert!(of(|lines| lines[1] = lines[1].replace("45.32", "")).contains("line 2, column `acc1`: ``"));
    assert!(
        of(|lines| lines.push(lines[1].clone())).contains("line 6563, column `arch`: `00000000` comes twice")
    );
    assert!(changed(&layers, Kind::NasBench201, |_| ()).contains("no column `idx`"));
}

#[test]
fn other_forms_are_refused_with_those_that_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.json"), b"{}").unwrap();
    std::fs::write(path("a.pbz2"), b"BZh9").unwrap();
    let of = |name: &str, kind| open(&path(name), kind).unwrap_err().to_string();
    assert!(of("a.json", Kind::NasBench101).contains("a converted table or the official file `*.tfrecord`"));
    assert!(of("a.json", Kind::NasBench201).contains("`nasbench201.csv`, or the official folder"));
    assert!(of("a.pbz2", Kind::NasBench201).contains("the official folder `NATS-tss-v1_0-3ffb9-simple`"));
    assert!(of("", Kind::Macro).contains("is a folder; for nasbench_macro give"));
    assert!(of("", Kind::NasBench201).contains("meta.pickle.pbz2"));
    assert!(of("none", Kind::Macro).contains("cannot open"));
}
