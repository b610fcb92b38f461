//! Recurrent cells: one step of a GRU and of an LSTM, gates in PyTorch's order.

use super::{Init, Layout, Module, Role, Visitor};
use crate::Tensor;

/// Weights of the gates of a recurrent cell: `x W_x + b_x` and `h W_h + b_h`, `[gates * hidden]` wide.
struct Gates {
    wx: Tensor,
    wh: Tensor,
    bx: Tensor,
    bh: Tensor,
}

impl Gates {
    /// Uniform in +-1/sqrt(hidden).
    fn new(gates: usize, cin: usize, hidden: usize, init: &mut Init) -> Gates {
        Gates {
            wx: init.fan_in([cin, gates * hidden], hidden),
            wh: init.fan_in([hidden, gates * hidden], hidden),
            bx: init.fan_in([gates * hidden], hidden),
            bh: init.fan_in([gates * hidden], hidden),
        }
    }

    fn of(&self, x: &Tensor, h: &Tensor) -> [Tensor; 2] {
        [x.matmul(&self.wx) + &self.bx, h.matmul(&self.wh) + &self.bh]
    }
}

impl Module for Gates {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.tensor("weight_ih", Role::Weight, Layout::Linear, &mut self.wx);
        v.tensor("weight_hh", Role::Weight, Layout::Linear, &mut self.wh);
        v.tensor("bias_ih", Role::Weight, Layout::Plain, &mut self.bx);
        v.tensor("bias_hh", Role::Weight, Layout::Plain, &mut self.bh);
    }
}

/// A gated recurrent unit.
pub struct Gru(Gates);

impl Gru {
    /// A cell that reads vectors of `cin` into a state of `hidden`.
    pub fn new(cin: usize, hidden: usize, init: &mut Init) -> Gru {
        Gru(Gates::new(3, cin, hidden, init))
    }

    /// Width of the state.
    pub fn hidden(&self) -> usize {
        self.0.wh.shape()[0]
    }

    /// The next state `[n, hidden]`: `r, z = sigmoid(..)`, `c = tanh(c_x + r c_h)`, `h' = c + z (h - c)`.
    pub fn forward(&self, x: &Tensor, h: &Tensor) -> Tensor {
        let (d, [gx, gh]) = (self.hidden(), self.0.of(x, h));
        // The first two gates add up, the candidate's halves do not.
        let rz = (gx.slice(1, 0, 2 * d) + gh.slice(1, 0, 2 * d)).sigmoid();
        let (r, z) = (rz.slice(1, 0, d), rz.slice(1, d, d));
        let c = (gx.slice(1, 2 * d, d) + r * gh.slice(1, 2 * d, d)).tanh();
        &c + z * (h - &c)
    }
}

impl Module for Gru {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.0.visit(v);
    }
}

/// A long short-term memory.
pub struct Lstm(Gates);

impl Lstm {
    /// A cell that reads vectors of `cin` into a state of `hidden`.
    pub fn new(cin: usize, hidden: usize, init: &mut Init) -> Lstm {
        Lstm(Gates::new(4, cin, hidden, init))
    }

    /// Width of the state.
    pub fn hidden(&self) -> usize {
        self.0.wh.shape()[0]
    }

    /// The next output and memory, `[n, hidden]` each.
    pub fn forward(&self, x: &Tensor, [h, c]: [&Tensor; 2]) -> [Tensor; 2] {
        let (d, [gx, gh]) = (self.hidden(), self.0.of(x, h));
        let gates = gx + gh;
        let gate = |i: usize| gates.slice(1, i * d, d);
        let (i, f, o) = (gate(0).sigmoid(), gate(1).sigmoid(), gate(3).sigmoid());
        let c = f * c + i * gate(2).tanh();
        [o * c.tanh(), c]
    }
}

impl Module for Lstm {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.0.visit(v);
    }
}
