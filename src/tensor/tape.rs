//! Nodes of the tape: which operation made a tensor, from what.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Op, Shape, Tensor};

/// How a tracked tensor came to be. Ids grow with time, so falling ids are a reverse topological order.
pub struct Node {
    pub(super) id: u64,
    pub(super) shape: Shape,
    /// `None` for a leaf.
    pub(super) made: Option<Made>,
}

pub(super) struct Made {
    pub op: Box<dyn Op>,
    pub inputs: Vec<Input>,
    pub kept: Vec<Tensor>,
}

/// One input of a recorded operation. The value is held only if the operation's gradient reads it.
pub(super) struct Input {
    pub node: Option<Arc<Node>>,
    pub shape: Shape,
    pub value: Option<Tensor>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl Node {
    pub(super) fn leaf(shape: Shape) -> Node {
        Node::new(shape, None)
    }

    fn new(shape: Shape, made: Option<Made>) -> Node {
        Node {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            shape,
            made,
        }
    }
}

impl Tensor {
    /// Runs `op` on `inputs` and, if any of them is tracked, records it on the tape.
    pub fn apply(op: impl Op, inputs: &[&Tensor]) -> Tensor {
        let mut kept = Vec::new();
        let y = op.forward(inputs, &mut kept);
        debug_assert!(y.node.is_none(), "{}: forward returned a tracked tensor", op.name());
        if !inputs.iter().any(|x| x.tracked()) {
            return y;
        }
        let inputs = inputs
            .iter()
            .enumerate()
            .map(|(i, x)| Input {
                node: x.node.clone(),
                shape: x.shape,
                value: op.reads(i).then(|| x.detach()),
            })
            .collect();
        let kept = kept.iter().map(Tensor::detach).collect();
        let op = Box::new(op);
        Tensor {
            node: Some(Arc::new(Node::new(y.shape, Some(Made { op, inputs, kept })))),
            ..y
        }
    }
}

/// A long tape would recurse once per node if the compiler dropped it; this takes it apart in a loop.
impl Drop for Node {
    fn drop(&mut self) {
        let mut pending: Vec<Made> = self.made.take().into_iter().collect();
        while let Some(made) = pending.pop() {
            for input in made.inputs {
                if let Some(mut node) = input.node.and_then(Arc::into_inner) {
                    pending.extend(node.made.take());
                }
            }
        }
    }
}
