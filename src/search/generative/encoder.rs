//! Vectors for graphs and their nodes: a k-GNN (Morris et al. 2019, k = 1), or a bidirectional GRU where the architecture
//! is a chain.

use std::collections::HashMap;

use super::GenerativeConfig;
use crate::Tensor;
use crate::nn::{Dense, Embedding, Gru, Init, Module, Visitor};
use crate::ops::RowSums;
use crate::space::{Sketch, Space};

/// What an encoder made of some sketches.
pub(super) struct Encoded {
    /// One vector per sketch: `[sketches, hidden]`.
    pub graphs: Tensor,
    /// One vector per node of the different sketches: `[nodes, hidden]`.
    pub nodes: Tensor,
    /// The row of each sketch's first node.
    pub first: Vec<usize>,
}

/// Reads sketches.
pub(super) struct Encoder {
    labels: Embedding,
    places: Option<Embedding>,
    kind: Kind,
}

enum Kind {
    Graph { layers: Vec<Dense>, both_ways: bool },
    Chain(Box<Recurrent>),
}

/// Both directions of a recurrent network, and the layer that joins their last states.
struct Recurrent {
    forth: Gru,
    back: Gru,
    join: Dense,
}

impl Encoder {
    pub fn new(space: &dyn Space, config: &GenerativeConfig, init: &mut Init) -> Encoder {
        let (embed, hidden) = (config.embed, config.hidden);
        let kind = match space.is_chain() {
            true => Kind::Chain(Box::new(Recurrent {
                forth: Gru::new(embed, hidden, init),
                back: Gru::new(embed, hidden, init),
                join: Dense::new(2 * hidden, hidden, init),
            })),
            false => {
                let ways = if config.both_ways { 3 } else { 2 };
                let width = |layer| if layer == 0 { embed } else { hidden };
                let layer = |i| Dense::new(ways * width(i), hidden, init);
                Kind::Graph {
                    layers: (0..config.layers).map(layer).collect(),
                    both_ways: config.both_ways,
                }
            }
        };
        Encoder {
            labels: Embedding::new(space.labels(), embed, init),
            places: (space.has_places() && !space.is_chain())
                .then(|| Embedding::new(space.nodes(), embed, init)),
            kind,
        }
    }

    /// Vectors of `sketches`; equal ones are computed once.
    pub fn forward(&self, sketches: &[&Sketch]) -> Encoded {
        let mut different: Vec<&Sketch> = Vec::new();
        let mut known: HashMap<&Sketch, usize> = HashMap::new();
        let which: Vec<usize> = sketches
            .iter()
            .map(|sketch| {
                *known.entry(sketch).or_insert_with(|| {
                    different.push(sketch);
                    different.len() - 1
                })
            })
            .collect();
        let (graphs, nodes) = match &self.kind {
            Kind::Graph { layers, both_ways } => self.graph(&different, layers, *both_ways),
            Kind::Chain(recurrent) => self.chain(&different, recurrent),
        };
        let mut first = vec![0; different.len()];
        for i in 1..different.len() {
            first[i] = first[i - 1] + different[i - 1].labels.len();
        }
        Encoded {
            graphs: graphs.gather_rows(&which),
            nodes,
            first: which.iter().map(|&i| first[i]).collect(),
        }
    }

    /// Layers `tanh(W [h_v ; sum of h over what feeds v ; sum of h over what v feeds] + b)`, then the mean over the nodes.
    fn graph(&self, sketches: &[&Sketch], layers: &[Dense], both_ways: bool) -> (Tensor, Tensor) {
        let Graphs { labels, places, sources, targets, means } = Graphs::new(sketches);
        let mut h = self.labels.forward(&labels);
        if let Some(table) = &self.places {
            h = h + table.forward(&places);
        }
        for layer in layers {
            let fed = h.gather_sums(&sources);
            let all = match both_ways {
                true => Tensor::concat(&[&h, &fed, &h.gather_sums(&targets)], 1),
                false => Tensor::concat(&[&h, &fed], 1),
            };
            h = layer.forward(&all).tanh();
        }
        (h.gather_sums(&means), h)
    }

    /// Both directions over the whole sequence, their last states joined.
    fn chain(&self, sketches: &[&Sketch], recurrent: &Recurrent) -> (Tensor, Tensor) {
        let Recurrent { forth, back, join } = recurrent;
        let length = sketches[0].labels.len();
        let column = |i: usize| -> Vec<usize> { sketches.iter().map(|s| s.labels[i]).collect() };
        let columns: Vec<Tensor> = (0..length).map(|i| self.labels.forward(&column(i))).collect();
        let none = Tensor::zeros(&columns[0].device(), [sketches.len(), forth.hidden()]);
        let ahead = columns.iter().fold(none.clone(), |h, x| forth.forward(x, &h));
        let behind = columns.iter().rev().fold(none, |h, x| back.forward(x, &h));
        let graphs = join.forward(&Tensor::concat(&[&ahead, &behind], 1)).tanh();
        (graphs.clone(), graphs)
    }
}

impl Module for Encoder {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("labels", &mut self.labels);
        if let Some(places) = &mut self.places {
            v.module("places", places);
        }
        match &mut self.kind {
            Kind::Graph { layers, .. } => {
                for (i, layer) in layers.iter_mut().enumerate() {
                    v.module(&format!("layers.{i}"), layer);
                }
            }
            Kind::Chain(recurrent) => {
                v.module("forth", &mut recurrent.forth);
                v.module("back", &mut recurrent.back);
                v.module("join", &mut recurrent.join);
            }
        }
    }
}

/// Graphs side by side as one graph.
struct Graphs {
    labels: Vec<usize>,
    places: Vec<usize>,
    /// For each node those that feed it.
    sources: RowSums,
    /// For each node those that it feeds.
    targets: RowSums,
    /// For each graph its nodes, in equal shares.
    means: RowSums,
}

impl Graphs {
    fn new(sketches: &[&Sketch]) -> Graphs {
        let mut all = Graphs {
            labels: Vec::new(),
            places: Vec::new(),
            sources: RowSums::new(),
            targets: RowSums::new(),
            means: RowSums::new(),
        };
        for sketch in sketches {
            let (first, nodes) = (all.labels.len(), sketch.labels.len());
            all.labels.extend(&sketch.labels);
            all.places.extend(0..nodes);
            all.means.push((0..nodes).map(|node| (first + node, 1.0 / nodes as f32)));
            let (mut sources, mut targets) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
            for &(from, to) in &sketch.arcs {
                sources[to].push((first + from, 1.0));
                targets[from].push((first + to, 1.0));
            }
            sources.into_iter().for_each(|list| all.sources.push(list));
            targets.into_iter().for_each(|list| all.targets.push(list));
        }
        all
    }
}
