use super::*;
use crate::formats::protobuf::encode;
use crate::tables::Wanted;

/// The cell with the published values of the specification; the others are invented.
const KNOWN: &str = "00005c142e6f48ac74fdcf73e3439874";
const OTHER: &str = "28cfc7874f6d200472e1a9dcd8650aa0";

fn evaluation(epoch: f64, time: f64, accuracy: f64) -> EvaluationData {
    EvaluationData {
        epoch: Some(epoch),
        training_time: Some(time),
        train_accuracy: Some(accuracy + 0.05),
        validation_accuracy: Some(accuracy),
        test_accuracy: Some(accuracy - 0.0625),
        checkpoint: Some(format!("/tmp/model.ckpt-{epoch}")),
    }
}

fn record(hash: &str, epochs: u32, repeat: u32) -> Record {
    let length = f64::from(epochs);
    let accuracy = 0.5 + length / 500.0 + f64::from(repeat) / 128.0;
    Record {
        hash: parse_hash(hash).unwrap(),
        epochs,
        matrix: [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
            .as_flattened()
            .iter()
            .map(|e| *e == 1)
            .collect(),
        operations: ["input", "conv3x3-bn-relu", "output"].map(str::to_owned).to_vec(),
        metrics: ModelMetrics {
            evaluations: vec![
                evaluation(0.0, 0.0, 0.1),
                evaluation(length / 2.0, length * 5.0, accuracy - 0.25),
                evaluation(length, length * 10.0, accuracy),
            ],
            trainable_parameters: Some(if hash == KNOWN { 8_555_530 } else { 2_694_282 }),
            total_time: Some(length * 11.0),
        },
    }
}

fn all(budgets: &[u32]) -> Vec<Record> {
    let mut all = Vec::new();
    // In the order of the official file no cell's trainings follow each other; the larger hash comes first.
    for repeat in 0..3 {
        for hash in [OTHER, KNOWN] {
            all.extend(budgets.iter().map(|epochs| record(hash, *epochs, repeat)));
        }
    }
    all
}

fn bytes(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        tfrecord::write(&mut out, &record.to_bytes()).unwrap();
    }
    out
}

fn read_bytes(bytes: &[u8]) -> Result<Table, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.tfrecord");
    std::fs::write(&path, bytes).unwrap();
    read(&path).map_err(|e| e.to_string())
}

fn refused(change: impl FnOnce(&mut Vec<Record>)) -> String {
    let mut records = all(&[108]);
    change(&mut records);
    read_bytes(&bytes(&records)).unwrap_err()
}

#[test]
fn messages_are_those_of_the_official_definition() {
    /// The same messages as another implementation understands them.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Metrics {
        #[prost(message, repeated, tag = "1")]
        evaluation_data: Vec<Evaluation>,
        #[prost(int32, optional, tag = "2")]
        trainable_parameters: Option<i32>,
        #[prost(double, optional, tag = "3")]
        total_time: Option<f64>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Evaluation {
        #[prost(double, optional, tag = "1")]
        current_epoch: Option<f64>,
        #[prost(double, optional, tag = "2")]
        training_time: Option<f64>,
        #[prost(double, optional, tag = "3")]
        train_accuracy: Option<f64>,
        #[prost(double, optional, tag = "4")]
        validation_accuracy: Option<f64>,
        #[prost(double, optional, tag = "5")]
        test_accuracy: Option<f64>,
        #[prost(string, optional, tag = "6")]
        checkpoint_path: Option<String>,
    }
    let ours = record(KNOWN, 108, 1).metrics;
    let theirs = <Metrics as prost::Message>::decode(ours.to_bytes().as_slice()).unwrap();
    assert_eq!(theirs.trainable_parameters, Some(8_555_530));
    let (last, want) = (&theirs.evaluation_data[2], &ours.evaluations[2]);
    assert_eq!(last.validation_accuracy, want.validation_accuracy);
    assert_eq!(last.checkpoint_path, want.checkpoint);
    assert_eq!(last.training_time, Some(1080.0));
    assert_eq!(ModelMetrics::read(&prost::Message::encode_to_vec(&theirs)), Ok(ours));
    let negative = ModelMetrics {
        trainable_parameters: Some(-3),
        ..ModelMetrics::default()
    };
    let theirs = <Metrics as prost::Message>::decode(negative.to_bytes().as_slice()).unwrap();
    assert_eq!(theirs.trainable_parameters, Some(-3));
    assert_eq!(ModelMetrics::read(&negative.to_bytes()), Ok(negative));
}

#[test]
fn unknown_fields_are_skipped_and_wrong_types_refused() {
    let metrics = record(KNOWN, 4, 0).metrics;
    let unknown = [
        encode::number(9, 1),
        encode::float(10, 1.0),
        encode::double(11, 1.0),
        encode::bytes(12, b"x"),
    ];
    let longer = [unknown.concat(), metrics.to_bytes()].concat();
    assert_eq!(ModelMetrics::read(&longer), Ok(metrics));
    let inner = encode::bytes(1, &unknown.concat());
    assert_eq!(ModelMetrics::read(&inner).unwrap().evaluations, [EvaluationData::default()]);
    for (message, name) in [
        (encode::number(1, 3), "evaluation_data"),
        (encode::double(2, 3.0), "trainable_parameters"),
        (encode::number(2, 1 << 40), "32 bits"),
        (encode::number(3, 3), "total_time"),
        (encode::bytes(1, &encode::float(4, 0.5)), "validation_accuracy"),
        (encode::bytes(1, &encode::double(6, 0.5)), "checkpoint_path"),
        (encode::bytes(1, &encode::bytes(6, b"\xff")), "UTF-8"),
        (encode::bytes(1, b"\x09abc"), "beyond its message"),
    ] {
        let reason = ModelMetrics::read(&message).unwrap_err();
        assert!(reason.contains(name), "{reason}");
    }
}

#[test]
fn a_record_is_the_official_list_of_five() {
    let record = record(KNOWN, 36, 2);
    let data = record.to_bytes();
    let start = format!("[\"{KNOWN}\",36,\"011001000\",\"input,conv3x3-bn-relu,output\",\"");
    assert!(data.starts_with(start.as_bytes()) && data.ends_with(b"\"]"));
    assert_eq!(Record::read(&data), Ok(record.clone()));
    // Python's writer puts spaces between the parts.
    let spaced = String::from_utf8(data).unwrap().replace("\",\"", "\", \"");
    assert_eq!(Record::read(spaced.as_bytes()), Ok(record));
    let bad = |from: &str, to: &str| Record::read(spaced.replace(from, to).as_bytes()).unwrap_err();
    assert!(bad("00005c", "00005C").contains("not 32 digits"));
    assert!(bad("00005c", "00005").contains("not 32 digits"));
    assert!(bad("011001000", "011001002").contains("matrix"));
    assert!(bad("011001000", "01100100").contains("matrix `01100100`, for 3 vertices"));
    assert!(bad("input,", "input,a,b,c,d,e,").contains("for 8 vertices"));
    assert!(bad(", \"input", ", 3, \"input").contains("is not `[hash"));
    assert!(bad("=\"", "!\"").contains("base64"));
    assert!(Record::read(b"[]").is_err() && Record::read(b"\xff").is_err());
}

#[test]
fn a_file_becomes_a_table_with_every_repeat() {
    let table = read_bytes(&bytes(&all(&BUDGETS))).unwrap();
    assert_eq!((table.rows(), table.columns().len()), (2, 4 * 2 * 4 * 4 + 1));
    let row = table.row_of_key(&parse_hash(KNOWN).unwrap()).unwrap();
    assert_eq!((row, table.row_of_key(&parse_hash(OTHER).unwrap())), (0, Some(1)));
    assert_eq!(table.row_of_key(&[7; 16]), None);
    assert_eq!(table.row_of_genes(&[0]), None);
    let get = |epochs, split, quantity, statistic, at| {
        let dataset = "cifar10".to_owned();
        let wanted = Wanted {
            dataset,
            epochs,
            split,
            quantity,
            statistic,
            at,
            release: None,
        };
        table.value(table.find(&wanted).unwrap(), row).unwrap()
    };
    let valid = |epochs, statistic, at| get(epochs, Split::Valid, Quantity::Accuracy, statistic, at);
    // 0.5 + 108/500 + repeat/128, half-way a quarter less.
    assert_eq!(valid(108, Statistic::Repeat(3), Point::Final), 0.5 + 108.0 / 500.0 + 2.0 / 128.0);
    assert!((valid(108, Statistic::Mean, Point::Final) - (0.716 + 1.0 / 128.0)).abs() < 1e-12);
    assert!((valid(4, Statistic::Repeat(1), Point::Half) - 0.258).abs() < 1e-12);
    let test = get(36, Split::Test, Quantity::Accuracy, Statistic::Repeat(1), Point::Final);
    assert!((test - (0.572 - 0.0625)).abs() < 1e-12);
    let train = get(36, Split::Train, Quantity::Accuracy, Statistic::Repeat(1), Point::Final);
    assert!((train - 0.622).abs() < 1e-12);
    assert_eq!(get(12, Split::Train, Quantity::Time, Statistic::Mean, Point::Half), 60.0);
    assert_eq!(get(0, Split::Network, Quantity::Params, Statistic::Mean, Point::Final), 8_555_530.0);
    assert!(table.notes()[0].starts_with("2 of the 423624 cells"));
    let only = read_bytes(&bytes(&all(&[108]))).unwrap();
    assert_eq!(only.columns().len(), 2 * 4 * 4 + 1);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    assert!(refused(|r| drop(r.pop())).contains("2 trainings of 108 epochs of the cell 00005c14"));
    assert!(refused(|r| r.push(record(KNOWN, 108, 3))).contains("one more training"));
    assert!(refused(|r| r.push(record(KNOWN, 4, 0))).contains("trainings of 4 epochs"));
    assert!(refused(|r| r[1].epochs = 5).contains("5 epochs, not one of [4, 12, 36, 108]"));
    assert!(refused(|r| r[2].metrics.trainable_parameters = Some(1)).contains("has 1 parameters"));
    assert!(refused(|r| drop(r[2].metrics.evaluations.pop())).contains("2 evaluations, not 3"));
    assert!(
        refused(|r| r[2].metrics.evaluations[2].test_accuracy = None).contains("no valid accuracy of test")
    );
    assert!(
        refused(|r| r[2].metrics.evaluations[1].train_accuracy = Some(1.5))
            .contains("no valid accuracy of train")
    );
    assert!(refused(Vec::clear).contains("0 rows"));
    let mut damaged = bytes(&all(&[108]));
    let len = damaged.len();
    let first = u64::from_le_bytes(damaged[..8].try_into().unwrap()) as usize + 16;
    damaged[first + 40] ^= 1;
    let text = read_bytes(&damaged).unwrap_err();
    assert!(text.contains(&format!("some.tfrecord at byte {first}: the checksum")), "{text}");
    assert!(read_bytes(&damaged[..len - 1]).is_err());
    let mut wrong = bytes(&all(&[108])[..1]);
    let at = wrong.len();
    tfrecord::write(&mut wrong, b"{}").unwrap();
    let text = read_bytes(&wrong).unwrap_err();
    assert!(text.contains(&format!("at byte {at}: the record is not `[hash")), "{text}");
}
