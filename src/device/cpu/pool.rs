//! Host memory in size classes. A dropped buffer goes back at once and keeps its old values.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Cpu;
use crate::device::MemoryStats;
use crate::device::size_class::size_class;

/// One cache line, so that every buffer starts on one.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

#[derive(Default)]
pub(super) struct Pool {
    free: Mutex<HashMap<usize, Vec<Vec<Line>>>>,
    created: AtomicU64,
    bytes: AtomicU64,
    poison: AtomicBool,
    /// Whether buffers are counted and have no memory.
    dry: bool,
    /// See [`crate::Device::operations`]; here because a buffer knows no other part of its device.
    pub operations: AtomicU64,
}

/// Host memory of the CPU device; goes back to the pool when dropped.
pub struct CpuBuffer {
    /// None at all on a dry device.
    lines: Vec<Line>,
    class: usize,
    len: usize,
    pool: Arc<Pool>,
}

impl Pool {
    /// One that counts its buffers and has none.
    pub(super) fn dry() -> Pool {
        Pool { dry: true, ..Pool::default() }
    }

    pub(super) fn is_dry(&self) -> bool {
        self.dry
    }

    pub(super) fn take(pool: &Arc<Pool>, len: usize) -> CpuBuffer {
        let class = size_class(len.div_ceil(16).max(1));
        let recycled = pool.lock().get_mut(&class).and_then(Vec::pop);
        let mut lines = recycled.unwrap_or_else(|| {
            pool.created.fetch_add(1, Ordering::Relaxed);
            pool.bytes.fetch_add((class * 64) as u64, Ordering::Relaxed);
            vec![bytemuck::Zeroable::zeroed(); if pool.dry { 0 } else { class }]
        });
        if pool.poison.load(Ordering::Relaxed) {
            lines.fill(Line([f32::NAN; 16]));
        }
        CpuBuffer { lines, class, len, pool: pool.clone() }
    }

    pub(super) fn stats(&self) -> MemoryStats {
        MemoryStats {
            created: self.created.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    pub(super) fn poison(&self) {
        self.poison.store(true, Ordering::Relaxed);
    }

    /// A panic elsewhere cannot leave the free lists half changed, so a poisoned lock is still good.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<usize, Vec<Vec<Line>>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CpuBuffer {
    /// The floats; none on a dry device.
    pub fn as_slice(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.present()]
    }

    /// The floats, for writing; none on a dry device.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        let present = self.present();
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..present]
    }

    fn present(&self) -> usize {
        if self.pool.dry { 0 } else { self.len }
    }

    pub(crate) fn device(&self) -> Cpu {
        Cpu(self.pool.clone())
    }
}

impl Drop for CpuBuffer {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.pool.lock().entry(self.class).or_default().push(lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_serves_the_next_of_its_class() {
        let cpu = Cpu::new();
        drop(cpu.alloc(1000));
        let again = cpu.alloc(1001);
        assert_eq!(cpu.memory().created, 1);
        assert_eq!(again.as_slice().len(), 1001);
        assert_eq!(again.as_slice().as_ptr() as usize % 64, 0);
    }
}
