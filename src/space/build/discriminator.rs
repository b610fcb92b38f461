//! Discriminators of every family, behind one trait.

use super::autogan::AutoGanDiscriminator;
use super::cells::{CellEdges, DownCell};
use super::edge::Mixing;
use super::mix::{Logits, Mix};
use super::simple::SimpleDiscriminator;
use crate::nn::{Init, Linear, Mode, Module, Visitor};
use crate::space::gan::{self, Family};
use crate::space::primitive::{DOWN, NORMAL};
use crate::{Error, Tensor};

/// Judges images.
pub trait Discriminator: Module + Send {
    /// Images `[n,h,w,3]` in -1..1 -> outputs `[n,d]` with every intermediate result. A supernet needs `mix`.
    fn trace(&mut self, x: &Tensor, mode: Mode, mix: Option<&Mix>) -> Trace;

    /// Images `[n,h,w,3]` in -1..1 -> outputs `[n,d]`; one logit an image in most losses. A supernet needs `mix`.
    fn forward(&mut self, x: &Tensor, mode: Mode, mix: Option<&Mix>) -> Tensor {
        self.trace(x, mode, mix).logits
    }
}

/// Logits and intermediate results of a discriminator.
pub struct Trace {
    /// `[n,d]`, in most losses `[n,1]`.
    pub logits: Tensor,
    /// The output of each block.
    pub blocks: Vec<Tensor>,
}

/// The discriminator of one architecture with `outputs` numbers an image: 1 for a judgement, more for a loss that
/// compares vectors.
///
/// # Errors
/// If the architecture is not valid.
pub fn discriminator(
    architecture: &gan::Discriminator,
    channels: usize,
    outputs: usize,
    init: &mut Init,
) -> Result<Box<dyn Discriminator>, Error> {
    architecture.check()?;
    let genes = &architecture.genes;
    Ok(match architecture.family {
        Family::Adversarial => Box::new(AdversarialDiscriminator::derived(genes, channels, outputs, init)),
        Family::Eagan => Box::new(AutoGanDiscriminator::eagan(genes, channels, outputs, init)),
        Family::Autogan => Box::new(AutoGanDiscriminator::new(channels, outputs, init)),
        Family::Simple => Box::new(SimpleDiscriminator::new(channels, outputs, init)),
    })
}

impl Discriminator for AutoGanDiscriminator {
    fn trace(&mut self, x: &Tensor, mode: Mode, _mix: Option<&Mix>) -> Trace {
        AutoGanDiscriminator::trace(self, x, mode)
    }
}

/// ReLU, the sum (not the mean) over all positions, a spectrally normalised linear layer without bias.
pub(super) struct Head(Linear);

impl Head {
    pub(super) fn new(channels: usize, outputs: usize, init: &mut Init) -> Head {
        Head(Linear::spectral(channels, outputs, init))
    }

    pub(super) fn forward(&mut self, x: &Tensor, mode: Mode) -> Tensor {
        self.0.forward(&x.relu().sum(&[1, 2]), mode)
    }
}

impl Module for Head {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.0.visit(v);
    }
}

/// The discriminator of AdversarialNAS, derived or with all candidates: four cells that halve the image each.
pub struct AdversarialDiscriminator {
    cells: Vec<DownCell>,
    head: Head,
    logits: Option<Logits>,
}

impl AdversarialDiscriminator {
    /// The network with every candidate on every edge, and its architecture logits.
    pub fn supernet(channels: usize, mixing: Mixing, init: &mut Init) -> AdversarialDiscriminator {
        let mut net = AdversarialDiscriminator::build([CellEdges::Mixed(mixing); 4], channels, 1, init);
        net.logits = Some(Logits::new("alphas_down", 4, NORMAL.len(), DOWN.len(), init));
        net
    }

    fn derived(
        genes: &[[i8; 7]],
        channels: usize,
        outputs: usize,
        init: &mut Init,
    ) -> AdversarialDiscriminator {
        let edges = genes.iter().map(|row| CellEdges::Fixed(*row));
        AdversarialDiscriminator::build(edges, channels, outputs, init)
    }

    fn build(
        edges: impl IntoIterator<Item = CellEdges>,
        channels: usize,
        outputs: usize,
        init: &mut Init,
    ) -> AdversarialDiscriminator {
        let cell = |(i, edges): (usize, CellEdges)| {
            let cin = if i == 0 { 3 } else { channels };
            DownCell::new(i, edges, cin, channels, init)
        };
        AdversarialDiscriminator {
            cells: edges.into_iter().enumerate().map(cell).collect(),
            head: Head::new(channels, outputs, init),
            logits: None,
        }
    }

    /// The architecture logits of a supernet.
    pub fn logits(&self) -> Option<&Logits> {
        self.logits.as_ref()
    }
}

impl Discriminator for AdversarialDiscriminator {
    fn trace(&mut self, x: &Tensor, mode: Mode, mix: Option<&Mix>) -> Trace {
        let mut blocks: Vec<Tensor> = Vec::new();
        for cell in &mut self.cells {
            let input = blocks.last().unwrap_or(x).clone();
            blocks.push(cell.forward(input, mode, mix));
        }
        Trace {
            logits: self.head.forward(&blocks[blocks.len() - 1], mode),
            blocks,
        }
    }
}

impl Module for AdversarialDiscriminator {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        if let Some(logits) = &mut self.logits {
            logits.visit(v);
        }
        for (i, cell) in self.cells.iter_mut().enumerate() {
            v.module(&format!("block{}", i + 1), cell);
        }
        v.module("l5", &mut self.head);
    }
}
