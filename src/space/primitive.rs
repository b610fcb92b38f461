//! The operations of the published spaces as plain data. These tables are the single source: cost, drawing and
//! building read them, nothing repeats them.

use serde::Serialize;

/// Geometry of one convolution. Stride-1 ones keep the image size, stride-2 ones halve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct ConvKind {
    /// Side of the square kernel.
    pub kernel: usize,
    /// Distance between neighbouring taps.
    pub dilation: usize,
    /// Zero padding on each side.
    pub pad: usize,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum OpKind {
    /// Zeros; the edge does not exist.
    None,
    /// Identity, without ReLU.
    Skip,
    /// `[ReLU] -> convolution` of stride 1.
    Conv(ConvKind),
    /// Nearest x2 -> ReLU -> 1x1 convolution.
    UpNearest,
    /// Bilinear x2 (half-pixel centres) -> ReLU -> 1x1 convolution.
    UpBilinear,
    /// ReLU -> depth-wise transposed 3x3 convolution of stride 2 -> 1x1 convolution, both without bias.
    UpTransposed,
    /// 2x2 average pool.
    AvgPool,
    /// 2x2 maximum pool.
    MaxPool,
    /// ReLU -> convolution of stride 2.
    DownConv(ConvKind),
    /// Identity in the place of a down-sampling operation.
    NoDown,
    /// A name that only its own space interprets (a table's operation, a bit of a matrix).
    Named,
}

/// One option of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Primitive {
    /// The name in the published tables.
    pub name: &'static str,
    /// What it does.
    pub kind: OpKind,
}

impl Primitive {
    /// An option that is only a name to this room.
    pub const fn named(name: &'static str) -> Primitive {
        op(name, OpKind::Named)
    }

    /// The convolution inside, for the convolutions of stride 1 and 2.
    pub fn conv(&self) -> Option<ConvKind> {
        match self.kind {
            OpKind::Conv(conv) | OpKind::DownConv(conv) => Some(conv),
            OpKind::None
            | OpKind::Skip
            | OpKind::UpNearest
            | OpKind::UpBilinear
            | OpKind::UpTransposed
            | OpKind::AvgPool
            | OpKind::MaxPool
            | OpKind::NoDown
            | OpKind::Named => None,
        }
    }
}

const fn op(name: &'static str, kind: OpKind) -> Primitive {
    Primitive { name, kind }
}

/// The same-size geometry of a kernel.
const fn conv(kernel: usize, dilation: usize) -> ConvKind {
    ConvKind { kernel, dilation, pad: dilation * (kernel - 1) / 2 }
}

/// Operations of a normal edge; the index is the gene.
pub static NORMAL: [Primitive; 7] = [
    op("none", OpKind::None),
    op("skip_connect", OpKind::Skip),
    op("conv_1x1", OpKind::Conv(conv(1, 1))),
    op("conv_3x3", OpKind::Conv(conv(3, 1))),
    op("conv_5x5", OpKind::Conv(conv(5, 1))),
    op("dil_conv_3x3", OpKind::Conv(conv(3, 2))),
    op("dil_conv_5x5", OpKind::Conv(conv(5, 2))),
];

/// Up-sampling operations of a generator cell; the index is the gene.
pub static UP: [Primitive; 3] = [
    op("nearest", OpKind::UpNearest),
    op("bilinear", OpKind::UpBilinear),
    op("ConvTranspose", OpKind::UpTransposed),
];

/// Down-sampling operations of a discriminator cell; the index is the gene.
pub static DOWN: [Primitive; 6] = [
    op("avg_pool", OpKind::AvgPool),
    op("max_pool", OpKind::MaxPool),
    op("conv_3x3", OpKind::DownConv(conv(3, 1))),
    op("conv_5x5", OpKind::DownConv(conv(5, 1))),
    op("dil_conv_3x3", OpKind::DownConv(conv(3, 2))),
    op("dil_conv_5x5", OpKind::DownConv(conv(5, 2))),
];

/// Operations of the edges that read the image in an AdversarialNAS discriminator; the index is the gene.
pub static FIRST: [Primitive; 5] = [NORMAL[2], NORMAL[3], NORMAL[4], NORMAL[5], NORMAL[6]];

/// Down-sampling genes of an EAGAN discriminator, from gene -1 on.
pub static DOWN_OR_NOT: [Primitive; 7] =
    [op("no_down", OpKind::NoDown), DOWN[0], DOWN[1], DOWN[2], DOWN[3], DOWN[4], DOWN[5]];
