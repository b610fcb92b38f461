//! Memory that a thread keeps from one piece of work to the next.

use bytemuck::Zeroable;

use super::pool::{FLOATS, Line};

/// Floats from the beginning of a cache line on: where a processor begins two products of vectors a cycle, loads across two
/// lines are what it waits for.
#[derive(Default)]
pub struct Scratch(Vec<Line>);

impl Scratch {
    /// The first `len` of them, which hold what was left there.
    pub fn floats(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(FLOATS);
        if self.0.len() < lines {
            self.0.resize(lines, Line::zeroed());
        }
        &mut bytemuck::cast_slice_mut(&mut self.0)[..len]
    }
}
