//! Making tensors from host values.

use super::{Shape, Tensor};
use crate::Rng;
use crate::device::{Buffer, Device};

impl Tensor {
    /// A tensor of `values`, row-major.
    ///
    /// # Panics
    /// If their number does not fit `shape`.
    #[track_caller]
    pub fn from_slice(device: &Device, shape: impl Into<Shape>, values: &[f32]) -> Tensor {
        let shape = shape.into();
        assert!(shape.elements() == values.len(), "from_slice: {} values for shape {shape}", values.len());
        Tensor::over(shape, device.upload(values))
    }

    /// A tensor whose every element is `value`.
    pub fn full(device: &Device, shape: impl Into<Shape>, value: f32) -> Tensor {
        let shape = shape.into();
        match device {
            _ if device.is_dry() => Tensor::uninit(device, shape),
            Device::Cpu(_) => {
                let mut y = Tensor::uninit(device, shape);
                y.cpu_mut().fill(value);
                y
            }
            Device::Gpu(_) => Tensor::from_slice(device, shape, &vec![value; shape.elements()]),
        }
    }

    /// A tensor of zeros.
    pub fn zeros(device: &Device, shape: impl Into<Shape>) -> Tensor {
        Tensor::full(device, shape, 0.0)
    }

    /// Standard normal values, drawn on the host so that both devices get the same.
    pub fn normal(device: &Device, shape: impl Into<Shape>, rng: &mut Rng) -> Tensor {
        let shape = shape.into();
        if device.is_dry() {
            return Tensor::uninit(device, shape);
        }
        Tensor::from_slice(device, shape, &rng.normals(shape.elements()))
    }

    /// Values uniform in `[-bound, bound)`, drawn on the host so that both devices get the same.
    pub fn uniform(device: &Device, shape: impl Into<Shape>, bound: f32, rng: &mut Rng) -> Tensor {
        let shape = shape.into();
        if device.is_dry() {
            return Tensor::uninit(device, shape);
        }
        let values: Vec<f32> = (0..shape.elements()).map(|_| (2.0 * rng.uniform() - 1.0) * bound).collect();
        Tensor::from_slice(device, shape, &values)
    }

    /// A tensor with arbitrary content that a kernel is about to fill.
    pub fn uninit(device: &Device, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        Tensor::over(shape, device.alloc(shape.elements()))
    }

    fn over(shape: Shape, buffer: Buffer) -> Tensor {
        Tensor { shape, buffer, node: None }
    }

    /// The same values in another shape; shares the memory and keeps the history (see `ops::reshape`).
    pub(crate) fn reshaped(&self, shape: Shape) -> Tensor {
        Tensor::over(shape, self.buffer.clone())
    }
}
