//! The CPU device: pooled memory, threads, and the matrix kernels that convolution and product stand on.
//!
//! The only room that names `gemm` and the only one with `unsafe`.

mod chunk;
pub mod dot;
pub mod elementwise;
pub mod gemm;
mod pool;
pub mod scratch;
pub mod threads;
pub mod tile;
pub mod wide;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{DeviceInfo, MemoryStats};
pub use pool::CpuBuffer;
use pool::Pool;

/// Handle of the CPU device.
#[derive(Clone)]
pub struct Cpu(Arc<Pool>);

impl Cpu {
    /// A CPU device with an empty pool.
    pub fn new() -> Cpu {
        Cpu(Arc::new(Pool::default()))
    }

    /// A CPU device that counts its buffers and computes nothing, see [`crate::Device::dry`].
    pub fn dry() -> Cpu {
        Cpu(Arc::new(Pool::dry()))
    }

    /// Whether this is a dry device.
    pub fn is_dry(&self) -> bool {
        self.0.is_dry()
    }

    /// Runs a kernel, and nothing on a dry device: whatever reads or writes the floats of a buffer belongs inside.
    pub fn run(&self, kernel: impl FnOnce()) {
        if !self.0.is_dry() {
            kernel();
        }
    }

    /// The same for a kernel that gives a value, of which a dry device has none.
    pub fn value<T>(&self, kernel: impl FnOnce() -> T) -> Option<T> {
        (!self.0.is_dry()).then(kernel)
    }

    /// Room for `len` floats with arbitrary content.
    pub fn alloc(&self, len: usize) -> CpuBuffer {
        Pool::take(&self.0, len)
    }

    pub(super) fn memory(&self) -> MemoryStats {
        self.0.stats()
    }

    pub(super) fn operations(&self) -> &AtomicU64 {
        &self.0.operations
    }

    pub(super) fn poison(&self) {
        self.0.poison();
    }

    pub(super) fn same(&self, other: &Cpu) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn info(&self) -> DeviceInfo {
        DeviceInfo {
            id: "cpu".into(),
            name: processor_name(),
            backend: "native".into(),
            driver: String::new(),
            kind: "cpu",
            auto: false,
            limits: BTreeMap::from([("threads", rayon::current_num_threads() as u64)]),
            features: instruction_sets(),
        }
    }
}

impl Default for Cpu {
    fn default() -> Cpu {
        Cpu::new()
    }
}

fn processor_name() -> String {
    let from_kernel = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    });
    from_kernel.unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH))
}

fn instruction_sets() -> Vec<String> {
    #[cfg(target_arch = "x86_64")]
    {
        let found = [
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
        ];
        found.iter().filter(|f| f.1).map(|f| f.0.to_owned()).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    Vec::new()
}
