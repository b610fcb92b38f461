//! An edge of a cell: one fixed layer, a mixture of candidates, or one candidate at a time.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::layer::{Candidate, EdgeSize, Signal, layer};
use crate::nn::{Init, Mode, Module, Visitor};
use crate::ops::TapConv;
use crate::ops::TapMerge;
use crate::ops::weighted_sum;
use crate::space::cell::Gene;
use crate::{Device, Tensor};

/// How a mixed edge is computed. Both give the same function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mixing {
    /// The convolutions that read the same input become one convolution over the union of their taps.
    #[default]
    Merged,
    /// Every candidate, then their weighted sum: the specification.
    Plain,
}

/// An edge of a cell.
pub enum Edge {
    /// The edge does not exist.
    Absent,
    /// One operation.
    Fixed(Candidate),
    /// All candidates, weighted.
    Mixed(Mixed),
    /// All candidates, one at a time.
    Single(SinglePath),
}

impl Edge {
    /// The edge of `gene` with the single option `value`, named as derived networks name it.
    pub(super) fn fixed(gene: &Gene, value: i8, list: &str, size: EdgeSize, init: &mut Init) -> Edge {
        match layer(gene.op(value), size, init) {
            None => Edge::Absent,
            Some(layer) => Edge::Fixed(Candidate { name: format!("{list}.0"), layer }),
        }
    }

    /// The edge of `gene` with all its options.
    pub(super) fn mixed(gene: &Gene, list: &str, size: EdgeSize, mixing: Mixing, init: &mut Init) -> Edge {
        Edge::Mixed(Mixed::new(init.device, candidates(gene, list, size, init), mixing))
    }

    /// The edge of `gene` with all its options, of which one is used at a time.
    pub(super) fn single(gene: &Gene, list: &str, size: EdgeSize, init: &mut Init) -> Edge {
        Edge::Single(SinglePath {
            candidates: candidates(gene, list, size, init),
            first: gene.first,
            taken: None,
        })
    }

    /// Makes an edge with one option at a time stand for the option of gene value `value`, or for all of them.
    ///
    /// # Panics
    /// If the edge is of another kind.
    pub(super) fn take(&mut self, value: Option<i8>) {
        let Edge::Single(path) = self else {
            panic!("only an edge of a single-path supernet takes one option after another")
        };
        path.taken = value.map(|value| (value - path.first) as usize);
    }

    /// The edge's output; `weights` `[options or more]` are those of a mixed edge. `None` where the edge is absent.
    ///
    /// # Panics
    /// If the edge is mixed and there are no weights.
    pub fn forward(&mut self, x: &Signal, mode: Mode, weights: Option<&Tensor>) -> Option<Tensor> {
        match self {
            Edge::Absent => None,
            Edge::Fixed(candidate) => Some(candidate.layer.forward(x, mode, None)),
            Edge::Mixed(mixed) => {
                let weights = weights.expect("a mixed edge needs its weights");
                Some(mixed.forward(x, mode, weights))
            }
            Edge::Single(path) => path.forward(x, mode),
        }
    }
}

/// Every option of `gene` under its name in supernets.
fn candidates(gene: &Gene, list: &str, size: EdgeSize, init: &mut Init) -> Vec<Option<Candidate>> {
    let layers = gene.options.iter().map(|option| layer(option, size, init));
    layers
        .enumerate()
        .map(|(i, layer)| layer.map(|layer| Candidate { name: format!("{list}.{i}"), layer }))
        .collect()
}

impl Module for Edge {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        match self {
            Edge::Absent => {}
            Edge::Fixed(candidate) => v.module(&candidate.name, candidate.layer.as_mut()),
            Edge::Mixed(mixed) => mixed.visit(v),
            Edge::Single(path) => path.visit(v),
        }
    }
}

/// Candidate operations of which one is used at a time. Only that one is visited, so that optimisers, gradients and
/// counts see the network of one architecture and nothing else; with none taken all are visited, to be stored.
pub struct SinglePath {
    candidates: Vec<Option<Candidate>>,
    /// Gene value of the first candidate.
    first: i8,
    taken: Option<usize>,
}

impl SinglePath {
    fn forward(&mut self, x: &Signal, mode: Mode) -> Option<Tensor> {
        let taken = self
            .taken
            .expect("a single-path supernet needs an architecture before it computes");
        let candidate = self.candidates[taken].as_mut()?;
        Some(candidate.layer.forward(x, mode, None))
    }
}

impl Module for SinglePath {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        for (i, candidate) in self.candidates.iter_mut().enumerate() {
            if let (Some(candidate), true) = (candidate, self.taken.is_none_or(|taken| taken == i)) {
                v.module(&candidate.name, candidate.layer.as_mut());
            }
        }
    }
}

/// A weighted sum of candidate operations.
pub struct Mixed {
    /// In the order of the weights; `None` contributes zeros.
    candidates: Vec<Option<Candidate>>,
    merged: Option<Merged>,
}

/// A run of candidates that are convolutions of the same input, and their union.
struct Merged {
    range: Range<usize>,
    relu: bool,
    conv: TapConv,
    merge: TapMerge,
}

impl Mixed {
    /// A mixture of `candidates`, of which `None` outputs zeros.
    pub fn new(device: &Device, mut candidates: Vec<Option<Candidate>>, mixing: Mixing) -> Mixed {
        let merged = match mixing {
            Mixing::Merged => Merged::find(device, &mut candidates),
            Mixing::Plain => None,
        };
        Mixed { candidates, merged }
    }

    /// `sum over i of weights[i] * candidate_i(x)`. Weights beyond the candidates are not used.
    pub fn forward(&mut self, x: &Signal, mode: Mode, weights: &Tensor) -> Tensor {
        match &self.merged {
            None => self.plain(x, mode, weights),
            Some(_) => self.merged(x, mode, weights),
        }
    }

    fn plain(&mut self, x: &Signal, mode: Mode, weights: &Tensor) -> Tensor {
        let mut outputs = Vec::new();
        let mut factors = Vec::new();
        for (i, candidate) in self.candidates.iter_mut().enumerate() {
            if let Some(candidate) = candidate {
                outputs.push(candidate.layer.forward(x, mode, None));
                factors.push(weights.slice(0, i, 1));
            }
        }
        let factors: Vec<&Tensor> = factors.iter().collect();
        weighted_sum(&Tensor::concat(&factors, 0), &outputs.iter().collect::<Vec<_>>())
    }

    fn merged(&mut self, x: &Signal, mode: Mode, weights: &Tensor) -> Tensor {
        let merged = self.merged.as_ref().expect("called only when merged");
        let mut sum = merged.forward(&mut self.candidates, x, mode, weights);
        for (i, candidate) in self.candidates.iter_mut().enumerate() {
            if let (Some(candidate), false) = (candidate, merged.range.contains(&i)) {
                let scale = weights.slice(0, i, 1);
                sum = sum + candidate.layer.forward(x, mode, Some(&scale));
            }
        }
        sum
    }
}

impl Module for Mixed {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        for candidate in self.candidates.iter_mut().flatten() {
            v.module(&candidate.name, candidate.layer.as_mut());
        }
    }
}

impl Merged {
    /// The first run of at least two neighbouring convolutions of one kind; none if there is no such run.
    fn find(device: &Device, candidates: &mut [Option<Candidate>]) -> Option<Merged> {
        let kinds: Vec<Option<(TapConv, bool)>> = candidates
            .iter_mut()
            .map(|candidate| {
                let (conv, relu) = candidate.as_mut()?.layer.convolution()?;
                Some((conv.taps().clone(), relu))
            })
            .collect();
        let fits = |a: &(TapConv, bool), b: &(TapConv, bool)| {
            a.1 == b.1 && a.0.stride == b.0.stride && a.0.slack == b.0.slack
        };
        let start = kinds.windows(2).position(|pair| match pair {
            [Some(a), Some(b)] => fits(a, b),
            _ => false,
        })?;
        let first = kinds[start].as_ref()?;
        let parts: Vec<TapConv> = kinds[start..]
            .iter()
            .map_while(|kind| kind.as_ref().filter(|kind| fits(first, kind)).map(|kind| kind.0.clone()))
            .collect();
        let (conv, maps) = TapConv::union(&parts);
        Some(Merged {
            range: start..start + parts.len(),
            relu: first.1,
            merge: TapMerge::new(device, &maps, conv.taps.len()),
            conv,
        })
    }

    fn forward(
        &self,
        candidates: &mut [Option<Candidate>],
        x: &Signal,
        mode: Mode,
        weights: &Tensor,
    ) -> Tensor {
        let mut convs: Vec<&mut crate::nn::Conv> = candidates[self.range.clone()]
            .iter_mut()
            .flatten()
            .filter_map(|candidate| candidate.layer.convolution())
            .map(|(conv, _)| conv)
            .collect();
        let factors = weights.slice(0, self.range.start, self.range.len());
        let sigmas: Vec<Tensor> = convs.iter_mut().filter_map(|conv| conv.sigma(mode)).collect();
        let divided = match sigmas.is_empty() {
            true => factors.clone(),
            false => &factors / &Tensor::concat(&sigmas.iter().collect::<Vec<_>>(), 0),
        };
        let w: Vec<&Tensor> = convs.iter().map(|conv| conv.weight()).collect();
        let w = self.merge.apply(&divided, &w);
        let x = if self.relu { x.relu() } else { &x.x };
        let biases: Vec<&Tensor> = convs.iter().filter_map(|conv| conv.bias()).collect();
        match biases.len() == convs.len() {
            true => x.conv2d_bias(&w, &weighted_sum(&factors, &biases), self.conv.clone()),
            false => x.conv2d(&w, self.conv.clone()),
        }
    }
}
