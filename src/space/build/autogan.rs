//! The residual discriminator of AutoGAN, whose first block and head EAGAN shares.

use super::cells::{CellEdges, EaganCell};
use super::discriminator::{Head, Trace};
use crate::Tensor;
use crate::nn::{Conv, Init, Mode, Module, Visitor};
use crate::ops::Conv2d;
use crate::ops::Pool;
use crate::space::cell::GENES;

/// A residual block: two 3x3 convolutions beside a shortcut.
struct Block {
    kind: Kind,
    c1: Conv,
    c2: Conv,
    shortcut: Option<Conv>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Reads the image: no ReLU first, the shortcut pools before it convolves.
    First,
    /// Halves the image; the shortcut convolves before it pools.
    Halving,
    /// Keeps the size; the shortcut is the identity.
    Same,
}

impl Block {
    fn new(kind: Kind, cin: usize, channels: usize, init: &mut Init) -> Block {
        Block {
            kind,
            c1: Conv::spectral(Conv2d::same(3), cin, channels, init),
            c2: Conv::spectral(Conv2d::same(3), channels, channels, init),
            shortcut: (kind != Kind::Same).then(|| Conv::spectral(Conv2d::same(1), cin, channels, init)),
        }
    }

    fn forward(&mut self, x: &Tensor, mode: Mode) -> Tensor {
        let half = |x: &Tensor| x.avg_pool(Pool::blocks(2));
        let inner = if self.kind == Kind::First { x.clone() } else { x.relu() };
        let residual = self.c1.forward_relu(&inner, mode);
        let residual = self.c2.forward(&residual, mode, None);
        match (self.kind, &mut self.shortcut) {
            (Kind::First, Some(conv)) => half(&residual) + conv.forward(&half(x), mode, None),
            (_, Some(conv)) => half(&(residual + conv.forward(x, mode, None))),
            (_, None) => residual + x,
        }
    }
}

impl Module for Block {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("c1", &mut self.c1);
        v.module("c2", &mut self.c2);
        if let Some(shortcut) = &mut self.shortcut {
            v.module("c_sc", shortcut);
        }
    }
}

/// AutoGAN's discriminator, or EAGAN's: the same first block and head with searched cells between.
pub struct AutoGanDiscriminator {
    first: Block,
    later: Later,
    head: Head,
}

enum Later {
    Fixed(Vec<Block>),
    Searched(Vec<EaganCell>),
}

impl AutoGanDiscriminator {
    /// The published network of AutoGAN, with `outputs` numbers an image (there 1).
    pub fn new(channels: usize, outputs: usize, init: &mut Init) -> AutoGanDiscriminator {
        let first = Block::new(Kind::First, 3, channels, init);
        let later = [Kind::Halving, Kind::Same, Kind::Same]
            .map(|kind| Block::new(kind, channels, channels, init))
            .into();
        AutoGanDiscriminator {
            first,
            later: Later::Fixed(later),
            head: Head::new(channels, outputs, init),
        }
    }

    /// EAGAN's network with the cells of `genes`.
    pub(super) fn eagan(
        genes: &[[i8; GENES]],
        channels: usize,
        outputs: usize,
        init: &mut Init,
    ) -> AutoGanDiscriminator {
        let cells = genes.iter().map(|row| CellEdges::Fixed(*row));
        AutoGanDiscriminator::searched(cells, channels, outputs, init)
    }

    /// EAGAN's single-path supernet: every option of every edge, of which [`AutoGanDiscriminator::follow`] takes one.
    pub fn single_path(channels: usize, init: &mut Init) -> AutoGanDiscriminator {
        AutoGanDiscriminator::searched([CellEdges::Single; 3], channels, 1, init)
    }

    /// Makes a single-path supernet the network of one architecture, or opens all its candidates: the twin of
    /// [`super::Generator::follow`].
    ///
    /// # Panics
    /// If this is no single-path supernet, or there is not one row a cell.
    #[track_caller]
    pub fn follow(&mut self, genes: Option<&[[i8; GENES]]>) {
        let Later::Searched(cells) = &mut self.later else {
            panic!("follow: AutoGAN's discriminator has no candidates")
        };
        assert!(
            genes.is_none_or(|genes| genes.len() == cells.len()),
            "follow: one row for each searched cell"
        );
        for (i, cell) in cells.iter_mut().enumerate() {
            cell.take(genes.map(|genes| genes[i]));
        }
    }

    fn searched(
        cells: impl IntoIterator<Item = CellEdges>,
        channels: usize,
        outputs: usize,
        init: &mut Init,
    ) -> AutoGanDiscriminator {
        let first = Block::new(Kind::First, 3, channels, init);
        let cells = cells.into_iter().map(|edges| EaganCell::new(edges, channels, init)).collect();
        AutoGanDiscriminator {
            first,
            later: Later::Searched(cells),
            head: Head::new(channels, outputs, init),
        }
    }

    pub(super) fn trace(&mut self, x: &Tensor, mode: Mode) -> Trace {
        let mut blocks = vec![self.first.forward(x, mode)];
        let last = |blocks: &[Tensor]| blocks[blocks.len() - 1].clone();
        match &mut self.later {
            Later::Fixed(later) => {
                for block in later {
                    blocks.push(block.forward(&last(&blocks), mode));
                }
            }
            Later::Searched(cells) => {
                for cell in cells {
                    blocks.push(cell.forward(last(&blocks), mode));
                }
            }
        }
        Trace {
            logits: self.head.forward(&last(&blocks), mode),
            blocks,
        }
    }
}

impl Module for AutoGanDiscriminator {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("block1", &mut self.first);
        let name = |i: usize| format!("block{}", i + 2);
        match &mut self.later {
            Later::Fixed(later) => {
                for (i, block) in later.iter_mut().enumerate() {
                    v.module(&name(i), block);
                }
            }
            Later::Searched(cells) => {
                for (i, cell) in cells.iter_mut().enumerate() {
                    v.module(&name(i), cell);
                }
            }
        }
        v.module("l5", &mut self.head);
    }
}
