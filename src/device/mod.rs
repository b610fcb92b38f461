//! Buffers and kernels on one of two devices: the CPU, or a GPU through wgpu.
//!
//! This room knows bytes, kernels, threads and adapters. It knows no shapes, tensors or operations.

pub mod cpu;
pub mod gpu;
mod host_memory;
mod room;
mod select;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::Error;
pub use cpu::{Cpu, CpuBuffer};
pub use gpu::{Choices, Counters, Gpu, GpuBuffer, GpuOptions};
pub(crate) use gpu::{kernel, params};
pub use host_memory::HostMemory;
pub use room::free_on_host;

/// Where tensors live and kernels run. Cloning is cheap; clones are the same device.
#[derive(Clone)]
pub enum Device {
    /// Native kernels on this machine's cores.
    Cpu(Cpu),
    /// WGSL kernels on a Vulkan, Metal or DX12 adapter.
    Gpu(Gpu),
}

/// What is known of a device before it is opened; serialises to the keys of `ganas devices --json`.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceInfo {
    /// `cpu` or `gpu:N`.
    pub id: String,
    /// Name of the processor or adapter.
    pub name: String,
    /// `native`, `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// Driver name and version; empty for the CPU.
    pub driver: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `cpu`.
    pub kind: &'static str,
    /// Whether `Device::auto` takes this one.
    pub auto: bool,
    /// Named limits that matter to kernels, in elements or bytes.
    pub limits: BTreeMap<&'static str, u64>,
    /// Names of the features that kernels may use.
    pub features: Vec<String>,
}

/// How much memory a device holds for tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryStats {
    /// How often memory was taken from the system since the device was opened.
    pub created: u64,
    /// Bytes taken from the system and not given back: in use or pooled.
    pub bytes: u64,
}

/// Memory of a device, returned to its pool when the last clone is dropped.
#[derive(Clone)]
pub enum Buffer {
    /// Host memory of the CPU device.
    Cpu(Arc<CpuBuffer>),
    /// A wgpu buffer.
    Gpu(Arc<GpuBuffer>),
}

impl Device {
    /// The CPU device. Every call opens a device with a memory pool of its own.
    pub fn cpu() -> Device {
        Device::Cpu(Cpu::new())
    }

    /// A device of the same kind for a dry run: its buffers are counted like those of this one and have no memory, its
    /// kernels do not run, and whatever is read from it is 0. What work would take of memory is known from it before
    /// the work begins ([`Device::memory`]).
    pub fn dry(&self) -> Device {
        match self {
            Device::Cpu(_) => Device::Cpu(Cpu::dry()),
            Device::Gpu(gpu) => Device::Gpu(gpu.dry()),
        }
    }

    /// Whether this is a device for dry runs.
    pub fn is_dry(&self) -> bool {
        match self {
            Device::Cpu(cpu) => cpu.is_dry(),
            Device::Gpu(gpu) => gpu.is_dry(),
        }
    }

    /// Room for `len` floats with arbitrary content: the kernel that gets it writes every element.
    pub fn alloc(&self, len: usize) -> Buffer {
        match self {
            Device::Cpu(cpu) => Buffer::Cpu(Arc::new(cpu.alloc(len))),
            Device::Gpu(gpu) => Buffer::Gpu(Arc::new(gpu.alloc(len))),
        }
    }

    /// Copies `data` to the device.
    pub fn upload(&self, data: &[f32]) -> Buffer {
        match self {
            Device::Cpu(cpu) => {
                let mut buffer = cpu.alloc(data.len());
                cpu.run(|| buffer.as_mut_slice().copy_from_slice(data));
                Buffer::Cpu(Arc::new(buffer))
            }
            Device::Gpu(gpu) => Buffer::Gpu(Arc::new(gpu.upload(data))),
        }
    }

    /// Waits for all recorded work.
    ///
    /// # Errors
    /// If the device failed since it was opened.
    pub fn sync(&self) -> Result<(), Error> {
        match self {
            Device::Cpu(_) => Ok(()),
            Device::Gpu(gpu) => gpu.sync(),
        }
    }

    /// The first failure of the device, if any, without waiting.
    ///
    /// # Errors
    /// [`Error::Device`] if it was lost, ran out of memory or refused a kernel.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Device::Cpu(_) => Ok(()),
            Device::Gpu(gpu) => gpu.check(),
        }
    }

    /// Memory held for tensors.
    pub fn memory(&self) -> MemoryStats {
        match self {
            Device::Cpu(cpu) => cpu.memory(),
            Device::Gpu(gpu) => gpu.memory(),
        }
    }

    /// Floating-point operations of the convolutions and products that ran since the device was opened; a
    /// multiply-add is two, and those with padding count.
    pub fn operations(&self) -> u64 {
        self.operation_counter().load(Ordering::Relaxed)
    }

    /// Adds to [`Device::operations`].
    pub(crate) fn count_operations(&self, multiply_adds: usize) {
        self.operation_counter().fetch_add(2 * multiply_adds as u64, Ordering::Relaxed);
    }

    fn operation_counter(&self) -> &AtomicU64 {
        match self {
            Device::Cpu(cpu) => cpu.operations(),
            Device::Gpu(gpu) => gpu.operations(),
        }
    }

    /// What a GPU has done since it was opened; none on the CPU, where a call is its own launch.
    pub fn counters(&self) -> Option<Counters> {
        match self {
            Device::Cpu(_) => None,
            Device::Gpu(gpu) => Some(gpu.counters()),
        }
    }

    /// From now on every allocated buffer is filled with NaN first, so that a kernel which leaves an element
    /// unwritten, or reads what it should not, is seen. For tests.
    pub fn poison(&self) {
        match self {
            Device::Cpu(cpu) => cpu.poison(),
            Device::Gpu(gpu) => gpu.poison(),
        }
    }

    /// What this device is.
    pub fn info(&self) -> DeviceInfo {
        match self {
            Device::Cpu(cpu) => cpu.info(),
            Device::Gpu(gpu) => gpu.info().clone(),
        }
    }

    /// Whether both are the same opened device.
    pub fn same(&self, other: &Device) -> bool {
        match (self, other) {
            (Device::Cpu(a), Device::Cpu(b)) => a.same(b),
            (Device::Gpu(a), Device::Gpu(b)) => a.same(b),
            _ => false,
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        write!(f, "{} ({})", info.id, info.name)
    }
}

impl Buffer {
    /// The device that owns this memory.
    pub fn device(&self) -> Device {
        match self {
            Buffer::Cpu(buffer) => Device::Cpu(buffer.device()),
            Buffer::Gpu(buffer) => Device::Gpu(buffer.device()),
        }
    }

    /// Copies `len` floats beside the tensors of the device; waits for it. Zeros from a dry one.
    ///
    /// # Errors
    /// If the device failed.
    pub fn copy(&self, len: usize) -> Result<HostMemory, Error> {
        match self {
            Buffer::Cpu(buffer) => {
                let mut copy = HostMemory::beside(&self.device(), len);
                buffer.device().run(|| copy.copy_from_slice(&buffer.as_slice()[..len]));
                Ok(copy)
            }
            Buffer::Gpu(_) => Ok(HostMemory::Own(self.read(len)?)),
        }
    }

    /// Copies `len` floats to the host; waits for the device. Zeros from a dry device.
    ///
    /// # Errors
    /// If the device failed.
    pub fn read(&self, len: usize) -> Result<Vec<f32>, Error> {
        match self {
            Buffer::Cpu(buffer) => {
                let values = buffer.device().value(|| buffer.as_slice()[..len].to_vec());
                Ok(values.unwrap_or_else(|| vec![0.0; len]))
            }
            Buffer::Gpu(buffer) => buffer.device().read(buffer, len),
        }
    }

    /// The floats of a CPU buffer; none of a dry device.
    ///
    /// # Panics
    /// If the buffer lies on a GPU.
    pub fn cpu(&self) -> &[f32] {
        match self {
            Buffer::Cpu(buffer) => buffer.as_slice(),
            Buffer::Gpu(_) => panic!("a GPU buffer was handed to a CPU kernel"),
        }
    }

    /// The floats of a CPU buffer that nobody else holds yet.
    ///
    /// # Panics
    /// If the buffer lies on a GPU or was already shared.
    pub fn cpu_mut(&mut self) -> &mut [f32] {
        match self {
            Buffer::Cpu(buffer) => Arc::get_mut(buffer)
                .expect("a kernel may only write a buffer that was not shared yet")
                .as_mut_slice(),
            Buffer::Gpu(_) => panic!("a GPU buffer was handed to a CPU kernel"),
        }
    }

    /// The GPU buffer.
    ///
    /// # Panics
    /// If the buffer lies on the CPU.
    pub fn gpu(&self) -> &GpuBuffer {
        match self {
            Buffer::Gpu(buffer) => buffer,
            Buffer::Cpu(_) => panic!("a CPU buffer was handed to a GPU kernel"),
        }
    }
}
