//! The GPU device through wgpu. The only room that names `wgpu` or `naga`.

mod kernel;

use super::{DeviceInfo, MemoryStats};
use crate::Error;
pub use kernel::{Grid, Kernel, Params};
pub(crate) use kernel::{kernel, params};

/// How to open an adapter.
#[derive(Debug, Clone, Copy, Default)]
pub struct GpuOptions {
    /// Ask for WebGPU's minimum limits, even where the adapter has more.
    pub minimum_limits: bool,
    /// Lower the number of workgroups per axis to this, so that large launches fold (default: 65,535).
    pub max_workgroups_per_axis: Option<u32>,
    /// Lower the bytes per storage binding to this.
    pub max_binding_bytes: Option<u64>,
}

/// Handle of an opened adapter.
#[derive(Clone)]
pub struct Gpu {}

/// Memory of a GPU; goes back to the pool when dropped.
pub struct GpuBuffer {}

impl Gpu {
    pub fn adapters() -> Vec<DeviceInfo> {
        todo!()
    }
    /// Opens adapter `index` of [`Gpu::adapters`].
    pub fn open(_index: usize, _options: GpuOptions) -> Result<Gpu, Error> {
        todo!()
    }
    pub fn alloc(&self, _len: usize) -> GpuBuffer {
        todo!()
    }
    pub fn upload(&self, _data: &[f32]) -> GpuBuffer {
        todo!()
    }
    pub fn read(&self, _buffer: &GpuBuffer, _len: usize) -> Result<Vec<f32>, Error> {
        todo!()
    }
    /// Records one dispatch.
    pub fn launch<P: Params>(
        &self,
        _kernel: &Kernel,
        _params: &P,
        _buffers: &[(&str, &GpuBuffer)],
        _grid: Grid,
    ) {
        todo!()
    }
    pub(super) fn sync(&self) -> Result<(), Error> {
        todo!()
    }
    pub(super) fn check(&self) -> Result<(), Error> {
        todo!()
    }
    pub(super) fn memory(&self) -> MemoryStats {
        todo!()
    }
    pub(super) fn poison(&self) {
        todo!()
    }
    pub(super) fn info(&self) -> &DeviceInfo {
        todo!()
    }
    pub(super) fn same(&self, _other: &Gpu) -> bool {
        todo!()
    }
}

impl GpuBuffer {
    pub(crate) fn device(&self) -> Gpu {
        todo!()
    }
}
