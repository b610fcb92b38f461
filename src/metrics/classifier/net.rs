//! A small residual network for small pictures.

use crate::Tensor;
use crate::nn::{BatchNorm, Conv, Init, Mode, Module, Visitor};
use crate::ops::Conv2d;

/// A convolution without bias and the normalisation behind it.
struct Unit {
    conv: Conv,
    norm: BatchNorm,
}

impl Unit {
    fn new(conv: Conv2d, cin: usize, cout: usize, init: &mut Init) -> Unit {
        Unit {
            conv: Conv::without_bias(conv, cin, cout, init),
            norm: BatchNorm::new(cout, init),
        }
    }

    fn forward(&mut self, x: &Tensor, mode: Mode) -> Tensor {
        let y = self.conv.forward(x, mode, None);
        self.norm.forward(&y, mode)
    }
}

impl Module for Unit {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("conv", &mut self.conv);
        v.module("norm", &mut self.norm);
    }
}

/// `relu(F(x) + shortcut(x))` with two 3x3 convolutions in `F`; the shortcut is a 1x1 convolution where sizes change.
struct Residual {
    first: Unit,
    second: Unit,
    shortcut: Option<Unit>,
}

impl Residual {
    fn new(stride: usize, cin: usize, cout: usize, init: &mut Init) -> Residual {
        let changes = stride != 1 || cin != cout;
        Residual {
            first: Unit::new(Conv2d::same(3).stride(stride), cin, cout, init),
            second: Unit::new(Conv2d::same(3), cout, cout, init),
            shortcut: changes.then(|| Unit::new(Conv2d::new(1).stride(stride), cin, cout, init)),
        }
    }

    fn forward(&mut self, x: &Tensor, mode: Mode) -> Tensor {
        let y = self.first.forward(x, mode).relu();
        let y = self.second.forward(&y, mode);
        let past = match &mut self.shortcut {
            Some(unit) => unit.forward(x, mode),
            None => x.clone(),
        };
        (&y + &past).relu()
    }
}

impl Module for Residual {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("first", &mut self.first);
        v.module("second", &mut self.second);
        if let Some(shortcut) = &mut self.shortcut {
            v.module("shortcut", shortcut);
        }
    }
}

/// A 3x3 convolution at full size, two residual blocks that halve the image and double the channels, a third, the mean
/// over the image, a linear layer.
pub(super) struct Net {
    stem: Unit,
    blocks: Vec<Residual>,
    head: Conv,
}

impl Net {
    /// A network with `width` channels at full size, for pictures `[n,h,w,3]`.
    pub fn new(width: usize, classes: usize, init: &mut Init) -> Net {
        Net {
            stem: Unit::new(Conv2d::same(3), 3, width, init),
            blocks: vec![
                Residual::new(2, width, 2 * width, init),
                Residual::new(2, 2 * width, 4 * width, init),
                Residual::new(1, 4 * width, 4 * width, init),
            ],
            head: Conv::new(Conv2d::new(1), Net::dims(width), classes, init),
        }
    }

    /// Features of a network of this width.
    pub fn dims(width: usize) -> usize {
        4 * width
    }

    /// Features `[n,d]` and logits `[n,classes]` of pictures `[n,h,w,3]` in -1..1.
    pub fn forward(&mut self, x: &Tensor, mode: Mode) -> (Tensor, Tensor) {
        let mut x = self.stem.forward(x, mode).relu();
        for block in &mut self.blocks {
            x = block.forward(&x, mode);
        }
        let features = x.mean(&[1, 2]);
        let [n, d] = [features.shape()[0], features.shape()[1]];
        // A convolution sums a picture's terms in one order, however many pictures there are.
        let logits = self.head.forward(&features.reshape([n, 1, 1, d]), mode, None);
        let classes = logits.shape().last();
        (features, logits.reshape([n, classes]))
    }
}

impl Module for Net {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("stem", &mut self.stem);
        for (i, block) in self.blocks.iter_mut().enumerate() {
            v.module(&format!("block{}", i + 1), block);
        }
        v.module("head", &mut self.head);
    }
}
