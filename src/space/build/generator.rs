//! The generator: a latent vector, three cells that double the image, an image.

use super::autogan_cell::{AUTOGAN_CELLS, AutoGanCell};
use super::cells::{CellEdges, UpCell};
use super::edge::Mixing;
use super::mix::{Logits, Mix};
use crate::nn::{BatchNorm, Conv, ImageLinear, Init, Mode, Module, Visitor};
use crate::ops::Conv2d;
use crate::space::gan::{GeneratorArch, GeneratorGenes};
use crate::space::primitive::{NORMAL, UP};
use crate::{Error, Tensor};

/// Sizes of a generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratorSize {
    /// Width of every cell.
    pub channels: usize,
    /// Side of the smallest image; the output is eight times as large.
    pub bottom: usize,
    /// Length of the latent vector.
    pub latent: usize,
    /// Parts that the latent vector is cut into, one a cell: 3; 2 where the third cell gets none; 1 where only the
    /// first gets it.
    pub parts: usize,
}

impl GeneratorSize {
    /// The form for 32x32 images.
    pub fn cifar(channels: usize) -> GeneratorSize {
        GeneratorSize { channels, bottom: 4, latent: 120, parts: 3 }
    }

    /// Side of the output image.
    pub fn image(&self) -> usize {
        self.bottom * 8
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=3).contains(&self.parts) {
            return Err(Error::config("latent_split", format!("{} parts, valid are 1 to 3", self.parts)));
        }
        if self.latent == 0 || !self.latent.is_multiple_of(self.parts) {
            let reason = format!("{} cannot be cut into {} equal parts", self.latent, self.parts);
            return Err(Error::config("latent", reason));
        }
        if self.channels == 0 || self.bottom == 0 {
            return Err(Error::config("channels", "width and bottom width must be at least 1"));
        }
        Ok(())
    }
}

enum Cell {
    Searched(Box<UpCell>),
    AutoGan(Box<AutoGanCell>),
}

impl Cell {
    /// The exported skip and the output, both of twice the size of `x`.
    fn forward(
        &mut self,
        x: Tensor,
        skips: &[Tensor],
        mode: Mode,
        mix: Option<&Mix>,
        accumulate: bool,
    ) -> (Tensor, Tensor) {
        match self {
            Cell::Searched(cell) => cell.forward(x, skips, mode, mix, accumulate),
            Cell::AutoGan(cell) => cell.forward(&x, skips, mode, accumulate),
        }
    }
}

impl Module for Cell {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        match self {
            Cell::Searched(cell) => cell.visit(v),
            Cell::AutoGan(cell) => cell.visit(v),
        }
    }
}

/// A generator, derived or with all candidates.
pub struct Generator {
    size: GeneratorSize,
    inputs: Vec<ImageLinear>,
    cells: Vec<Cell>,
    norm: BatchNorm,
    to_rgb: Conv,
    logits: Option<Logits>,
    accumulate_skips: bool,
}

impl Generator {
    /// The network with every candidate on every edge, and its architecture logits.
    ///
    /// # Errors
    /// If the sizes do not fit each other.
    pub fn supernet(size: GeneratorSize, mixing: Mixing, init: &mut Init) -> Result<Generator, Error> {
        let mixed = |cell, channels, init: &mut Init| {
            Cell::Searched(Box::new(UpCell::new(cell, CellEdges::Mixed(mixing), channels, init)))
        };
        let mut net = Generator::build(size, mixed, init)?;
        net.logits = Some(Logits::new("alphas_up", 3, NORMAL.len(), UP.len(), init));
        Ok(net)
    }

    /// EAGAN's single-path supernet: every candidate on every edge, of which [`Generator::follow`] takes one. The latent
    /// layers and the head with its batch norm are shared by all architectures.
    ///
    /// # Errors
    /// If the sizes do not fit each other.
    pub fn single_path(size: GeneratorSize, init: &mut Init) -> Result<Generator, Error> {
        let single = |cell, channels, init: &mut Init| {
            Cell::Searched(Box::new(UpCell::new(cell, CellEdges::Single, channels, init)))
        };
        Generator::build(size, single, init)
    }

    /// Makes a single-path supernet the network of one architecture: everything that computes, visits or counts sees that
    /// network alone, with the candidates' names in the supernet. `None` opens all candidates again, to be stored.
    ///
    /// # Panics
    /// If this is no single-path supernet.
    #[track_caller]
    pub fn follow(&mut self, genes: Option<&GeneratorGenes>) {
        for (i, cell) in self.cells.iter_mut().enumerate() {
            match cell {
                Cell::Searched(cell) => cell.take(genes.map(|genes| genes[i].map(|g| g as i8))),
                Cell::AutoGan(_) => panic!("follow: AutoGAN's generator has no candidates"),
            }
        }
    }

    /// The network of one architecture.
    ///
    /// # Errors
    /// If the architecture is not valid or the sizes do not fit each other.
    pub fn derived(arch: &GeneratorArch, size: GeneratorSize, init: &mut Init) -> Result<Generator, Error> {
        match arch {
            GeneratorArch::Cells(genes) => {
                crate::space::check::check_generator(genes)?;
                let fixed = |cell: usize, channels, init: &mut Init| {
                    let edges = CellEdges::Fixed(genes[cell].map(|g| g as i8));
                    Cell::Searched(Box::new(UpCell::new(cell, edges, channels, init)))
                };
                Generator::build(size, fixed, init)
            }
            GeneratorArch::AutoGan if size.parts != 1 => {
                let reason =
                    format!("{} parts; AutoGAN's generator takes the latent vector whole", size.parts);
                Err(Error::config("latent_split", reason))
            }
            GeneratorArch::AutoGan => {
                let fixed = |cell: usize, channels, init: &mut Init| {
                    Cell::AutoGan(Box::new(AutoGanCell::new(cell, AUTOGAN_CELLS[cell], channels, init)))
                };
                Generator::build(size, fixed, init)
            }
        }
    }

    fn build(
        size: GeneratorSize,
        cell: impl Fn(usize, usize, &mut Init) -> Cell,
        init: &mut Init,
    ) -> Result<Generator, Error> {
        size.check()?;
        let c = size.channels;
        let side = |part: usize| size.bottom << part;
        Ok(Generator {
            size,
            inputs: (0..size.parts)
                .map(|part| ImageLinear::new(size.latent / size.parts, [side(part), side(part), c], init))
                .collect(),
            cells: (0..3).map(|i| cell(i, c, init)).collect(),
            norm: BatchNorm::new(c, init),
            to_rgb: Conv::new(Conv2d::same(3), c, 3, init),
            logits: None,
            accumulate_skips: true,
        })
    }

    /// Whether a cell's exported skip holds the skips that came in (as in the reference programs, the default).
    pub fn accumulate_skips(&mut self, yes: bool) {
        self.accumulate_skips = yes;
    }

    /// Whether a cell's exported skip holds the skips that came in.
    pub fn accumulates_skips(&self) -> bool {
        self.accumulate_skips
    }

    /// Replaces the running statistics by those of the architecture at hand: the plain mean of the statistics of
    /// each batch of `latents` `[n,latent]`. A supernet's own are a mixture of all that were trained lately.
    pub fn recalibrate(&mut self, latents: impl IntoIterator<Item = Tensor>) {
        self.norm.recalibrate(true);
        for z in latents {
            self.forward(&z, Mode::Train, None);
        }
        self.norm.recalibrate(false);
    }

    /// Sizes.
    pub fn size(&self) -> GeneratorSize {
        self.size
    }

    /// The architecture logits of a supernet.
    pub fn logits(&self) -> Option<&Logits> {
        self.logits.as_ref()
    }

    /// Latents `[n, latent]` -> images `[n, 8 bottom, 8 bottom, 3]` in -1..1. A supernet needs `mix`.
    ///
    /// # Panics
    /// If the latents have another length, or a supernet gets no weights.
    #[track_caller]
    pub fn forward(&mut self, z: &Tensor, mode: Mode, mix: Option<&Mix>) -> Tensor {
        self.trace(z, mode, mix).image
    }

    /// The same with every intermediate result, to compare with another implementation.
    ///
    /// # Panics
    /// If the latents have another length, or a supernet gets no weights.
    #[track_caller]
    pub fn trace(&mut self, z: &Tensor, mode: Mode, mix: Option<&Mix>) -> GeneratorTrace {
        assert!(
            z.shape().rank() == 2 && z.shape()[1] == self.size.latent,
            "generator: latents {}, wants [n,{}]",
            z.shape(),
            self.size.latent
        );
        let part = self.size.latent / self.size.parts;
        let inputs: Vec<Tensor> = self
            .inputs
            .iter()
            .enumerate()
            .map(|(i, linear)| linear.forward(&z.slice(1, i * part, part)))
            .collect();
        let mut h = inputs[0].clone();
        let (mut skips, mut outputs) = (Vec::new(), Vec::new());
        for (i, cell) in self.cells.iter_mut().enumerate() {
            if let (true, Some(input)) = (i > 0, inputs.get(i)) {
                h = h + input;
            }
            let (skip, y) = cell.forward(h, &skips, mode, mix, self.accumulate_skips);
            skips.push(skip);
            outputs.push(y.clone());
            h = y;
        }
        let pre_tanh = self.to_rgb.forward(&self.norm.forward(&h, mode).relu(), mode, None);
        GeneratorTrace { image: pre_tanh.tanh(), pre_tanh, outputs, skips }
    }
}

/// Intermediate results of a generator.
pub struct GeneratorTrace {
    /// The images.
    pub image: Tensor,
    /// What the final `tanh` gets.
    pub pre_tanh: Tensor,
    /// The output of each cell.
    pub outputs: Vec<Tensor>,
    /// The exported skip of each cell.
    pub skips: Vec<Tensor>,
}

impl Module for Generator {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        if let Some(logits) = &mut self.logits {
            logits.visit(v);
        }
        for (i, linear) in self.inputs.iter_mut().enumerate() {
            v.module(&format!("l{}", i + 1), linear);
        }
        for (i, cell) in self.cells.iter_mut().enumerate() {
            v.module(&format!("cell{}", i + 1), cell);
        }
        v.module("to_rgb.0", &mut self.norm);
        v.module("to_rgb.2", &mut self.to_rgb);
    }
}
