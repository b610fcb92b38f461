//! The generator: reads a half-made architecture, says how it goes on and how well that will end.

use super::GenerativeConfig;
use super::encoder::{Encoded, Encoder};
use super::episode::Taken;
use crate::nn::{Dense, Embedding, Gru, Init, Mlp, Module, Visitor, bernoulli_log_likelihood};
use crate::space::{Sketch, Space};
use crate::{Device, Tensor};

/// Added to the logits of what is ruled out.
const RULED_OUT: f32 = -1e9;

/// An autoregressive generator with a value head.
pub(super) struct Policy {
    device: Device,
    encoder: Encoder,
    /// Most options of a choice of operations.
    options: usize,
    hidden: usize,
    /// Tells the steps apart where sketches do not.
    steps: Embedding,
    op: Mlp,
    value: Mlp,
    /// Mixes latent noise into what nothing was decided of.
    noise: Dense,
    links: Option<Links>,
}

/// Decides, one after another, which earlier nodes feed the new one.
struct Links {
    op: Embedding,
    start: Dense,
    previous: Embedding,
    cell: Gru,
    head: Dense,
}

/// What came before a link: nothing, no, yes.
const NOTHING: usize = 0;

/// Where an episode stands.
pub(super) struct State<'a> {
    pub sketch: &'a Sketch,
    pub step: usize,
    /// Latent noise, in the first step.
    pub noise: &'a [f32],
}

/// What the network says of some states.
pub(super) struct Heads {
    /// Log-odds of the options: `[n, options]`.
    pub ops: Tensor,
    /// Expected reward: `[n]`.
    pub values: Tensor,
    graphs: Tensor,
    encoded: Encoded,
}

/// What the network says of decisions that were made.
pub(super) struct Judged {
    /// Their log-probability: `[n]`.
    pub log_probs: Tensor,
    /// Entropy of the operation and mean entropy of the links: `[n]`.
    pub entropies: Tensor,
    /// Expected reward: `[n]`.
    pub values: Tensor,
}

impl Policy {
    pub fn new(space: &dyn Space, config: &GenerativeConfig, init: &mut Init) -> Policy {
        let (embed, hidden) = (config.embed, config.hidden);
        let steps = space.steps();
        let choices = space.choices();
        let options = steps.iter().filter_map(|step| Some(choices[step.op?].options.len())).max();
        let options = options.unwrap_or(1);
        let linked = steps.iter().any(|step| !step.links.is_empty());
        Policy {
            device: init.device.clone(),
            encoder: Encoder::new(space, config, init),
            options,
            hidden,
            steps: Embedding::new(steps.len(), embed, init),
            op: Mlp::new(hidden + embed, hidden, options, init),
            value: Mlp::new(hidden + embed, hidden, 1, init),
            noise: Dense::new(2 * hidden, hidden, init),
            links: linked.then(|| Links {
                // One more for steps without an operation.
                op: Embedding::new(options + 1, embed, init),
                start: Dense::new(hidden + embed, hidden, init),
                previous: Embedding::new(3, embed, init),
                cell: Gru::new(hidden + embed, hidden, init),
                head: Dense::new(hidden, 1, init),
            }),
        }
    }

    /// Numbers of latent noise that an episode takes.
    pub fn noise_width(&self) -> usize {
        self.hidden
    }

    pub fn heads(&self, states: &[State]) -> Heads {
        let sketches: Vec<&Sketch> = states.iter().map(|state| state.sketch).collect();
        let encoded = self.encoder.forward(&sketches);
        let graphs = self.with_noise(&encoded.graphs, states);
        let steps: Vec<usize> = states.iter().map(|state| state.step).collect();
        let input = Tensor::concat(&[&graphs, &self.steps.forward(&steps)], 1);
        Heads {
            ops: self.op.forward(&input),
            values: self.value.forward(&input).reshape([states.len()]),
            graphs,
            encoded,
        }
    }

    /// `e` becomes `L [e ; z]` where nothing is decided yet.
    fn with_noise(&self, graphs: &Tensor, states: &[State]) -> Tensor {
        let begins: Vec<usize> = (0..states.len()).filter(|&i| states[i].step == 0).collect();
        if begins.is_empty() {
            return graphs.clone();
        }
        let noise: Vec<f32> = begins.iter().flat_map(|&i| states[i].noise).copied().collect();
        let noise = Tensor::from_slice(&self.device, [begins.len(), self.hidden], &noise);
        let mixed = self.noise.forward(&Tensor::concat(&[&graphs.gather_rows(&begins), &noise], 1));
        let mut rows: Vec<usize> = (0..states.len()).collect();
        for (i, &at) in begins.iter().enumerate() {
            rows[at] = states.len() + i;
        }
        Tensor::concat(&[graphs, &mixed], 0).gather_rows(&rows)
    }

    /// The state before the first link, after operations `ops` (none where the step has none): `[n, hidden]`.
    pub fn link_start(&self, heads: &Heads, ops: &[Option<usize>]) -> Tensor {
        let links = self.linked();
        let ops: Vec<usize> = ops.iter().map(|op| op.unwrap_or(self.options)).collect();
        links
            .start
            .forward(&Tensor::concat(&[&heads.graphs, &links.op.forward(&ops)], 1))
            .tanh()
    }

    /// The state after looking at earlier node `j`, and the log-odds `[n]` of a link from it. `before` is the decision on
    /// the node before. Episodes that have no node `j` get an answer that means nothing.
    pub fn link(
        &self,
        heads: &Heads,
        j: usize,
        state: &Tensor,
        before: &[Option<bool>],
        nodes: &[usize],
    ) -> [Tensor; 2] {
        let links = self.linked();
        let before: Vec<usize> = before
            .iter()
            .map(|yes| yes.map_or(NOTHING, |yes| NOTHING + 1 + usize::from(yes)))
            .collect();
        let rows: Vec<usize> = heads
            .encoded
            .first
            .iter()
            .zip(nodes)
            .map(|(first, n)| first + j.min(n.saturating_sub(1)))
            .collect();
        let node = heads.encoded.nodes.gather_rows(&rows);
        let input = Tensor::concat(&[&node, &links.previous.forward(&before)], 1);
        let state = links.cell.forward(&input, state);
        let logits = links.head.forward(&state).reshape([before.len()]);
        [state, logits]
    }

    fn linked(&self) -> &Links {
        self.links.as_ref().expect("only asked for in spaces with links")
    }

    /// What the network now says of decisions that were made.
    pub fn judge(&self, taken: &[&Taken]) -> Judged {
        let states: Vec<State> = taken.iter().map(|t| t.state()).collect();
        let heads = self.heads(&states);
        let [mut log_probs, mut entropies] = self.judge_ops(&heads, taken);
        if self.links.is_some() {
            let [more_log, more_entropy] = self.judge_links(&heads, taken);
            log_probs = log_probs + more_log;
            entropies = entropies + more_entropy;
        }
        Judged { log_probs, entropies, values: heads.values }
    }

    fn judge_ops(&self, heads: &Heads, taken: &[&Taken]) -> [Tensor; 2] {
        let (n, options) = (taken.len(), self.options);
        let mut mask = vec![0.0; n * options];
        let mut chosen = vec![0.0; n * options];
        let mut counted = vec![0.0; n * options];
        for (i, step) in taken.iter().enumerate() {
            let row = i * options..(i + 1) * options;
            let Some(op) = &step.op else { continue };
            mask[row.clone()].copy_from_slice(&self.mask(&op.open));
            chosen[row.start + op.taken] = 1.0;
            counted[row].fill(1.0);
        }
        let constant = |values: &[f32]| Tensor::from_slice(&self.device, [n, options], values);
        let logs = (&heads.ops + constant(&mask)).log_softmax();
        let log_probs = (&logs * constant(&chosen)).sum(&[1]).reshape([n]);
        let entropies = (logs.exp() * &logs * constant(&counted)).sum(&[1]).reshape([n]).neg();
        [log_probs, entropies]
    }

    /// What is added to the logits of a choice with these open options.
    fn mask(&self, open: &[bool]) -> Vec<f32> {
        let closed = |i: usize| !open.get(i).copied().unwrap_or(false);
        (0..self.options).map(|i| if closed(i) { RULED_OUT } else { 0.0 }).collect()
    }

    fn judge_links(&self, heads: &Heads, taken: &[&Taken]) -> [Tensor; 2] {
        let n = taken.len();
        let ops: Vec<Option<usize>> = taken.iter().map(|t| Some(t.op.as_ref()?.taken)).collect();
        let nodes: Vec<usize> = taken.iter().map(|t| t.links.len()).collect();
        let mut state = self.link_start(heads, &ops);
        let mut before = vec![None; n];
        let mut log_probs = Tensor::zeros(&self.device, [n]);
        let mut entropies = Tensor::zeros(&self.device, [n]);
        for j in 0..nodes.iter().copied().max().unwrap_or(0) {
            let [next, logits] = self.link(heads, j, &state, &before, &nodes);
            let link = |t: &&Taken| t.links.get(j).copied();
            let yes: Vec<f32> = taken
                .iter()
                .map(|t| f32::from(u8::from(link(t).is_some_and(|l| l.taken))))
                .collect();
            let free: Vec<f32> = taken
                .iter()
                .map(|t| f32::from(u8::from(link(t).is_some_and(|l| l.free))))
                .collect();
            let shares: Vec<f32> = taken
                .iter()
                .zip(&free)
                .map(|(t, free)| free / t.free_links().max(1) as f32)
                .collect();
            let constant = |values: &[f32]| Tensor::from_slice(&self.device, [n], values);
            let (yes, free) = (constant(&yes), constant(&free));
            log_probs = log_probs + bernoulli_log_likelihood(&logits, &yes) * free;
            // H = log(1 + e^x) - x sigmoid(x) = -(p log p + (1 - p) log(1 - p)).
            let entropy = bernoulli_log_likelihood(&logits, &logits.sigmoid()).neg();
            entropies = entropies + entropy * constant(&shares);
            state = next;
            before = taken.iter().map(|t| link(t).map(|l| l.taken)).collect();
        }
        [log_probs, entropies]
    }
}

impl Module for Policy {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("encoder", &mut self.encoder);
        v.module("steps", &mut self.steps);
        v.module("op", &mut self.op);
        v.module("value", &mut self.value);
        v.module("noise", &mut self.noise);
        if let Some(links) = &mut self.links {
            v.module("links.op", &mut links.op);
            v.module("links.start", &mut links.start);
            v.module("links.previous", &mut links.previous);
            v.module("links.cell", &mut links.cell);
            v.module("links.head", &mut links.head);
        }
    }
}
