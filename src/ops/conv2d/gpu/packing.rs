//! Copies of images and weights as the heavy kernels read them: zeros around an image, channels in eights, floats or
//! halves.

use super::{MOST_TAPS, Params, TILE, launch};
use crate::device::gpu::{Gpu, GpuBuffer, Kernel};
use crate::device::kernel;
use crate::tensor::Tensor;

/// An operand of a heavy kernel.
pub(super) struct Packed {
    memory: Tensor,
    /// Of a pixel or a row, in eights.
    pub(super) channels: usize,
    /// Whether two elements share a float's room.
    pub(super) halves: bool,
}

/// What an image is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// Of a size that a half can hold, but for networks that are about to fail.
    Activations,
    /// Often below the least half that is not zero.
    Gradients,
}

impl Packed {
    /// Room for a copy of `rows` of `channels`.
    fn room(like: &Tensor, rows: usize, channels: usize, halves: bool) -> Packed {
        let floats = if halves { channels / 2 } else { channels };
        Packed {
            memory: like.empty([rows, floats]),
            channels,
            halves,
        }
    }

    /// The tensor itself, which has its channels in eights.
    fn itself(tensor: &Tensor) -> Packed {
        Packed {
            memory: tensor.detach(),
            channels: tensor.shape().last(),
            halves: false,
        }
    }

    /// Launches a copy of `from`.
    fn fill(&self, gpu: &Gpu, [floats, halves]: [Kernel; 2], params: &Params, from: &Tensor) {
        let by_vectors = from.shape().last().is_multiple_of(4);
        let params = &Params {
            flag: params.flag | (u32::from(by_vectors) * 4),
            ..*params
        };
        let (kernel, to) = if self.halves { (halves, "y2") } else { (floats, "y4") };
        let vectors = if by_vectors { from.detach() } else { from.empty([4]) };
        let buffers = [("x", from), ("x4", &vectors), (to, &self.memory)];
        launch(gpu, kernel, params, &buffers, params.len as usize);
    }
}

/// What a heavy kernel that reads these operands binds for them.
pub(super) fn bindings([x, w]: [&Packed; 2]) -> Vec<(&'static str, &GpuBuffer)> {
    let [of_x, of_w] = [x, w].map(|operand| operand.memory.gpu());
    let mut all = vec![("x4", of_x), ("w4", of_w)];
    if x.halves || w.halves {
        all.extend([("x2", of_x), ("w2", of_w)]);
    }
    all
}

/// The name of a piece of work, for the choice of its fastest way, with the kinds of its operands.
pub(super) fn work(name: &str, operands: [&Packed; 2]) -> String {
    match operands.map(|operand| operand.halves) {
        [false, false] => name.to_owned(),
        [true, true] => format!("{name} f16"),
        [true, false] => format!("{name} f16*f32"),
        [false, true] => format!("{name} f32*f16"),
    }
}

/// The input pixels that a launch reads, as a zero-padded image.
pub(super) struct Window {
    top: i32,
    left: i32,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Window {
    pub(super) fn around(taps: &[(i32, i32)], stride: usize, rows: usize, columns: usize) -> Window {
        let least = |f: fn(&(i32, i32)) -> i32| taps.iter().map(f).min().unwrap_or(0);
        let most = |f: fn(&(i32, i32)) -> i32| taps.iter().map(f).max().unwrap_or(0);
        let (top, left) = (least(|t| t.0), least(|t| t.1));
        Window {
            top,
            left,
            height: (rows - 1) * stride + (most(|t| t.0) - top) as usize + 1,
            width: (columns - 1) * stride + (most(|t| t.1) - left) as usize + 1,
        }
    }

    /// The window of `x`; `x` itself where they are the same, since a copy would cost more than reading halves saves.
    pub(super) fn pack(&self, gpu: &Gpu, x: &Tensor, values: Values) -> Packed {
        let [n, h, w, c] = x.shape().nhwc("conv2d");
        let wide = c.next_multiple_of(TILE);
        if [self.top, self.left] == [0, 0] && [self.height, self.width, wide] == [h, w, c] {
            return Packed::itself(x);
        }
        let halves = gpu.half() && values == Values::Activations;
        let packed = Packed::room(x, n * self.height * self.width, wide, halves);
        let params = Params {
            len: (n * self.height * self.width * wide / 4) as u32,
            h: h as u32,
            w: w as u32,
            cin: c as u32,
            rows: self.height as u32,
            columns: self.width as u32,
            cout: wide as u32,
            y0: (self.top + 128) as u32,
            x0: (self.left + 128) as u32,
            ..Params::default()
        };
        packed.fill(gpu, [kernel!("conv2d", "pack_x"), kernel!("conv2d", "pack_x_half")], &params, x);
        packed
    }

    /// The taps as offsets from the window's corner.
    pub(super) fn table(&self, taps: &[(i32, i32)]) -> [[u32; 4]; MOST_TAPS / 8] {
        table(taps.iter().map(|(dy, dx)| offset_word(dy - self.top, dx - self.left)))
    }
}

pub(super) fn offset_word(dy: i32, dx: i32) -> u32 {
    assert!(
        (-128..128).contains(&dy) && (-128..128).contains(&dx),
        "conv2d: a tap lies {dy},{dx} pixels away, the GPU kernel reaches 127"
    );
    (((dy + 128) as u32) << 8) | (dx + 128) as u32
}

pub(super) fn table(words: impl Iterator<Item = u32>) -> [[u32; 4]; MOST_TAPS / 8] {
    let mut table = [[0; 4]; MOST_TAPS / 8];
    for (t, word) in words.enumerate() {
        table[t / 8][(t / 2) % 4] |= word << ((t % 2) * 16);
    }
    table
}

/// Which taps of `w`, and whether input and output channels are exchanged.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) w: &'a Tensor,
    pub(super) which: &'a [usize],
    pub(super) turned: bool,
}

/// The weights, with the output channels as those of a row; `w` itself where nothing changes.
pub(super) fn pack_w(gpu: &Gpu, Weights { w, which, turned }: Weights) -> Packed {
    let [taps, cin, cout] = [w.shape()[0], w.shape()[1], w.shape()[2]];
    let pad = |c: usize| c.next_multiple_of(TILE);
    let (rows, columns) = if turned {
        (pad(cout), pad(cin))
    } else {
        (pad(cin), pad(cout))
    };
    let halves = gpu.half();
    if !halves && !turned && which.len() == taps && [rows, columns] == [cin, cout] {
        return Packed::itself(w);
    }
    // A residue that no tap reaches has no weights; one unused element keeps the binding from being empty.
    let packed = Packed::room(w, which.len().max(1) * rows, columns, halves);
    let params = Params {
        // An invocation owns four by four.
        len: (which.len() * rows * columns / 16) as u32,
        cin: cin as u32,
        extra: cout as u32,
        rows: rows as u32,
        cout: columns as u32,
        flag: if turned { 2 } else { 0 },
        table: table(which.iter().map(|&t| t as u32)),
        ..Params::default()
    };
    packed.fill(gpu, [kernel!("conv2d", "pack_w"), kernel!("conv2d", "pack_w_half")], &params, w);
    packed
}
