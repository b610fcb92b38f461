//! A trained generator for other programs.

mod onnx;

pub use onnx::onnx;
