//! GPU launches of the convolution: zero-padded copies first, then kernels that need no bounds check.

mod packing;

use packing::{Packed, Values, Weights, Window, offset_word, pack_w, table};

use super::{Epilogue, MOST_TAPS, TapConv};
use crate::device::gpu::{Grid, Kernel, Way};
use crate::device::{Gpu, kernel};
use crate::ops::parts::{most_parts, parts};
use crate::ops::subgroup;
use crate::tensor::Tensor;

/// The register tile is 8 by 8, so packed channels come in eights.
const TILE: usize = 8;
/// Images of a usual batch.
const BATCH: usize = 16;
/// Terms of a part of a weight's gradient where a processor plays the adapter.
const SUMMED: usize = 256;

/// The uniform block of `conv2d.wgsl`; see there for the meaning in each entry point.
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    len: u32,
    h: u32,
    w: u32,
    cin: u32,
    rows: u32,
    columns: u32,
    cout: u32,
    stride: u32,
    oh: u32,
    ow: u32,
    step: u32,
    y0: u32,
    x0: u32,
    taps: u32,
    flag: u32,
    extra: u32,
    table: [[u32; 4]; MOST_TAPS / 8],
}

impl crate::device::gpu::Params for Params {
    const FIELDS: &'static [(&'static str, usize, &'static str)] = &[
        ("len", 0, "u32"),
        ("h", 4, "u32"),
        ("w", 8, "u32"),
        ("cin", 12, "u32"),
        ("rows", 16, "u32"),
        ("columns", 20, "u32"),
        ("cout", 24, "u32"),
        ("stride", 28, "u32"),
        ("oh", 32, "u32"),
        ("ow", 36, "u32"),
        ("step", 40, "u32"),
        ("y0", 44, "u32"),
        ("x0", 48, "u32"),
        ("taps", 52, "u32"),
        ("flag", 56, "u32"),
        ("extra", 60, "u32"),
        ("table", 64, "array<vec4<u32>, 11>"),
    ];
}

impl Params {
    /// Whether the positions of the launch are all pixels of the output, in order.
    fn is_dense(&self) -> bool {
        [self.rows, self.columns, self.step, self.y0, self.x0] == [self.oh, self.ow, 1, 0, 0]
    }
}

/// The sizes of a launch: how many positions per image, where they land in the output image.
#[derive(Clone, Copy)]
struct Placement {
    n: usize,
    rows: usize,
    columns: usize,
    image: [usize; 2],
    step: usize,
    at: [usize; 2],
}

impl Placement {
    /// Every position of `n` images of `h` by `w`.
    fn whole(n: usize, h: usize, w: usize) -> Placement {
        Placement {
            n,
            rows: h,
            columns: w,
            image: [h, w],
            step: 1,
            at: [0, 0],
        }
    }
}

pub(super) fn forward(gpu: &Gpu, conv: &TapConv, x: &Tensor, w: &Tensor, end: Epilogue<Tensor>, y: &Tensor) {
    let [n, oh, ow, _] = y.shape().nhwc("conv2d");
    let place = Placement::whole(n, oh, ow);
    let which: Vec<usize> = (0..conv.taps.len()).collect();
    correlate(
        gpu,
        &conv.taps,
        conv.stride,
        place,
        (x, Values::Activations),
        Weights { w, which: &which, turned: false },
        end,
        y,
    );
}

pub(super) fn backward_x(gpu: &Gpu, conv: &TapConv, gy: &Tensor, w: &Tensor, gx: &Tensor) {
    let [n, h, width, _] = gx.shape().nhwc("conv2d");
    for residue in conv.adjoint() {
        let count = |size: usize, at: usize| size.saturating_sub(at).div_ceil(conv.stride);
        let place = Placement {
            n,
            rows: count(h, residue.at[0]),
            columns: count(width, residue.at[1]),
            image: [h, width],
            step: conv.stride,
            at: residue.at,
        };
        if place.rows > 0 && place.columns > 0 {
            let weights = Weights { w, which: &residue.which, turned: true };
            correlate(gpu, &residue.taps, 1, place, (gy, Values::Gradients), weights, Epilogue::NONE, gx);
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one launch, named at its two callers")]
fn correlate(
    gpu: &Gpu,
    taps: &[(i32, i32)],
    stride: usize,
    place: Placement,
    (x, values): (&Tensor, Values),
    weights: Weights,
    end: Epilogue<Tensor>,
    y: &Tensor,
) {
    let window = Window::around(taps, stride, place.rows, place.columns);
    let packed_x = window.pack(gpu, x, values);
    let packed_w = pack_w(gpu, weights);
    let wide = packed_w.channels;
    let positions = place.rows * place.columns;
    let len = place.n * positions;
    let tiles = |images: usize| (images * positions).div_ceil(TILE) * (wide / TILE);
    // A part as large as the image is written and read again: a quarter of the invocations that a card has room for is enough to
    // be worth that. Counted for a usual batch, so that bits do not depend on the batch while its parts fit.
    let splits = gpu
        .invocations_wanted()
        .map_or(1, |wanted| parts(wanted / 4, tiles(BATCH), taps.len()))
        .min(most_parts(gpu, tiles(place.n) * TILE * TILE));
    let params = |place: Placement, cout: usize, flag: u32| Params {
        len: len as u32,
        h: window.height as u32,
        w: window.width as u32,
        cin: packed_x.channels as u32,
        cout: cout as u32,
        stride: stride as u32,
        taps: taps.len() as u32,
        flag,
        extra: splits as u32,
        table: window.table(taps),
        ..placed(place)
    };
    // Without a bias any buffer of the right kind will do: the flag keeps the kernel from reading it.
    let flag = u32::from(end.bias.is_some()) | (u32::from(end.relu) * 8);
    let bias = end.bias.unwrap_or(weights.w);
    let sum = |params: &Params, y: &Tensor| {
        let mut buffers = packing::bindings([&packed_x, &packed_w]);
        buffers.extend([("bias4", bias.gpu()), ("y4", y.gpu())]);
        let kernels = Kernels {
            invocation: kernel!("conv2d", "forward"),
            subgroup: kernel!("conv2d_subgroup", "forward"),
            workgroup: kernel!("conv2d_workgroup", "forward"),
        };
        let operands = [&packed_x, &packed_w];
        let ways = kernels.ways(gpu, operands, [len, wide], splits);
        let sizes = [len, packed_x.channels, wide, taps.len().div_ceil(splits), splits];
        gpu.launch_fastest(&packing::work("conv2d forward", operands), &sizes, &ways, params, &buffers);
    };
    let cout = y.shape().last();
    let whole = params(place, cout, flag);
    // Sums are stored four channels at a time, in the order of positions.
    if splits == 1 && cout.is_multiple_of(4) && whole.is_dense() {
        return sum(&whole, y);
    }
    // The parts lie close together, their channels in fours; where they belong is for the second launch.
    let fours = cout.next_multiple_of(4);
    let parts = y.empty([splits, len, fours]);
    sum(&params(Placement::whole(place.n, place.rows, place.columns), fours, 0), &parts);
    let finish = Params {
        len: (len * cout) as u32,
        cin: fours as u32,
        ..whole
    };
    let buffers = [("x", &parts), ("bias", bias), ("y", y)];
    launch(gpu, kernel!("conv2d", "finish_y"), &finish, &buffers, len * cout);
}

fn placed(place: Placement) -> Params {
    Params {
        rows: place.rows as u32,
        columns: place.columns as u32,
        oh: place.image[0] as u32,
        ow: place.image[1] as u32,
        step: place.step as u32,
        y0: place.at[0] as u32,
        x0: place.at[1] as u32,
        ..Params::default()
    }
}

pub(super) fn backward_w(gpu: &Gpu, conv: &TapConv, x: &Tensor, gy: &Tensor, gw: &Tensor) {
    let [taps, cin, cout] = [gw.shape()[0], gw.shape()[1], gw.shape()[2]];
    let [n, oh, ow, _] = gy.shape().nhwc("conv2d");
    let window = Window::around(&conv.taps, conv.stride, oh, ow);
    let packed_x = window.pack(gpu, x, Values::Activations);
    let packed_gy = Window::around(&[], 1, oh, ow).pack(gpu, gy, Values::Gradients);
    let (wide_in, wide_out) = (packed_x.channels, packed_gy.channels);
    let tiles = taps * (wide_in / TILE) * (wide_out / TILE);
    let splits = match gpu.invocations_wanted() {
        Some(wanted) => parts(wanted, tiles, n * oh),
        // A processor has few threads and stores word by word. Few tiles may have many parts, for short sums keep more digits;
        // of many tiles a part is a sum of some hundred terms.
        None => {
            let most = (4096 / tiles).clamp(1, (n * oh).clamp(1, 64));
            let least = if tiles <= 64 { most } else { 1 };
            (n * oh * ow).div_ceil(SUMMED).clamp(least, most)
        }
    };
    let splits = splits.min(most_parts(gpu, tiles * TILE * TILE));
    // One part without padding is the gradient itself.
    let whole = splits == 1 && [wide_in, wide_out] == [cin, cout];
    let parts = match whole {
        true => gw.clone(),
        false => gw.empty([splits, taps, wide_in, wide_out]),
    };
    let params = Params {
        len: (tiles * splits) as u32,
        h: window.height as u32,
        w: window.width as u32,
        cin: wide_in as u32,
        rows: oh as u32,
        columns: ow as u32,
        cout: wide_out as u32,
        stride: conv.stride as u32,
        oh: (n * oh) as u32,
        taps: taps as u32,
        extra: splits as u32,
        table: window.table(&conv.taps),
        ..Params::default()
    };
    let mut buffers = packing::bindings([&packed_x, &packed_gy]);
    buffers.push(("y4", parts.gpu()));
    let kernels = Kernels {
        invocation: kernel!("conv2d", "backward_w"),
        subgroup: kernel!("conv2d_subgroup", "backward_w"),
        workgroup: kernel!("conv2d_workgroup", "backward_w"),
    };
    let operands = [&packed_x, &packed_gy];
    let ways = kernels.ways(gpu, operands, [wide_in, wide_out], taps * splits);
    let sizes = [n * oh * ow / splits, wide_in, wide_out, taps, splits];
    gpu.launch_fastest(&packing::work("conv2d backward_w", operands), &sizes, &ways, &params, &buffers);
    if whole {
        return;
    }
    let params = Params {
        len: gw.elements() as u32,
        cin: cin as u32,
        cout: cout as u32,
        rows: wide_in as u32,
        columns: wide_out as u32,
        taps: taps as u32,
        extra: splits as u32,
        ..Params::default()
    };
    launch(gpu, kernel!("conv2d", "finish_w"), &params, &[("x", &parts), ("y", gw)], gw.elements());
}

/// Edge of the square of results that a workgroup owns in `conv2d_workgroup.wgsl`.
const SQUARE: usize = 64;

/// The same sums by who owns a tile of them.
struct Kernels {
    invocation: Kernel,
    subgroup: Kernel,
    workgroup: Kernel,
}

impl Kernels {
    /// Launches for `count` matrices of `rows` by `columns` results, rows and columns in eights, of these operands.
    fn ways(self, gpu: &Gpu, operands: [&Packed; 2], [rows, columns]: [usize; 2], count: usize) -> Vec<Way> {
        let reading = |kernel: Kernel| match operands.map(|operand| u32::from(operand.halves)) {
            [0, 0] => kernel,
            [x, w] => kernel
                .importing(("operands", "operands_half"))
                .with("HALF_X", x)
                .with("HALF_W", w),
        };
        let invocation = Way {
            name: "invocation",
            kernel: reading(self.invocation).with("WG", 64),
            grid: Grid::elements(rows.div_ceil(TILE) * (columns / TILE) * count),
            certain: false,
        };
        // Loads are what such a processor spends its time on, and by their number a subgroup's tile wins even where most of it
        // is empty.
        let certain = gpu.reads_textures();
        // Tiles of eight channels leave most of a larger tile empty.
        if rows.min(columns) <= TILE && !certain {
            return vec![invocation];
        }
        let mut ways = vec![invocation];
        if let Some((kernel, grid)) = subgroup::tiles(gpu, reading(self.subgroup), [rows, columns], count) {
            ways.insert(0, Way { name: "subgroup", kernel, grid, certain });
        }
        // A processor that plays an adapter has no such memory.
        if gpu.invocations_wanted().is_some() {
            ways.push(Way {
                name: "workgroup",
                kernel: reading(self.workgroup),
                grid: Grid::groups(rows.div_ceil(SQUARE) * columns.div_ceil(SQUARE) * count),
                certain: false,
            });
        }
        ways
    }
}

fn launch(gpu: &Gpu, kernel: Kernel, params: &Params, buffers: &[(&str, &Tensor)], len: usize) {
    let buffers: Vec<_> = buffers.iter().map(|(name, tensor)| (*name, tensor.gpu())).collect();
    gpu.launch(&kernel, params, &buffers, Grid::elements(len));
}

/// The convolution by the specification kernel, for tests that compare the fast one with it.
pub(super) fn forward_plain(gpu: &Gpu, conv: &TapConv, x: &Tensor, w: &Tensor, y: &Tensor) {
    let [_, h, width, cin] = x.shape().nhwc("conv2d");
    let [n, oh, ow, cout] = y.shape().nhwc("conv2d");
    let place = Placement::whole(n, oh, ow);
    let params = Params {
        len: y.elements() as u32,
        h: h as u32,
        w: width as u32,
        cin: cin as u32,
        cout: cout as u32,
        stride: conv.stride as u32,
        taps: conv.taps.len() as u32,
        table: table(conv.taps.iter().map(|(dy, dx)| offset_word(*dy, *dx))),
        ..placed(place)
    };
    let buffers = [("x", x), ("w", w), ("bias", w), ("y", y)];
    launch(gpu, kernel!("conv2d", "forward_plain"), &params, &buffers, y.elements());
}
