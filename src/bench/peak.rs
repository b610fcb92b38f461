//! What a device can do at best: multiply-adds out of registers, and a copy of memory beyond every cache.

use crate::Tensor;
use crate::device::cpu::scratch::Scratch;
use crate::device::cpu::{threads, tile};
use crate::device::gpu::{Gpu, Grid, Kernel};
use crate::device::{Device, kernel, params};

/// Floats that are copied: 64 MiB.
const COPIED: usize = 1 << 24;
/// Vectors of four on which a GPU multiplies and adds.
const VECTORS: usize = 1 << 16;
/// Sequences per vector, as in the shader.
const SEQUENCES: usize = 8;
/// Terms of a tile on the CPU: its operands stay in the first-level cache.
const TERMS: usize = 96;

params! {
    struct Params {
        len: u32,
        rounds: u32,
        a: f32,
        b: f32,
    }
}

/// The two kernels that others are judged by.
pub struct Best {
    seeds: Tensor,
    copied: Tensor,
}

impl Best {
    /// On `device`, which gets some memory filled for it.
    pub fn new(device: &Device) -> Best {
        Best {
            seeds: Tensor::zeros(device, [4 * VECTORS]),
            copied: Tensor::full(device, [COPIED], 1.0),
        }
    }

    /// Floating-point operations of a round of [`Best::multiply_add`]; a multiply-add is two.
    pub fn operations(&self) -> f64 {
        let multiply_adds = match self.seeds.device() {
            Device::Cpu(_) => tile::MAX_ROWS * tile::MAX_VECTORS * tile::LANES * TERMS * workers(),
            Device::Gpu(_) => self.seeds.elements() * SEQUENCES,
        };
        2.0 * multiply_adds as f64
    }

    /// Multiplies and adds, for longer with more rounds.
    pub fn multiply_add(&self, rounds: usize) {
        match self.seeds.device() {
            Device::Cpu(_) => {
                threads::map(workers(), |_| tiles(rounds));
            }
            Device::Gpu(gpu) => drop(multiply_add(&gpu, &self.seeds, rounds as u32, 0.5, 1.0)),
        }
    }

    /// Bytes that [`Best::copy`] reads and writes.
    pub fn bytes(&self) -> f64 {
        8.0 * self.copied.elements() as f64
    }

    /// Copies once.
    pub fn copy(&self) {
        copy(&self.copied);
    }
}

fn workers() -> usize {
    rayon::current_num_threads()
}

/// The inner kernel of convolutions on operands that never leave the cache; the sum keeps it from being left out.
fn tiles(rounds: usize) -> f32 {
    let (rows, vectors) = (tile::MAX_ROWS, tile::MAX_VECTORS);
    let a = vec![0.5; rows * TERMS];
    // From the beginning of a line on, as kernels have their weights.
    let mut space = Scratch::default();
    let b = space.floats(vectors * tile::LANES * TERMS);
    b.fill(0.25);
    let runs = [tile::Run { start: 0, at: 0, len: TERMS }];
    let strides = tile::Strides { step: 1, row: TERMS };
    let mut c = [0.0; tile::MAX_ROWS * tile::MAX_VECTORS * tile::LANES];
    let mut sum = 0.0;
    for _ in 0..rounds {
        let to = tile::Rows::of(&mut c, vectors);
        tile::tile(rows, vectors, std::hint::black_box(&a), strides, &runs, b, to);
        sum += c[0];
    }
    sum
}

/// The sum of eight sequences `s -> s * a + b`, each `rounds` steps from an element of `x` plus its number, 0 to 7.
///
/// # Panics
/// If the number of elements is no multiple of four.
#[track_caller]
pub fn multiply_add(gpu: &Gpu, x: &Tensor, rounds: u32, a: f32, b: f32) -> Tensor {
    let y = x.empty_like();
    launch(gpu, &kernel!("peak", "multiply_add"), x, &y, [a, b], rounds);
    y
}

/// A copy of `x` in other memory.
///
/// # Panics
/// If the number of elements is no multiple of four, on a GPU.
#[track_caller]
pub fn copy(x: &Tensor) -> Tensor {
    let mut y = x.empty_like();
    match x.device() {
        Device::Cpu(_) => {
            let x = x.cpu();
            threads::elements(y.cpu_mut(), |at, y| y.copy_from_slice(&x[at..at + y.len()]));
        }
        Device::Gpu(gpu) => launch(&gpu, &kernel!("peak", "copy"), x, &y, [0.0, 0.0], 0),
    }
    y
}

#[track_caller]
fn launch(gpu: &Gpu, kernel: &Kernel, x: &Tensor, y: &Tensor, [a, b]: [f32; 2], rounds: u32) {
    assert!(x.elements().is_multiple_of(4), "{} elements are no whole vectors of four", x.elements());
    let len = x.elements() / 4;
    let params = Params { len: len as u32, rounds, a, b };
    gpu.launch(kernel, &params, &[("x", x.gpu()), ("y", y.gpu())], Grid::elements(len));
}
