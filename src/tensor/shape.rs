//! Sizes of a dense tensor of rank at most 4.

use std::fmt;
use std::ops::Deref;

/// Sizes along each axis, outermost first; images are `[n, h, w, c]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    sizes: [usize; 4],
    rank: u8,
}

impl Shape {
    /// A shape with these sizes.
    ///
    /// # Panics
    /// If there are more than four.
    #[track_caller]
    pub fn new(sizes: &[usize]) -> Shape {
        assert!(sizes.len() <= 4, "a tensor has at most 4 axes, got {sizes:?}");
        let mut all = [1; 4];
        all[..sizes.len()].copy_from_slice(sizes);
        Shape { sizes: all, rank: sizes.len() as u8 }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.iter().product()
    }

    /// Size of the last axis (channels of an image); 1 for a scalar.
    pub fn last(&self) -> usize {
        self.sizes().last().copied().unwrap_or(1)
    }

    /// The sizes as a slice.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes[..self.rank()]
    }

    /// The four sizes of an image batch.
    ///
    /// # Panics
    /// If the rank is not 4; the message starts with `op`.
    #[track_caller]
    pub fn nhwc(&self, op: &str) -> [usize; 4] {
        assert!(self.rank() == 4, "{op}: wants an image batch [n,h,w,c], got {self}");
        self.sizes
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        self.sizes()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    #[track_caller]
    fn from(sizes: [usize; N]) -> Shape {
        Shape::new(&sizes)
    }
}

impl From<&[usize]> for Shape {
    #[track_caller]
    fn from(sizes: &[usize]) -> Shape {
        Shape::new(sizes)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.iter().map(usize::to_string).collect();
        write!(f, "[{}]", sizes.join(","))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
