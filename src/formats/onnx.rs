//! ONNX models, written: a graph of operations over named values, with its weights.
//!
//! Only what a feed-forward network of `f32` needs. Numbers of fields are those of `onnx.proto3`.

use std::path::Path;

use super::Array;
use super::atomic;
use super::protobuf::encode::{bytes, float, number, numbers};
use crate::Error;

/// Version of the operators that nodes are meant in.
pub const OPSET: u64 = 17;
/// Version of the file's structure, the one that belongs to [`OPSET`].
const IR_VERSION: u64 = 8;

mod field {
    pub const MODEL_IR_VERSION: u32 = 1;
    pub const MODEL_PRODUCER: u32 = 2;
    pub const MODEL_PRODUCER_VERSION: u32 = 3;
    pub const MODEL_GRAPH: u32 = 7;
    pub const MODEL_OPSET: u32 = 8;
    pub const MODEL_METADATA: u32 = 14;
    pub const OPSET_VERSION: u32 = 2;
    pub const ENTRY_KEY: u32 = 1;
    pub const ENTRY_VALUE: u32 = 2;
    pub const GRAPH_NODE: u32 = 1;
    pub const GRAPH_NAME: u32 = 2;
    pub const GRAPH_INITIALIZER: u32 = 5;
    pub const GRAPH_INPUT: u32 = 11;
    pub const GRAPH_OUTPUT: u32 = 12;
    pub const NODE_INPUT: u32 = 1;
    pub const NODE_OUTPUT: u32 = 2;
    pub const NODE_NAME: u32 = 3;
    pub const NODE_OP: u32 = 4;
    pub const NODE_ATTRIBUTE: u32 = 5;
    pub const ATTRIBUTE_NAME: u32 = 1;
    pub const ATTRIBUTE_FLOAT: u32 = 2;
    pub const ATTRIBUTE_INT: u32 = 3;
    pub const ATTRIBUTE_TEXT: u32 = 4;
    pub const ATTRIBUTE_INTS: u32 = 8;
    pub const ATTRIBUTE_TYPE: u32 = 20;
    pub const TENSOR_DIMS: u32 = 1;
    pub const TENSOR_TYPE: u32 = 2;
    pub const TENSOR_NAME: u32 = 8;
    pub const TENSOR_RAW: u32 = 9;
    pub const VALUE_NAME: u32 = 1;
    pub const VALUE_TYPE: u32 = 2;
    pub const TYPE_TENSOR: u32 = 1;
    pub const TENSOR_TYPE_ELEMENT: u32 = 1;
    pub const TENSOR_TYPE_SHAPE: u32 = 2;
    pub const SHAPE_DIM: u32 = 1;
    pub const DIM_VALUE: u32 = 1;
    pub const DIM_NAME: u32 = 2;
}

const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// An attribute of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// A text.
    Text(&'static str),
}

/// A size along an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Always this.
    Fixed(usize),
    /// Any, under this name.
    Named(&'static str),
}

/// A model under construction; nodes come in the order in which they run.
#[derive(Debug, Clone, Default)]
pub struct Model {
    nodes: Vec<u8>,
    count: usize,
    initializers: Vec<u8>,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    metadata: Vec<u8>,
}

impl Model {
    /// No nodes, no values.
    pub fn new() -> Model {
        Model::default()
    }

    /// Declares an input of the model.
    pub fn input(&mut self, name: &str, shape: &[Dim]) {
        self.inputs.extend(bytes(field::GRAPH_INPUT, &value(name, shape)));
    }

    /// Declares an output of the model.
    pub fn output(&mut self, name: &str, shape: &[Dim]) {
        self.outputs.extend(bytes(field::GRAPH_OUTPUT, &value(name, shape)));
    }

    /// Adds a constant.
    pub fn weight(&mut self, name: &str, array: &Array) {
        let raw: Vec<u8> = array.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, &array.shape, FLOAT, &raw);
    }

    /// Adds a constant vector of whole numbers, such as a shape.
    pub fn integers(&mut self, name: &str, values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, &[values.len()], INT64, &raw);
    }

    fn initializer(&mut self, name: &str, shape: &[usize], kind: u64, raw: &[u8]) {
        let tensor = [
            numbers(field::TENSOR_DIMS, shape.iter().map(|d| *d as i64)),
            number(field::TENSOR_TYPE, kind),
            bytes(field::TENSOR_NAME, name.as_bytes()),
            bytes(field::TENSOR_RAW, raw),
        ];
        self.initializers.extend(bytes(field::GRAPH_INITIALIZER, &tensor.concat()));
    }

    /// Adds a node of the operation `op`; an absent optional input is an empty name.
    pub fn node(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, Attribute)]) {
        let mut node = Vec::new();
        for input in inputs {
            node.extend(bytes(field::NODE_INPUT, input.as_bytes()));
        }
        for output in outputs {
            node.extend(bytes(field::NODE_OUTPUT, output.as_bytes()));
        }
        node.extend(bytes(field::NODE_NAME, format!("{op}_{}", self.count).as_bytes()));
        node.extend(bytes(field::NODE_OP, op.as_bytes()));
        for (name, attribute) in attributes {
            node.extend(bytes(field::NODE_ATTRIBUTE, &self::attribute(name, attribute)));
        }
        self.nodes.extend(bytes(field::GRAPH_NODE, &node));
        self.count += 1;
    }

    /// Adds a text about the model.
    pub fn describe(&mut self, key: &str, text: &str) {
        let entry = [bytes(field::ENTRY_KEY, key.as_bytes()), bytes(field::ENTRY_VALUE, text.as_bytes())];
        self.metadata.extend(bytes(field::MODEL_METADATA, &entry.concat()));
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.count
    }

    /// The content of a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let graph = [
            self.nodes.as_slice(),
            &bytes(field::GRAPH_NAME, b"generator"),
            &self.initializers,
            &self.inputs,
            &self.outputs,
        ];
        [
            number(field::MODEL_IR_VERSION, IR_VERSION),
            bytes(field::MODEL_PRODUCER, b"ganas"),
            bytes(field::MODEL_PRODUCER_VERSION, env!("CARGO_PKG_VERSION").as_bytes()),
            bytes(field::MODEL_GRAPH, &graph.concat()),
            bytes(field::MODEL_OPSET, &number(field::OPSET_VERSION, OPSET)),
            self.metadata.clone(),
        ]
        .concat()
    }

    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// If the system refuses; the old content then remains.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        atomic::write(path, &self.to_bytes())
    }
}

fn value(name: &str, shape: &[Dim]) -> Vec<u8> {
    let dims: Vec<u8> = shape
        .iter()
        .flat_map(|dim| {
            let dim = match dim {
                Dim::Fixed(size) => number(field::DIM_VALUE, *size as u64),
                Dim::Named(name) => bytes(field::DIM_NAME, name.as_bytes()),
            };
            bytes(field::SHAPE_DIM, &dim)
        })
        .collect();
    let tensor = [number(field::TENSOR_TYPE_ELEMENT, FLOAT), bytes(field::TENSOR_TYPE_SHAPE, &dims)];
    let kind = bytes(field::TYPE_TENSOR, &tensor.concat());
    [bytes(field::VALUE_NAME, name.as_bytes()), bytes(field::VALUE_TYPE, &kind)].concat()
}

fn attribute(name: &str, attribute: &Attribute) -> Vec<u8> {
    let (kind, value) = match attribute {
        Attribute::Float(v) => (1, float(field::ATTRIBUTE_FLOAT, *v)),
        Attribute::Int(v) => (2, number(field::ATTRIBUTE_INT, *v as u64)),
        Attribute::Text(v) => (3, bytes(field::ATTRIBUTE_TEXT, v.as_bytes())),
        Attribute::Ints(v) => (7, numbers(field::ATTRIBUTE_INTS, v.iter().copied())),
    };
    [bytes(field::ATTRIBUTE_NAME, name.as_bytes()), value, number(field::ATTRIBUTE_TYPE, kind)].concat()
}
