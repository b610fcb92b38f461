//! A trained generator for other programs.

mod onnx;
mod state;

pub use onnx::onnx;
pub use state::state_dict;
