//! Dense `f32` tensors, the tape that records how they were made, and the one backward loop.
//!
//! This room knows no operation by name: an operation is anything that implements [`Op`].

mod accumulate;
mod backward;
mod create;
mod op;
mod shape;
mod tape;

use std::fmt;
use std::sync::Arc;

use crate::Error;
use crate::device::{Buffer, Device, GpuBuffer, HostMemory};
pub use backward::Grads;
pub use op::{Ctx, Op};
pub use shape::Shape;
use tape::Node;

/// A dense row-major `f32` tensor of rank at most 4 on a device. Cloning shares the memory; values never change.
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    buffer: Buffer,
    node: Option<Arc<Node>>,
}

impl Tensor {
    /// Sizes along each axis.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// The device that holds the values.
    pub fn device(&self) -> Device {
        self.buffer.device()
    }

    /// The memory behind the tensor.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The memory behind a tensor that a kernel is about to fill.
    pub fn buffer_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }

    /// Whether gradients can flow to or through this tensor.
    pub fn tracked(&self) -> bool {
        self.node.is_some()
    }

    /// The same values as a new leaf: `backward` can be asked for its gradient.
    pub fn param(&self) -> Tensor {
        Tensor {
            node: Some(Arc::new(Node::leaf(self.shape))),
            ..self.detach()
        }
    }

    /// The same values with no history: a constant.
    pub fn detach(&self) -> Tensor {
        Tensor {
            shape: self.shape,
            buffer: self.buffer.clone(),
            node: None,
        }
    }

    /// A tensor of another shape on the same device, content arbitrary until a kernel fills it.
    pub fn empty(&self, shape: impl Into<Shape>) -> Tensor {
        Tensor::uninit(&self.device(), shape)
    }

    /// A tensor of the same shape on the same device, content arbitrary until a kernel fills it.
    pub fn empty_like(&self) -> Tensor {
        self.empty(self.shape)
    }

    /// Copies all values to the host, row-major; waits for the device.
    ///
    /// # Errors
    /// If the device failed.
    pub fn to_vec(&self) -> Result<Vec<f32>, Error> {
        self.buffer.read(self.elements())
    }

    /// Copies all values beside the tensors of the device, row-major; waits for it.
    ///
    /// # Errors
    /// If the device failed.
    pub fn to_host(&self) -> Result<HostMemory, Error> {
        self.buffer.copy(self.elements())
    }

    /// The value of a tensor with one element; waits for the device.
    ///
    /// # Errors
    /// If the device failed.
    ///
    /// # Panics
    /// If there is not exactly one element.
    #[track_caller]
    pub fn item(&self) -> Result<f32, Error> {
        assert!(self.elements() == 1, "item: wants one element, got {}", self.shape);
        Ok(self.to_vec()?[0])
    }

    /// The floats of a tensor on the CPU device; none on a dry one.
    ///
    /// # Panics
    /// If it lies on a GPU.
    pub fn cpu(&self) -> &[f32] {
        let all = self.buffer.cpu();
        &all[..self.elements().min(all.len())]
    }

    /// The buffer of a tensor on a GPU.
    ///
    /// # Panics
    /// If it lies on the CPU.
    pub fn gpu(&self) -> &GpuBuffer {
        self.buffer.gpu()
    }

    /// The floats of a tensor on the CPU device that a kernel is about to fill.
    ///
    /// # Panics
    /// If it lies on a GPU or its memory was already shared.
    pub fn cpu_mut(&mut self) -> &mut [f32] {
        let n = self.elements();
        let all = self.buffer.cpu_mut();
        let n = n.min(all.len());
        &mut all[..n]
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor{} on {:?}", self.shape, self.device())
    }
}
