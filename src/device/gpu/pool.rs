//! Buffers in size classes. A dropped buffer goes back at once: the queue runs in order, so whoever gets it next
//! writes it only after all recorded work that reads it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::errors::{Failure, out_of_memory};
use super::size_class::size_class;
use crate::device::MemoryStats;

/// What a pooled buffer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Tensors.
    Storage,
    /// Copies on their way to the host.
    Readback,
}

/// Bytes of the smallest class and the step of bindings: one `vec4<f32>`.
pub(super) const UNIT: u64 = 16;

/// Bytes that `len` floats occupy in a binding: whole `vec4`s, and never none.
pub(super) fn bytes_of(len: usize) -> u64 {
    (len as u64 * 4).div_ceil(UNIT).max(1) * UNIT
}

pub(super) struct Pool {
    device: wgpu::Device,
    failure: Failure,
    /// Of a dry device: how many buffers of each class are unused.
    counted: Option<Mutex<HashMap<(Purpose, u64), u64>>>,
    free: Mutex<HashMap<(Purpose, u64), Vec<wgpu::Buffer>>>,
    created: AtomicU64,
    bytes: AtomicU64,
    max_bytes: u64,
}

impl Pool {
    /// A `dry` one counts buffers and creates none.
    pub(super) fn new(device: wgpu::Device, failure: Failure, max_bytes: u64, dry: bool) -> Pool {
        Pool {
            device,
            failure,
            counted: dry.then(Mutex::default),
            free: Mutex::default(),
            created: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            max_bytes: max_bytes / UNIT * UNIT,
        }
    }

    /// A buffer of at least `bytes`, a multiple of [`UNIT`]; `None` once the device has failed.
    /// Where the system has no memory left, `reclaim` is called to let go of buffers and wait for the device.
    pub(super) fn take(&self, purpose: Purpose, bytes: u64, reclaim: impl Fn()) -> Option<wgpu::Buffer> {
        let class = self.class(bytes)?;
        let recycled = self.lock().get_mut(&(purpose, class)).and_then(Vec::pop);
        recycled.or_else(|| self.create(purpose, class, reclaim))
    }

    /// The class of a buffer of `bytes`; `None` if that is too large or the device has failed.
    fn class(&self, bytes: u64) -> Option<u64> {
        if self.failure.happened() {
            return None;
        }
        if bytes > self.max_bytes {
            self.failure.set(format!(
                "a buffer of {bytes} bytes exceeds the limit of {} bytes; use a smaller batch or fewer channels",
                self.max_bytes
            ));
            return None;
        }
        Some((size_class((bytes / UNIT) as usize) as u64 * UNIT).min(self.max_bytes))
    }

    pub(super) fn give_back(&self, purpose: Purpose, buffer: wgpu::Buffer) {
        self.lock().entry((purpose, buffer.size())).or_default().push(buffer);
    }

    /// Whether buffers are counted only.
    pub(super) fn is_dry(&self) -> bool {
        self.counted.is_some()
    }

    /// On a dry device, counts what [`Pool::take`] would take; gives its class, to be given back.
    pub(super) fn take_counted(&self, purpose: Purpose, bytes: u64) -> Option<u64> {
        let counted = self.counted.as_ref()?;
        let class = self.class(bytes)?;
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        match counted.entry((purpose, class)).or_default() {
            0 => self.count(class),
            unused => *unused -= 1,
        }
        Some(class)
    }

    pub(super) fn give_back_counted(&self, purpose: Purpose, class: u64) {
        if let Some(counted) = &self.counted {
            let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
            *counted.entry((purpose, class)).or_default() += 1;
        }
    }

    /// Counts memory that the device itself creates and keeps.
    pub(super) fn count(&self, bytes: u64) {
        self.created.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> MemoryStats {
        MemoryStats {
            created: self.created.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// How many of `wanted` bytes the system has; they are given back.
    pub(super) fn try_to_take(&self, wanted: u64) -> u64 {
        let mut taken = Vec::new();
        let mut sum = 0;
        while sum < wanted {
            let bytes = (wanted - sum).div_ceil(UNIT).saturating_mul(UNIT).min(self.max_bytes);
            let Some(buffer) = self.attempt(Purpose::Storage, bytes) else {
                break;
            };
            taken.push(buffer);
            sum += bytes;
        }
        for buffer in taken {
            buffer.destroy();
        }
        sum.min(wanted)
    }

    fn create(&self, purpose: Purpose, bytes: u64, reclaim: impl Fn()) -> Option<wgpu::Buffer> {
        let buffer = self.attempt(purpose, bytes).or_else(|| {
            self.release();
            reclaim();
            self.attempt(purpose, bytes)
        });
        match buffer {
            Some(_) => self.count(bytes),
            None => self.failure.set(out_of_memory(&format!(
                "a buffer of {bytes} bytes beside {} bytes in use",
                self.stats().bytes
            ))),
        }
        buffer
    }

    /// A new buffer, if the system has one.
    fn attempt(&self, purpose: Purpose, bytes: u64) -> Option<wgpu::Buffer> {
        let (label, usage) = match purpose {
            Purpose::Storage => (
                "tensor",
                wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            ),
            Purpose::Readback => ("readback", wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
        };
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        match pollster::block_on(scope.pop()) {
            None => Some(buffer),
            Some(_) => None,
        }
    }

    /// Gives all unused buffers back to the system.
    pub(super) fn release(&self) {
        let unused = std::mem::take(&mut *self.lock());
        let bytes: u64 = unused.values().flatten().map(wgpu::Buffer::size).sum();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A panic elsewhere cannot leave the free lists half changed, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, HashMap<(Purpose, u64), Vec<wgpu::Buffer>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_whole_vectors() {
        assert_eq!([0, 1, 4, 5, 1000].map(bytes_of), [16, 16, 16, 32, 4000]);
    }
}
