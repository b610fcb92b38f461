//! The backend tests of the `onnx` package, one model of few nodes each, run through our operations on every device.
//!
//! `scripts/fetch-onnx-tests` fetches them. A test counts as unsupported only with a reason, and all reasons are listed.

mod image;
mod shape;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use ganas::{Device, Tensor};
use prost::Message;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto};

use crate::check::devices;

/// Largest difference, as a share of the largest expected value.
const TOLERANCE: f64 = 1e-5;
/// Tests that pass; fewer would mean that an operation lost something.
const PASSING: usize = 200;
/// Operations that have tests among those that must pass.
const OPERATIONS: [&str; 24] = [
    "Conv",
    "ConvTranspose",
    "BatchNormalization",
    "AveragePool",
    "MaxPool",
    "Resize",
    "Gemm",
    "MatMul",
    "Softmax",
    "LogSoftmax",
    "ReduceSum",
    "ReduceMean",
    "ReduceSumSquare",
    "Relu",
    "LeakyRelu",
    "Tanh",
    "Sigmoid",
    "Exp",
    "Log",
    "Sqrt",
    "GlobalAveragePool",
    "Concat",
    "Slice",
    "Gather",
];

/// A value between nodes: numbers of our engine, or whole numbers such as axes.
#[derive(Clone)]
pub enum Value {
    Floats(Vec<usize>, Vec<f32>),
    Integers(Vec<usize>, Vec<i64>),
}

/// Why a test is not run.
pub type Unsupported = String;

/// A node with its inputs, on a device.
pub struct Call<'a> {
    pub device: &'a Device,
    pub inputs: Vec<Option<Value>>,
    attributes: &'a [AttributeProto],
}

impl Call<'_> {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|a| a.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.attribute(name).map(|a| a.ints.clone())
    }

    pub fn text(&self, name: &str, default: &str) -> String {
        self.attribute(name)
            .map_or(default.to_owned(), |a| String::from_utf8_lossy(&a.s).into_owned())
    }

    /// Input `i` as shape and numbers.
    pub fn floats(&self, i: usize) -> Result<(Vec<usize>, Vec<f32>), Unsupported> {
        match self.inputs.get(i).and_then(Option::as_ref) {
            Some(Value::Floats(shape, values)) if values.is_empty() => {
                Err(format!("an empty tensor {shape:?}"))
            }
            Some(Value::Floats(shape, values)) => Ok((shape.clone(), values.clone())),
            Some(Value::Integers(..)) => Err("arithmetic on integers".to_owned()),
            None => Err(format!("no input {i}")),
        }
    }

    /// Input `i`, whole numbers, if it is there.
    pub fn integers(&self, i: usize) -> Option<Vec<i64>> {
        match self.inputs.get(i)?.as_ref()? {
            Value::Integers(_, values) => Some(values.clone()),
            Value::Floats(..) => None,
        }
    }

    pub fn has(&self, i: usize) -> bool {
        self.inputs.get(i).is_some_and(Option::is_some)
    }

    /// Values as a tensor of ours, a scalar as one element.
    pub fn tensor(&self, shape: &[usize], values: &[f32]) -> Result<Tensor, Unsupported> {
        match shape.len() {
            0 => Ok(Tensor::from_slice(self.device, [1], values)),
            1..=4 => Ok(Tensor::from_slice(self.device, shape, values)),
            rank => Err(format!("rank {rank}, ours go to 4")),
        }
    }
}

pub fn out(shape: &[usize], y: &Tensor) -> Vec<Value> {
    vec![Value::Floats(shape.to_vec(), y.to_vec().expect("the device works"))]
}

fn run_node(node: &NodeProto, call: &Call) -> Result<Vec<Value>, Unsupported> {
    match node.op_type.as_str() {
        "Conv" => image::conv(call),
        "ConvTranspose" => image::conv_transpose(call),
        "BatchNormalization" => image::batch_norm(call),
        "AveragePool" => image::pool(call, false),
        "MaxPool" => image::pool(call, true),
        "GlobalAveragePool" => image::global_average(call),
        "Resize" => image::resize(call),
        "Gemm" => shape::gemm(call),
        "MatMul" => shape::matmul(call),
        "Softmax" => shape::along_axis(call, Tensor::softmax),
        "LogSoftmax" => shape::along_axis(call, Tensor::log_softmax),
        "Concat" => shape::concat(call),
        "Slice" => shape::slice(call),
        "Gather" => shape::gather(call),
        "Transpose" => shape::transpose(call),
        "Reshape" => shape::reshape(call),
        "ReduceSum" => shape::reduce(call, |x, axes| x.sum(axes)),
        "ReduceMean" => shape::reduce(call, |x, axes| x.mean(axes)),
        "ReduceL1" => shape::reduce(call, |x, axes| x.abs().sum(axes)),
        "ReduceL2" => shape::reduce(call, |x, axes| x.square().sum(axes).sqrt()),
        "ReduceSumSquare" => shape::reduce(call, |x, axes| x.square().sum(axes)),
        "ReduceLogSum" => shape::reduce(call, |x, axes| x.sum(axes).log()),
        "ReduceLogSumExp" => shape::reduce(call, |x, axes| x.exp().sum(axes).log()),
        "Relu" => each(call, Tensor::relu),
        "LeakyRelu" => {
            let slope = call.float("alpha", 0.01);
            each(call, |x| x.leaky_relu(slope))
        }
        "Tanh" => each(call, Tensor::tanh),
        "Sigmoid" => each(call, Tensor::sigmoid),
        "Exp" => each(call, Tensor::exp),
        "Log" => each(call, Tensor::log),
        "Sqrt" => each(call, Tensor::sqrt),
        "Abs" => each(call, Tensor::abs),
        "Neg" => each(call, Tensor::neg),
        "Clip" => {
            let bound = |i: usize, none: f32| match call.has(i) {
                true => call.floats(i).map(|(_, v)| v[0]),
                false => Ok(none),
            };
            let (low, high) = (bound(1, f32::MIN)?, bound(2, f32::MAX)?);
            // Where the bounds cross, the upper one holds.
            each(call, |x| x.clamp(low.min(high), high))
        }
        "Add" => shape::pair(call, |a, b| a + b),
        "Sub" => shape::pair(call, |a, b| a - b),
        "Mul" => shape::pair(call, |a, b| a * b),
        "Div" => shape::pair(call, |a, b| a / b),
        other => Err(format!("no operation {other}")),
    }
}

fn each(call: &Call, f: impl Fn(&Tensor) -> Tensor) -> Result<Vec<Value>, Unsupported> {
    let (shape, values) = call.floats(0)?;
    let x = Tensor::from_slice(call.device, [values.len()], &values);
    Ok(out(&shape, &f(&x)))
}

/// Runs all nodes of a model.
fn run(model: &ModelProto, inputs: &[Value], device: &Device) -> Result<Vec<Value>, Unsupported> {
    let graph = model.graph.as_ref().expect("a model has a graph");
    let mut values: HashMap<String, Value> = HashMap::new();
    for tensor in &graph.initializer {
        values.insert(tensor.name.clone(), value(tensor)?);
    }
    for (input, value) in graph.input.iter().zip(inputs) {
        values.insert(input.name.clone(), value.clone());
    }
    for node in &graph.node {
        let call = Call {
            device,
            inputs: node.input.iter().map(|name| values.get(name).cloned()).collect(),
            attributes: &node.attribute,
        };
        for (name, value) in node.output.iter().zip(run_node(node, &call)?) {
            values.insert(name.clone(), value);
        }
    }
    let output = |name: &str| values.get(name).cloned().ok_or_else(|| format!("no second output `{name}`"));
    graph.output.iter().map(|o| output(&o.name)).collect()
}

fn value(tensor: &TensorProto) -> Result<Value, Unsupported> {
    let shape: Vec<usize> = tensor.dims.iter().map(|d| *d as usize).collect();
    let raw = &tensor.raw_data;
    match tensor.data_type {
        1 if tensor.float_data.is_empty() => {
            let values = raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            Ok(Value::Floats(shape, values))
        }
        1 => Ok(Value::Floats(shape, tensor.float_data.clone())),
        7 if tensor.int64_data.is_empty() => {
            let values = raw.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
            Ok(Value::Integers(shape, values))
        }
        7 => Ok(Value::Integers(shape, tensor.int64_data.clone())),
        other => Err(format!("element type {other} (1 is float32, 7 int64)")),
    }
}

fn stored(folder: &Path, kind: &str) -> Result<Vec<Value>, Unsupported> {
    let path = |i: usize| folder.join(format!("test_data_set_0/{kind}_{i}.pb"));
    let files = (0..).map(path).take_while(|path| path.exists());
    let read = |path: PathBuf| value(&TensorProto::decode(fs::read(path).unwrap().as_slice()).unwrap());
    files.map(read).collect()
}

/// Runs one test; the largest difference as a share of the largest value.
fn difference(folder: &Path, model: &ModelProto, device: &Device) -> Result<f64, Unsupported> {
    let got = run(model, &stored(folder, "input")?, device)?;
    let mut worst = 0.0_f64;
    for (got, want) in got.iter().zip(&stored(folder, "output")?) {
        let (Value::Floats(shape, got), Value::Floats(want_shape, want)) = (got, want) else {
            return Err("an output of integers".to_owned());
        };
        assert_eq!(shape, want_shape, "{}", folder.display());
        let largest = want.iter().fold(1e-30_f64, |m, v| m.max(f64::from(v.abs())));
        for (a, b) in got.iter().zip(want) {
            // Equal infinities differ by nothing.
            let far = if a == b {
                0.0
            } else {
                (f64::from(*a) - f64::from(*b)).abs() / largest
            };
            worst = if far.is_nan() { f64::INFINITY } else { worst.max(far) };
        }
    }
    Ok(worst)
}

/// What the names of tests of our operations begin with.
const BEGINNINGS: [&str; 30] = [
    "abs",
    "add",
    "averagepool",
    "batchnorm",
    "clip",
    "concat",
    "conv",
    "convtranspose",
    "div",
    "exp",
    "gather",
    "gemm",
    "globalaveragepool",
    "leakyrelu",
    "log",
    "logsoftmax",
    "matmul",
    "maxpool",
    "mul",
    "neg",
    "reduce",
    "relu",
    "reshape",
    "resize",
    "sigmoid",
    "slice",
    "softmax",
    "sqrt",
    "sub",
    "transpose",
];

fn wanted(name: &str) -> bool {
    let first = name.trim_start_matches("test_").split('_').next().unwrap_or_default();
    first == "tanh" || BEGINNINGS.contains(&first)
}

fn folder() -> PathBuf {
    match std::env::var_os("GANAS_ONNX_NODE_TESTS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/onnx-node-tests"),
    }
}

#[test]
fn onnx_node_tests_pass_on_every_device() {
    let folder = folder();
    if !folder.is_dir() {
        crate::fixtures::skipped(&format!(
            "{} is not there; scripts/fetch-onnx-tests fetches it",
            folder.display()
        ));
        return;
    }
    let mut tests: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    tests.sort();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut passed, mut failed, mut covered) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for test in &tests {
        let name = test.file_name().unwrap().to_string_lossy().into_owned();
        let model = ModelProto::decode(fs::read(test.join("model.onnx")).unwrap().as_slice()).unwrap();
        let graph = model.graph.as_ref().unwrap();
        let operations: BTreeSet<String> = graph.node.iter().map(|node| node.op_type.clone()).collect();
        if !wanted(&name) {
            continue;
        }
        for (device_name, device) in devices() {
            match difference(test, &model, device) {
                Ok(far) if far <= TOLERANCE => {
                    passed.insert(name.clone());
                    covered.extend(operations.iter().cloned());
                }
                Ok(far) => failed.push(format!("{name} on {device_name}: {far:.1e}")),
                Err(reason) => {
                    let names = reasons.entry(reason).or_default();
                    if names.last() != Some(&name) {
                        names.push(name.clone());
                    }
                }
            }
        }
    }
    let unsupported: usize = reasons.values().map(Vec::len).sum();
    let mut report = format!(
        "{} node tests pass on {} devices, {unsupported} are not supported\n",
        passed.len(),
        devices().len()
    );
    for (reason, names) in &reasons {
        report += &format!("{reason}: {}\n", names.join(" "));
    }
    fs::write(folder.with_file_name("onnx-node-tests.txt"), &report).unwrap();
    crate::fixtures::say(&report);
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(passed.len() >= PASSING, "only {} pass", passed.len());
    for operation in OPERATIONS {
        assert!(covered.contains(operation), "no test of {operation} passed");
    }
}
