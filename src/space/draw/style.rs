//! Colours: one hue per kind of operation, grey for what does not reach the output.

use crate::space::primitive::OpKind;

/// Text.
pub const INK: &str = "#1f2937";
/// Quiet text.
pub const QUIET: &str = "#6b7280";
/// Lines between cells.
pub const FLOW: &str = "#475569";
/// Skips between cells.
pub const SKIP: &str = "#7c3aed";
/// What does not reach the output.
pub const DEAD: &str = "#b1b8c3";
/// Behind everything.
pub const PAPER: &str = "#ffffff";
/// Behind a cell.
pub const PANEL: &str = "#f8fafc";
/// Around a cell.
pub const FRAME: &str = "#d5dbe3";

/// Kinds of operation that share a colour, with the words of the legend.
pub const KINDS: [(&str, &str); 6] = [
    (UP, "up-sampling"),
    (CONV, "convolution"),
    (DILATED, "dilated convolution"),
    (DOWN, "strided convolution"),
    (POOL, "pooling"),
    (IDENTITY, "identity"),
];

const UP: &str = "#0f766e";
const CONV: &str = "#1d4ed8";
const DILATED: &str = "#a21caf";
const DOWN: &str = "#b91c1c";
const POOL: &str = "#b45309";
const IDENTITY: &str = "#475569";

/// The colour of an operation.
pub fn colour(kind: OpKind) -> &'static str {
    match kind {
        OpKind::UpNearest | OpKind::UpBilinear | OpKind::UpTransposed => UP,
        OpKind::Conv(conv) if conv.dilation > 1 => DILATED,
        OpKind::Conv(_) => CONV,
        OpKind::DownConv(_) => DOWN,
        OpKind::AvgPool | OpKind::MaxPool => POOL,
        OpKind::None | OpKind::Skip | OpKind::NoDown | OpKind::Named => IDENTITY,
    }
}
