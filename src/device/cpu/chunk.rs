//! A large piece of host memory, of which ranges are lent.

use std::ops::Range;
use std::ptr::NonNull;

use memmap2::{MmapMut, MmapRaw};
use range_alloc::RangeAllocator;

use super::pool::Line;

/// A piece of memory that never moves. Its beginning, as far as it was ever lent, is what takes room.
pub(super) struct Chunk {
    /// Lines that were lent before, and which of them are free.
    lines: RangeAllocator<usize>,
    /// Lines there can be.
    most: usize,
    /// None on a dry device.
    memory: Option<MmapRaw>,
}

impl Chunk {
    /// One of `most` lines, which a dry one counts and does not have.
    pub(super) fn new(most: usize, dry: bool) -> Chunk {
        Chunk {
            lines: RangeAllocator::new(0..0),
            most,
            memory: (!dry).then(|| pages(most)),
        }
    }

    /// Lines there can be.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Lines that take room.
    pub(super) fn touched(&self) -> usize {
        self.lines.initial_range().end
    }

    /// Lends `n` lines that were lent before: the least gap that they fit into.
    pub(super) fn again(&mut self, n: usize) -> Option<Range<usize>> {
        self.lines.allocate_range(n).ok()
    }

    /// Lends `n` lines of which some or all are new.
    pub(super) fn new_lines(&mut self, n: usize) -> Option<Range<usize>> {
        let free_from = self.lines.allocated_ranges().last().map_or(0, |last| last.end);
        let end = free_from + n;
        if end > self.most {
            return None;
        }
        self.lines.grow_to(end);
        self.again(n)
    }

    /// Takes lines back.
    pub(super) fn give_back(&mut self, lines: Range<usize>) {
        self.lines.free_range(lines);
    }

    /// Where a range that was lent begins; dangling on a dry device.
    pub(super) fn at(&self, lines: &Range<usize>) -> NonNull<Line> {
        let Some(memory) = &self.memory else {
            return NonNull::dangling();
        };
        assert!(lines.end <= self.most);
        // SAFETY: the memory has `most` lines from its first on.
        let first = unsafe { memory.as_mut_ptr().cast::<Line>().add(lines.start) };
        NonNull::new(first).expect("an address within the memory")
    }
}

/// Zeros, in pages of the system, which take room only once they are written.
///
/// # Panics
/// If the system has no address space left for them.
fn pages(lines: usize) -> MmapRaw {
    let bytes = lines
        .checked_mul(size_of::<Line>())
        .expect("memory of fewer bytes than there are addresses");
    let memory = MmapMut::map_anon(bytes).unwrap_or_else(|e| panic!("{bytes} bytes of memory: {e}"));
    // Kernels walk through more memory than the addresses of small pages that a processor remembers. Where the system has no
    // large ones it keeps the small.
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    memory.into()
}
