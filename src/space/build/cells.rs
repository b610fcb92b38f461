//! The cells: which edges meet in which node.

use super::edge::{Edge, Mixing};
use super::layer::{EdgeSize, Signal};
use super::mix::Mix;
use crate::Tensor;
use crate::nn::{Conv, Init, Mode, Module, Visitor};
use crate::ops::Conv2d;
use crate::ops::Coordinates;
use crate::space::cell::{CellKind, GENES};

/// What a cell's edges are.
#[derive(Clone, Copy)]
pub(super) enum CellEdges {
    Mixed(Mixing),
    Fixed([i8; GENES]),
    /// Every option, one at a time.
    Single,
}

/// The seven edges of a cell with their names in files.
pub(super) struct Edges {
    edges: Vec<(String, Edge)>,
    /// Number of the first normal and the first resizing edge among the genes.
    kind: CellKind,
    cell: usize,
}

impl Edges {
    fn new(kind: CellKind, cell: usize, which: CellEdges, size: EdgeSize, init: &mut Init) -> Edges {
        let mut edges = Vec::new();
        for (g, gene) in kind.genes().iter().enumerate() {
            let (name, list) = name(kind, g);
            // Only edges that leave node 0 of the first cell read the image; the others are as wide as the network.
            let cin = if gene.from == 0 { size.cin } else { size.cout };
            let size = EdgeSize { cin, relu: gene.relu, ..size };
            let edge = match which {
                CellEdges::Mixed(mixing) => Edge::mixed(gene, list, size, mixing, init),
                CellEdges::Fixed(genes) => Edge::fixed(gene, genes[g], list, size, init),
                CellEdges::Single => Edge::single(gene, list, size, init),
            };
            edges.push((name, edge));
        }
        Edges { edges, kind, cell }
    }

    /// Makes every edge stand for one gene of `row`, or for all its options.
    fn take(&mut self, row: Option<[i8; GENES]>) {
        for (g, (_, edge)) in self.edges.iter_mut().enumerate() {
            edge.take(row.map(|row| row[g]));
        }
    }

    /// The output of edge `g`, `None` where it is absent.
    fn forward(&mut self, g: usize, x: &Signal, mode: Mode, mix: Option<&Mix>) -> Option<Tensor> {
        let weights = mix.map(|mix| match resizing(self.kind, g) {
            Some(edge) => mix.resize(self.cell, edge),
            None => mix.normal(self.cell, if self.kind == CellKind::Up { g - 2 } else { g }),
        });
        self.edges[g].1.forward(x, mode, weights.as_ref())
    }

    /// The sum of several edges; zeros shaped like `x` if all are absent.
    fn sum(&mut self, terms: &[(usize, &Signal)], mode: Mode, mix: Option<&Mix>) -> Tensor {
        let outputs: Vec<Tensor> = terms.iter().filter_map(|(g, x)| self.forward(*g, x, mode, mix)).collect();
        let zeros = || Tensor::zeros(&terms[0].1.x.device(), terms[0].1.x.shape());
        outputs.into_iter().reduce(|a, b| a + b).unwrap_or_else(zeros)
    }
}

impl Module for Edges {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        for (name, edge) in &mut self.edges {
            v.module(name, edge);
        }
    }
}

/// Which of the two resizing edges gene `g` is, if it is one.
fn resizing(kind: CellKind, g: usize) -> Option<usize> {
    match kind {
        CellKind::Up => (g < 2).then_some(g),
        CellKind::First | CellKind::Down | CellKind::Eagan => g.checked_sub(5),
    }
}

/// Name of gene `g`'s edge and of its candidate list in files.
fn name(kind: CellKind, g: usize) -> (String, &'static str) {
    match (kind, resizing(kind, g)) {
        (CellKind::Up, Some(edge)) => (format!("up{edge}"), "ups"),
        (CellKind::Up, None) => (format!("c{}", g - 2), "ops"),
        (_, Some(edge)) => (format!("down{edge}"), "ops"),
        (_, None) => (format!("c{g}"), "ops"),
    }
}

/// How the skips of earlier cells are enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enlarge {
    Nearest,
    Bilinear,
}

impl Enlarge {
    /// `conv`, a 1x1 convolution, of `x` enlarged to `size`.
    pub(super) fn into_conv(self, x: &Tensor, size: [usize; 2], conv: &mut Conv, mode: Mode) -> Tensor {
        match self {
            // Repeating pixels commutes with a 1x1 convolution, so the small image is convolved.
            Enlarge::Nearest => conv.forward(x, mode, None).resize_nearest(size),
            Enlarge::Bilinear => conv.forward(&x.resize_bilinear(size, Coordinates::HalfPixel), mode, None),
        }
    }
}

/// A generator cell: doubles the image, exports a skip.
pub(super) struct UpCell {
    edges: Edges,
    skips: Vec<Conv>,
    enlarge: Enlarge,
}

impl UpCell {
    pub(super) fn new(cell: usize, which: CellEdges, channels: usize, init: &mut Init) -> UpCell {
        let size = EdgeSize {
            cin: channels,
            cout: channels,
            spectral: false,
            relu: true,
        };
        UpCell {
            edges: Edges::new(CellKind::Up, cell, which, size, init),
            skips: (0..cell)
                .map(|_| Conv::new(Conv2d::same(1), channels, channels, init))
                .collect(),
            // Fixed per cell and not searched; the first cell has no skips.
            enlarge: if cell == 2 { Enlarge::Nearest } else { Enlarge::Bilinear },
        }
    }

    /// See [`Edges::take`].
    pub(super) fn take(&mut self, row: Option<[i8; GENES]>) {
        self.edges.take(row);
    }

    /// The exported skip and the output, both of twice the size of `x`. The skip holds the incoming skips too if
    /// `accumulate`, as in the reference programs.
    pub(super) fn forward(
        &mut self,
        x: Tensor,
        skips: &[Tensor],
        mode: Mode,
        mix: Option<&Mix>,
        accumulate: bool,
    ) -> (Tensor, Tensor) {
        let x = Signal::new(x);
        let edges = &mut self.edges;
        let mut up = |g| edges.forward(g, &x, mode, mix).expect("no up-sampling operation is absent");
        let (a, b) = (Signal::new(up(0)), Signal::new(up(1)));
        let own = edges.sum(&[(2, &a), (3, &b)], mode, mix);
        let size = [own.shape()[1], own.shape()[2]];
        let mut middle = own.clone();
        for (conv, skip) in self.skips.iter_mut().zip(skips) {
            middle = middle + self.enlarge.into_conv(skip, size, conv, mode);
        }
        let exported = if accumulate { middle.clone() } else { own };
        let m = Signal::new(middle);
        let y = edges.sum(&[(4, &a), (5, &b), (6, &m)], mode, mix);
        (exported, y)
    }
}

impl Module for UpCell {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.edges.visit(v);
        for (i, conv) in self.skips.iter_mut().enumerate() {
            v.module(&format!("skip_in_ops.{i}"), conv);
        }
    }
}

/// A cell of the AdversarialNAS discriminator: halves the image.
pub(super) struct DownCell(Edges);

impl DownCell {
    pub(super) fn new(
        cell: usize,
        which: CellEdges,
        cin: usize,
        channels: usize,
        init: &mut Init,
    ) -> DownCell {
        let kind = if cell == 0 { CellKind::First } else { CellKind::Down };
        let size = EdgeSize { cin, cout: channels, spectral: true, relu: true };
        DownCell(Edges::new(kind, cell, which, size, init))
    }

    pub(super) fn forward(&mut self, x: Tensor, mode: Mode, mix: Option<&Mix>) -> Tensor {
        let x = Signal::new(x);
        let p = Signal::new(self.0.sum(&[(0, &x)], mode, mix));
        let q = Signal::new(self.0.sum(&[(1, &x), (3, &p)], mode, mix));
        let r = Signal::new(self.0.sum(&[(2, &x), (4, &p)], mode, mix));
        self.0.sum(&[(5, &q), (6, &r)], mode, mix)
    }
}

impl Module for DownCell {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.0.visit(v);
    }
}

/// A searched cell of the EAGAN discriminator: halves the image unless gene 5 is -1.
pub(super) struct EaganCell(Edges);

impl EaganCell {
    pub(super) fn new(which: CellEdges, channels: usize, init: &mut Init) -> EaganCell {
        let size = EdgeSize {
            cin: channels,
            cout: channels,
            spectral: true,
            relu: true,
        };
        EaganCell(Edges::new(CellKind::Eagan, 0, which, size, init))
    }

    /// See [`Edges::take`].
    pub(super) fn take(&mut self, row: Option<[i8; GENES]>) {
        self.0.take(row);
    }

    pub(super) fn forward(&mut self, x: Tensor, mode: Mode) -> Tensor {
        let x = Signal::new(x);
        let n1 = Signal::new(self.0.sum(&[(0, &x)], mode, None));
        let n2 = Signal::new(self.0.sum(&[(1, &x), (2, &n1)], mode, None));
        let n3 = Signal::new(self.0.sum(&[(3, &n1), (4, &x)], mode, None));
        self.0.sum(&[(5, &n2), (6, &n3)], mode, None)
    }
}

impl Module for EaganCell {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.0.visit(v);
    }
}
