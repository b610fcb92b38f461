//! A cell of AutoGAN's published generator: fixed, residual, without normalisation.

use super::cells::Enlarge;
use crate::Tensor;
use crate::nn::{Conv, Init, Mode, Module, Visitor};
use crate::ops::{Conv2d, Coordinates};

/// What distinguishes AutoGAN's three cells: how they enlarge, and whether the enlarged input is added to the output.
pub(super) const AUTOGAN_CELLS: [(Enlarge, bool); 3] =
    [(Enlarge::Nearest, true), (Enlarge::Bilinear, true), (Enlarge::Nearest, false)];

/// ReLU -> twice the size -> 3x3 convolution, plus the skips -> ReLU -> 3x3 convolution, plus the shortcut.
pub(super) struct AutoGanCell {
    enlarge: Enlarge,
    c1: Conv,
    c2: Conv,
    shortcut: Option<Conv>,
    skips: Vec<Conv>,
}

impl AutoGanCell {
    pub(super) fn new(
        cell: usize,
        (enlarge, shortcut): (Enlarge, bool),
        channels: usize,
        init: &mut Init,
    ) -> AutoGanCell {
        let mut conv = |kernel| Conv::new(Conv2d::same(kernel), channels, channels, init);
        AutoGanCell {
            enlarge,
            c1: conv(3),
            c2: conv(3),
            shortcut: shortcut.then(|| conv(1)),
            skips: (0..cell).map(|_| conv(1)).collect(),
        }
    }

    /// The exported skip and the output, both of twice the size of `x`. The skip holds the incoming skips too if
    /// `accumulate`, as in the reference program.
    pub(super) fn forward(
        &mut self,
        x: &Tensor,
        skips: &[Tensor],
        mode: Mode,
        accumulate: bool,
    ) -> (Tensor, Tensor) {
        let size = [2 * x.shape()[1], 2 * x.shape()[2]];
        let enlarged = match self.enlarge {
            Enlarge::Nearest => x.relu().resize_nearest(size),
            Enlarge::Bilinear => x.relu().resize_bilinear(size, Coordinates::HalfPixel),
        };
        let own = self.c1.forward(&enlarged, mode, None);
        let mut middle = own.clone();
        for (conv, skip) in self.skips.iter_mut().zip(skips) {
            middle = middle + self.enlarge.into_conv(skip, size, conv, mode);
        }
        let mut y = self.c2.forward(&middle.relu(), mode, None);
        if let Some(conv) = &mut self.shortcut {
            y = y + self.enlarge.into_conv(x, size, conv, mode);
        }
        (if accumulate { middle } else { own }, y)
    }
}

impl Module for AutoGanCell {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("c1", &mut self.c1);
        v.module("c2", &mut self.c2);
        if let Some(shortcut) = &mut self.shortcut {
            v.module("c_sc", shortcut);
        }
        for (i, conv) in self.skips.iter_mut().enumerate() {
            v.module(&format!("skip_in_ops.{i}"), conv);
        }
    }
}
