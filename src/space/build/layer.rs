//! The candidates of an edge as layers.

use std::cell::OnceCell;

use crate::Tensor;
use crate::nn::{Conv, DepthwiseTransposed, Init, Mode, Module, Visitor};
use crate::ops::Conv2d;
use crate::ops::Pool;
use crate::space::primitive::{ConvKind, OpKind, Primitive};

/// What a node of a cell offers to the edges that leave it: its value, and the value behind a ReLU, made once.
pub struct Signal {
    /// The node's value.
    pub x: Tensor,
    relu: OnceCell<Tensor>,
}

impl Signal {
    /// A node's value.
    pub fn new(x: Tensor) -> Signal {
        Signal { x, relu: OnceCell::new() }
    }

    /// `relu(x)`.
    pub fn relu(&self) -> &Tensor {
        self.relu.get_or_init(|| self.x.relu())
    }
}

/// One candidate operation of an edge.
pub trait Layer: Module + Send {
    /// The output, times `scale` `[1]` if given.
    fn forward(&mut self, x: &Signal, mode: Mode, scale: Option<&Tensor>) -> Tensor;

    /// If this is a convolution of `relu(x)` or of `x`: that convolution, so that a mixed edge can merge it with
    /// others of its kind, and whether it reads `relu(x)`.
    fn convolution(&mut self) -> Option<(&mut Conv, bool)> {
        None
    }
}

/// A layer with the name that files give it inside its edge.
pub struct Candidate {
    /// Name below the edge: `ops.3`.
    pub name: String,
    /// The layer.
    pub layer: Box<dyn Layer>,
}

/// How the convolutions of an edge are made.
#[derive(Clone, Copy)]
pub(super) struct EdgeSize {
    pub cin: usize,
    pub cout: usize,
    pub spectral: bool,
    pub relu: bool,
}

/// The layer of a built-in operation on `channels` channels, with a ReLU before convolutions and without spectral norm,
/// to stand in a [`super::Mixed`] beside layers of one's own; none for the operation that outputs zeros.
///
/// # Panics
/// If the operation is only a name.
#[track_caller]
pub fn built_in(primitive: &Primitive, channels: usize, init: &mut Init) -> Option<Box<dyn Layer>> {
    let size = EdgeSize {
        cin: channels,
        cout: channels,
        spectral: false,
        relu: true,
    };
    layer(primitive, size, init)
}

/// The layer of `primitive`; none for the operation that outputs zeros.
#[track_caller]
pub(super) fn layer(primitive: &Primitive, size: EdgeSize, init: &mut Init) -> Option<Box<dyn Layer>> {
    let c = size.cout;
    Some(match primitive.kind {
        OpKind::None => return None,
        OpKind::Skip | OpKind::NoDown => Box::new(Identity),
        OpKind::Conv(kind) => Box::new(ActivatedConv::new(kind, 1, size, init)),
        OpKind::DownConv(kind) => Box::new(ActivatedConv::new(kind, 2, size, init)),
        OpKind::AvgPool => Box::new(AvgPool),
        OpKind::MaxPool => Box::new(MaxPool),
        OpKind::UpNearest => Box::new(UpNearest(Conv::new(Conv2d::same(1), c, c, init))),
        OpKind::UpBilinear => Box::new(UpBilinear(Conv::new(Conv2d::same(1), c, c, init))),
        OpKind::UpTransposed => Box::new(UpTransposed {
            depthwise: DepthwiseTransposed::new(c, init),
            pointwise: Conv::without_bias(Conv2d::same(1), c, c, init),
        }),
        OpKind::Named => {
            panic!("`{}` is only a name; a space that builds it has its own layers", primitive.name)
        }
    })
}

fn scaled(y: Tensor, scale: Option<&Tensor>) -> Tensor {
    match scale {
        Some(scale) => &y * scale,
        None => y,
    }
}

struct Identity;

impl Module for Identity {
    fn visit(&mut self, _: &mut Visitor<'_>) {}
}

impl Layer for Identity {
    fn forward(&mut self, x: &Signal, _: Mode, scale: Option<&Tensor>) -> Tensor {
        scaled(x.x.clone(), scale)
    }
}

struct AvgPool;

impl Module for AvgPool {
    fn visit(&mut self, _: &mut Visitor<'_>) {}
}

impl Layer for AvgPool {
    fn forward(&mut self, x: &Signal, _: Mode, scale: Option<&Tensor>) -> Tensor {
        scaled(x.x.avg_pool(Pool::blocks(2)), scale)
    }
}

struct MaxPool;

impl Module for MaxPool {
    fn visit(&mut self, _: &mut Visitor<'_>) {}
}

impl Layer for MaxPool {
    fn forward(&mut self, x: &Signal, _: Mode, scale: Option<&Tensor>) -> Tensor {
        scaled(x.x.max_pool(Pool::blocks(2)), scale)
    }
}

/// `[ReLU] -> convolution`, plain or dilated: the normal and down-sampling operations.
struct ActivatedConv {
    conv: Conv,
    relu: bool,
    name: &'static str,
}

impl ActivatedConv {
    fn new(kind: ConvKind, stride: usize, size: EdgeSize, init: &mut Init) -> ActivatedConv {
        let conv = Conv2d::new(kind.kernel).dilation(kind.dilation).pad(kind.pad).stride(stride);
        let make = if size.spectral { Conv::spectral } else { Conv::new };
        ActivatedConv {
            conv: make(conv, size.cin, size.cout, init),
            relu: size.relu,
            name: if kind.dilation > 1 { "dilconv" } else { "conv" },
        }
    }
}

impl Module for ActivatedConv {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module(self.name, &mut self.conv);
    }
}

impl Layer for ActivatedConv {
    fn forward(&mut self, x: &Signal, mode: Mode, scale: Option<&Tensor>) -> Tensor {
        let x = if self.relu { x.relu() } else { &x.x };
        self.conv.forward(x, mode, scale)
    }

    fn convolution(&mut self) -> Option<(&mut Conv, bool)> {
        Some((&mut self.conv, self.relu))
    }
}

/// Nearest x2 -> ReLU -> 1x1 convolution. All three commute with repeating pixels, so the convolution and the ReLU
/// work on the small image, at a quarter of the cost.
struct UpNearest(Conv);

impl Module for UpNearest {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("c.1", &mut self.0);
    }
}

impl Layer for UpNearest {
    fn forward(&mut self, x: &Signal, mode: Mode, scale: Option<&Tensor>) -> Tensor {
        self.0.forward(x.relu(), mode, scale).upsample_nearest(2)
    }
}

/// Bilinear x2 -> ReLU -> 1x1 convolution; here the ReLU must come after the interpolation.
struct UpBilinear(Conv);

impl Module for UpBilinear {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("c.1", &mut self.0);
    }
}

impl Layer for UpBilinear {
    fn forward(&mut self, x: &Signal, mode: Mode, scale: Option<&Tensor>) -> Tensor {
        self.0.forward(&x.x.upsample_bilinear(2).relu(), mode, scale)
    }
}

/// ReLU -> depth-wise transposed convolution -> 1x1 convolution.
struct UpTransposed {
    depthwise: DepthwiseTransposed,
    pointwise: Conv,
}

impl Module for UpTransposed {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("convT.1", &mut self.depthwise);
        v.module("convT.2", &mut self.pointwise);
    }
}

impl Layer for UpTransposed {
    fn forward(&mut self, x: &Signal, mode: Mode, scale: Option<&Tensor>) -> Tensor {
        self.pointwise.forward(&self.depthwise.forward(x.relu()), mode, scale)
    }
}
