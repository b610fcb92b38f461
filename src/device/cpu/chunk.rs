//! A large piece of host memory, of which ranges are lent.

use std::ops::Range;
use std::ptr::NonNull;

use range_alloc::RangeAllocator;

use super::pool::Line;

/// What the memory is made of: no more aligned than the system's allocator is by itself, which then gives pages that
/// take room only once they are written.
type Unit = u128;

/// Units of a line.
const UNITS: usize = size_of::<Line>() / size_of::<Unit>();

/// A piece of memory that never moves. Its beginning, as far as it was ever lent, is what takes room.
pub(super) struct Chunk {
    /// Lines that were lent before, and which of them are free.
    lines: RangeAllocator<usize>,
    /// Lines there can be.
    most: usize,
    /// None on a dry device.
    memory: Option<Memory>,
}

impl Chunk {
    /// One of `most` lines, which a dry one counts and does not have.
    pub(super) fn new(most: usize, dry: bool) -> Chunk {
        Chunk {
            lines: RangeAllocator::new(0..0),
            most,
            memory: (!dry).then(|| Memory::new(most)),
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
        unsafe { memory.first.add(lines.start) }
    }
}

struct Memory {
    all: NonNull<[Unit]>,
    first: NonNull<Line>,
}

// SAFETY: it owns what it points to; who may touch which lines is up to the ranges that were lent.
unsafe impl Send for Memory {}

impl Memory {
    fn new(lines: usize) -> Memory {
        // One line more, for its first one to be aligned.
        let all = bytemuck::zeroed_slice_box::<Unit>((lines + 1) * UNITS);
        let all = NonNull::from(Box::leak(all));
        let first = all.cast::<u8>().as_ptr();
        let first = first.wrapping_add(first.align_offset(align_of::<Line>())).cast();
        Memory {
            all,
            first: NonNull::new(first).expect("an address within a box"),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it comes from a box, and nobody is left who was lent a part: those hold the pool.
        drop(unsafe { Box::from_raw(self.all.as_ptr()) });
    }
}
