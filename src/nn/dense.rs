//! Plain linear layers, a table of embeddings, and a perceptron of two layers.

use super::{Init, Layout, Module, Role, Visitor};
use crate::Tensor;

/// `y = x W + b`: weight `[cin, cout]`.
pub struct Dense {
    w: Tensor,
    b: Tensor,
}

impl Dense {
    /// A layer from `cin` to `cout` features, both tensors uniform in +-1/sqrt(cin).
    pub fn new(cin: usize, cout: usize, init: &mut Init) -> Dense {
        Dense {
            w: init.fan_in([cin, cout], cin),
            b: init.fan_in([cout], cin),
        }
    }

    /// `x` `[n, cin]` -> `[n, cout]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.w) + &self.b
    }
}

impl Module for Dense {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight", Role::Weight, Layout::Linear, &mut self.w);
        v.tensor("bias", Role::Weight, Layout::Plain, &mut self.b);
    }
}

/// One learned vector for each of some things: `[things, width]`.
pub struct Embedding {
    table: Tensor,
}

impl Embedding {
    /// Standard normal vectors, as the frameworks begin.
    pub fn new(things: usize, width: usize, init: &mut Init) -> Embedding {
        Embedding { table: init.normal([things, width], 0.0, 1.0) }
    }

    /// The vectors of `things`: `[n, width]`.
    pub fn forward(&self, things: &[usize]) -> Tensor {
        self.table.gather_rows(things)
    }
}

impl Module for Embedding {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight", Role::Weight, Layout::Plain, &mut self.table);
    }
}

/// Two linear layers with a ReLU between them.
pub struct Mlp {
    first: Dense,
    second: Dense,
}

impl Mlp {
    /// `cin -> hidden -> cout`.
    pub fn new(cin: usize, hidden: usize, cout: usize, init: &mut Init) -> Mlp {
        Mlp {
            first: Dense::new(cin, hidden, init),
            second: Dense::new(hidden, cout, init),
        }
    }

    /// `x` `[n, cin]` -> `[n, cout]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.second.forward(&self.first.forward(x).relu())
    }
}

impl Module for Mlp {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.module("0", &mut self.first);
        v.module("2", &mut self.second);
    }
}
