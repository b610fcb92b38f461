//! Floats on the host that came from a device.

use std::ops::{Deref, DerefMut};

use super::{CpuBuffer, Device};

/// Floats on the host: by themselves, or in the memory of a CPU device, where they take the place of tensors that are gone.
pub enum HostMemory {
    /// By themselves.
    Own(Vec<f32>),
    /// In memory of a CPU device.
    Pooled(CpuBuffer),
    /// Zeros that a dry CPU device counts.
    Dry(Vec<f32>, CpuBuffer),
}

impl HostMemory {
    /// Room for `len` floats beside the tensors of `device`: in its own memory if that is the host's. Their values are
    /// arbitrary.
    pub fn beside(device: &Device, len: usize) -> HostMemory {
        match device {
            Device::Cpu(cpu) if cpu.is_dry() => HostMemory::Dry(vec![0.0; len], cpu.alloc(len)),
            Device::Cpu(cpu) => HostMemory::Pooled(cpu.alloc(len)),
            Device::Gpu(_) => HostMemory::Own(vec![0.0; len]),
        }
    }
}

impl Deref for HostMemory {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            HostMemory::Own(values) | HostMemory::Dry(values, _) => values,
            HostMemory::Pooled(buffer) => buffer.as_slice(),
        }
    }
}

impl DerefMut for HostMemory {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            HostMemory::Own(values) | HostMemory::Dry(values, _) => values,
            HostMemory::Pooled(buffer) => buffer.as_mut_slice(),
        }
    }
}

impl AsRef<[f32]> for HostMemory {
    fn as_ref(&self) -> &[f32] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_beside_tensors_are_counted_with_them() {
        for device in [Device::cpu(), Device::cpu().dry()] {
            let mut memory = HostMemory::beside(&device, 100);
            memory.fill(2.0);
            assert_eq!(memory[..], [2.0; 100]);
            assert_eq!(device.memory().bytes, 448);
        }
    }
}
