//! Reads the reference numbers of `shared/fixtures`, which lies beside the repository and is not part of it.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::PathBuf;

use ganas::{Device, Tensor};
use safetensors::{Dtype, SafeTensors};

/// One stored array. Every stored type (F32, F64, U8, I32, I64) fits an f64 without loss here.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

impl Fixture {
    /// The values as `f32`: exact for what was stored as F32.
    pub fn f32(&self) -> Vec<f32> {
        self.data.iter().map(|&v| v as f32).collect()
    }

    /// The array as a constant on `device`.
    pub fn tensor(&self, device: &Device) -> Tensor {
        Tensor::from_slice(device, &self.shape[..], &self.f32())
    }
}

/// Says something on standard error, past the test harness, which hides what passing tests print.
pub fn say(text: &str) {
    io::stderr().write_all(text.as_bytes()).expect("standard error takes text");
}

/// Says that a test did nothing.
pub fn skipped(why: &str) {
    say(&format!("skipped: {why}\n"));
}

/// The path of `file` in `shared/fixtures`; says so and gives `None` if the folder is not there.
pub fn path(file: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures"));
    if !folder.is_dir() {
        skipped(&format!("{} is not there, so {file} cannot be compared", folder.display()));
        return None;
    }
    Some(folder.join(file))
}

/// All arrays of a safetensors file by name; `None`, with a printed line, if the folder is missing.
pub fn load(file: &str) -> Option<Arrays> {
    let bytes = read(file)?;
    let all = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
    let decode = |(name, view): (String, safetensors::tensor::TensorView)| {
        let data = view.data();
        let data: Vec<f64> = match view.dtype() {
            Dtype::F32 => numbers(data, |b| f64::from(f32::from_le_bytes(b))),
            Dtype::F64 => numbers(data, f64::from_le_bytes),
            Dtype::I32 => numbers(data, |b| f64::from(i32::from_le_bytes(b))),
            Dtype::I64 => numbers(data, |b| i64::from_le_bytes(b) as f64),
            Dtype::U8 => numbers(data, |[b]| f64::from(b)),
            other => panic!("{file}: {name} is {other:?}"),
        };
        (name, Fixture { shape: view.shape().to_vec(), data })
    };
    Some(all.tensors().into_iter().map(decode).collect())
}

/// The metadata map of a safetensors file; `None`, with a printed line, if the folder is missing.
pub fn metadata(file: &str) -> Option<HashMap<String, String>> {
    let bytes = read(file)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
    Some(header.metadata().clone().unwrap_or_default())
}

/// The arrays of a file by name.
pub type Arrays = BTreeMap<String, Fixture>;

/// Cases of `ops.safetensors` by name, each with its check. The tests run these tables, and the test that no case is
/// forgotten reads their names.
pub type Cases = [(&'static str, fn(&Arrays, &str))];

/// Runs every check of a table.
pub fn run(cases: &Cases) {
    let Some(all) = load("ops.safetensors") else {
        return;
    };
    for (case, check) in cases {
        check(&all, case);
    }
}

/// The settings of every case of `ops.safetensors` by name; `None`, with a printed line, if the folder is missing.
pub fn settings() -> Option<serde_json::Map<String, serde_json::Value>> {
    let bytes = read("ops_cases.json")?;
    let mut all: serde_json::Value = serde_json::from_slice(&bytes).expect("ops_cases.json is JSON");
    match all["cases"].take() {
        serde_json::Value::Object(cases) => Some(cases),
        other => panic!("ops_cases.json: `cases` is {other}"),
    }
}

fn read(file: &str) -> Option<Vec<u8>> {
    let path = path(file)?;
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn numbers<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes
        .chunks_exact(N)
        .map(|b| decode(b.try_into().expect("chunks of N bytes")))
        .collect()
}

#[test]
fn shared_fixtures_are_read_whatever_their_type() {
    let Some(ops) = load("ops.safetensors") else {
        return;
    };
    assert_eq!(ops["linear.w"].shape, [5, 6]);
    assert_eq!(ops["linear.w"].tensor(&Device::cpu()).shape().sizes(), [5, 6]);
    assert_eq!(ops["temperature.E25"].data[0], 5.0);
    let genotype = &ops["derive.g_genotype"];
    assert_eq!(genotype.shape, [48, 3, 7]);
    assert!(genotype.data.iter().all(|g| (0.0..7.0).contains(g)));
    assert_eq!(metadata("ops.safetensors").unwrap()["fixture"], "ops");
}
