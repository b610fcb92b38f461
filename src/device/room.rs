//! How much memory is still to be had.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::Device;

impl Device {
    /// Whether tensors lie in memory of the device's own, beside that of the machine.
    pub fn has_own_memory(&self) -> bool {
        self.info().kind == "discrete"
    }

    /// How many of `wanted` bytes the device would give for tensors now. Memory of its own is asked for and given back;
    /// elsewhere it is what the machine has left.
    pub fn room(&self, wanted: u64) -> u64 {
        match self {
            Device::Gpu(gpu) if self.has_own_memory() => gpu.try_to_take(wanted),
            _ => free_on_host().min(wanted),
        }
    }
}

/// Bytes that programs can still take of the machine's memory, of which a container may grant less. Where the system does
/// not say, nothing is known to be in the way.
pub fn free_on_host() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else {
        return u64::MAX;
    };
    let granted = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(granted)
}
