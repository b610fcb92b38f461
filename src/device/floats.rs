//! Floats that the host holds.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{CpuBuffer, Device};

/// Floats in the memory of the machine: by themselves, or in that of a CPU device, where they take the place of tensors
/// that are gone.
pub enum Floats {
    /// By themselves.
    Own(Vec<f32>),
    /// In memory of a CPU device.
    Pooled(CpuBuffer),
    /// Zeros that a dry CPU device counts.
    Dry(Vec<f32>, CpuBuffer),
}

impl Floats {
    /// Room for `len` floats beside the tensors of `device`: in its own memory if that is the host's. Their values are
    /// arbitrary.
    pub fn beside(device: &Device, len: usize) -> Floats {
        match device {
            Device::Cpu(cpu) if cpu.is_dry() => Floats::Dry(vec![0.0; len], cpu.alloc(len)),
            Device::Cpu(cpu) => Floats::Pooled(cpu.alloc(len)),
            Device::Gpu(_) => Floats::Own(vec![0.0; len]),
        }
    }

    /// Bytes that no device counts as its own.
    pub fn bytes(&self) -> u64 {
        match self {
            Floats::Own(values) => size_of_val(&values[..]) as u64,
            Floats::Pooled(_) | Floats::Dry(..) => 0,
        }
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Floats::Own(values) | Floats::Dry(values, _) => values,
            Floats::Pooled(buffer) => buffer.as_slice(),
        }
    }
}

impl DerefMut for Floats {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            Floats::Own(values) | Floats::Dry(values, _) => values,
            Floats::Pooled(buffer) => buffer.as_mut_slice(),
        }
    }
}

impl<'a> IntoIterator for &'a Floats {
    type Item = &'a f32;
    type IntoIter = std::slice::Iter<'a, f32>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<f32>> for Floats {
    fn from(values: Vec<f32>) -> Floats {
        Floats::Own(values)
    }
}

impl Clone for Floats {
    fn clone(&self) -> Floats {
        match self {
            Floats::Own(values) => Floats::Own(values.clone()),
            Floats::Pooled(buffer) => {
                let mut copy = buffer.device().alloc(self.len());
                copy.as_mut_slice().copy_from_slice(self);
                Floats::Pooled(copy)
            }
            Floats::Dry(zeros, counted) => {
                Floats::Dry(vec![0.0; zeros.len()], counted.device().alloc(zeros.len()))
            }
        }
    }
}

impl PartialEq for Floats {
    fn eq(&self, other: &Floats) -> bool {
        self[..] == other[..]
    }
}

impl fmt::Debug for Floats {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(&self[..], f)
    }
}
