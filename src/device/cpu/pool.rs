//! Host memory in few large chunks. A dropped buffer goes back at once and keeps its old values.

use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Cpu;
use super::chunk::Chunk;
use crate::device::MemoryStats;

/// One cache line, so that every buffer starts on one.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(super) struct Line([f32; 16]);

pub(super) const FLOATS: usize = size_of::<Line>() / size_of::<f32>();
/// Lines of the first chunk: 32 MB.
const FIRST_CHUNK: usize = 1 << 19;

#[derive(Default)]
pub(super) struct Pool {
    chunks: Mutex<Vec<Chunk>>,
    created: AtomicU64,
    poison: AtomicBool,
    /// Whether buffers are counted and have no memory.
    dry: bool,
    /// See [`crate::Device::operations`]; here because a buffer knows no other part of its device.
    pub operations: AtomicU64,
}

/// Host memory of the CPU device; goes back to the pool when dropped.
pub struct CpuBuffer {
    chunk: usize,
    lines: Range<usize>,
    /// Where the lines begin; dangling on a dry device.
    first: NonNull<f32>,
    len: usize,
    pool: Arc<Pool>,
}

// SAFETY: it alone has its lines until it is dropped, and gives them out by the rules of references.
unsafe impl Send for CpuBuffer {}
// SAFETY: as above.
unsafe impl Sync for CpuBuffer {}

impl Pool {
    /// One that counts its buffers and has none.
    pub(super) fn dry() -> Pool {
        Pool { dry: true, ..Pool::default() }
    }

    pub(super) fn is_dry(&self) -> bool {
        self.dry
    }

    pub(super) fn take(pool: &Arc<Pool>, len: usize) -> CpuBuffer {
        let n = len.div_ceil(FLOATS).max(1);
        let mut chunks = pool.lock();
        let (chunk, lines) = pool.lend(&mut chunks, n);
        let first = chunks[chunk].at(&lines).cast();
        drop(chunks);
        let mut buffer = CpuBuffer { chunk, lines, first, len, pool: pool.clone() };
        if pool.poison.load(Ordering::Relaxed) {
            buffer.as_mut_slice().fill(f32::NAN);
        }
        buffer
    }

    /// `n` lines, and of which chunk: those that were lent before, if there are so many together, else new ones.
    fn lend(&self, chunks: &mut Vec<Chunk>, n: usize) -> (usize, Range<usize>) {
        let of = |chunks: &mut [Chunk], lend: fn(&mut Chunk, usize) -> Option<Range<usize>>| {
            let mut all = chunks.iter_mut().enumerate();
            all.find_map(|(at, chunk)| Some((at, lend(chunk, n)?)))
        };
        if let Some(lent) = of(chunks, Chunk::again) {
            return lent;
        }
        self.created.fetch_add(1, Ordering::Relaxed);
        if let Some(lent) = of(chunks, Chunk::new_lines) {
            return lent;
        }
        // Chunks become larger, that there may be few, and little is left over in them.
        let all: usize = chunks.iter().map(Chunk::most).sum();
        chunks.push(Chunk::new(n.max(all / 2).max(FIRST_CHUNK), self.dry));
        let lines = chunks.last_mut().and_then(|chunk| chunk.new_lines(n));
        (chunks.len() - 1, lines.expect("the chunk was made large enough"))
    }

    pub(super) fn stats(&self) -> MemoryStats {
        let lines: usize = self.lock().iter().map(Chunk::touched).sum();
        MemoryStats {
            created: self.created.load(Ordering::Relaxed),
            bytes: (lines * size_of::<Line>()) as u64,
        }
    }

    pub(super) fn poison(&self) {
        self.poison.store(true, Ordering::Relaxed);
    }

    /// A panic elsewhere cannot leave the chunks half changed, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, Vec<Chunk>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CpuBuffer {
    /// The floats; none on a dry device.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: the pool, which lives as long as this, lent these lines to nobody else, and they began as zeros.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.present()) }
    }

    /// The floats, for writing; none on a dry device.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.present()) }
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
        self.pool.lock()[self.chunk].give_back(self.lines.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_serves_the_next_ones_that_fit() {
        let cpu = Cpu::new();
        drop(cpu.alloc(1000));
        let [a, b] = [600, 400].map(|n| cpu.alloc(n));
        let stats = cpu.memory();
        assert_eq!((stats.created, stats.bytes), (1, 63 * 64));
        assert_eq!([a.as_slice().len(), b.as_slice().len()], [600, 400]);
    }

    #[test]
    fn buffers_overlap_no_other_and_keep_what_was_written() {
        let cpu = Cpu::new();
        let mut rng = crate::Rng::seed(7);
        let mut held: Vec<(f32, CpuBuffer)> = Vec::new();
        for round in 0..2000 {
            let value = round as f32;
            // Now and then one larger than a whole chunk.
            let len = if round % 500 == 9 {
                FLOATS * FIRST_CHUNK + 3
            } else {
                rng.below(100_000)
            };
            let mut buffer = cpu.alloc(len);
            assert_eq!(buffer.as_slice().as_ptr() as usize % 64, 0);
            buffer.as_mut_slice().fill(value);
            held.push((value, buffer));
            if held.len() > 30 {
                let (value, buffer) = held.swap_remove(rng.below(held.len()));
                assert!(buffer.as_slice().iter().all(|&x| x == value));
            }
        }
        let lines: usize = held.iter().map(|(_, buffer)| buffer.lines.len()).sum();
        assert!(cpu.memory().bytes as usize >= lines * 64);
        for (value, buffer) in held {
            assert!(buffer.as_slice().iter().all(|&x| x == value));
        }
    }

    #[test]
    fn a_dry_device_counts_the_same() {
        let bytes = [Cpu::new(), Cpu::dry()].map(|cpu| {
            let first = cpu.alloc(3_000_000);
            let second = cpu.alloc(40_000_000);
            drop(first);
            drop(cpu.alloc(2_000_000));
            drop(second);
            cpu.memory()
        });
        assert_eq!(bytes[0], bytes[1]);
    }
}
