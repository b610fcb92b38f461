//! The backward loop: visits nodes by falling id and adds up gradients.

use std::collections::{BTreeMap, HashMap};
use std::ops::Index;
use std::sync::Arc;

use super::tape::{Made, Node};
use super::{Ctx, Tensor, accumulate};

/// Gradients by leaf, as [`Tensor::backward`] returns them.
#[derive(Default)]
pub struct Grads(HashMap<u64, Tensor>);

impl Grads {
    /// Sets the gradient of `leaf`, for gradients that were computed or changed by the caller.
    ///
    /// # Panics
    /// If `leaf` is not tracked or has another shape.
    #[track_caller]
    pub fn insert(&mut self, leaf: &Tensor, gradient: Tensor) {
        assert!(gradient.shape == leaf.shape, "Grads: gradient {} for {}", gradient.shape, leaf.shape);
        let node = leaf.node.as_ref().expect("Grads: the tensor is not a leaf (use .param())");
        self.0.insert(node.id, gradient);
    }

    /// The gradient of `leaf`; `None` if the loss does not depend on it.
    pub fn get(&self, leaf: &Tensor) -> Option<&Tensor> {
        self.0.get(&leaf.node.as_ref()?.id)
    }

    /// Takes the gradient of `leaf` out, so that its memory is free as soon as the caller drops it.
    pub fn take(&mut self, leaf: &Tensor) -> Option<Tensor> {
        self.0.remove(&leaf.node.as_ref()?.id)
    }
}

impl Index<&Tensor> for Grads {
    type Output = Tensor;

    #[track_caller]
    fn index(&self, leaf: &Tensor) -> &Tensor {
        self.get(leaf)
            .expect("Grads: not a requested leaf, or the loss does not depend on it")
    }
}

impl Tensor {
    /// Gradients of this one-element tensor with respect to `leaves` (made by [`Tensor::param`]).
    /// Only what leads to a requested leaf is computed.
    ///
    /// # Panics
    /// If this tensor does not have one element, or one of `leaves` is not a leaf.
    #[track_caller]
    pub fn backward(&self, leaves: &[&Tensor]) -> Grads {
        assert!(self.elements() == 1, "backward: wants one element, got {}", self.shape);
        self.backward_from(&Tensor::full(&self.device(), self.shape, 1.0), leaves)
    }

    /// Gradients of `sum(self * gy)` with respect to `leaves`: the vector-Jacobian product.
    ///
    /// # Panics
    /// If `gy` has another shape, or one of `leaves` is not a leaf.
    #[track_caller]
    pub fn backward_from(&self, gy: &Tensor, leaves: &[&Tensor]) -> Grads {
        assert!(gy.shape == self.shape, "backward: gradient {} for {}", gy.shape, self.shape);
        let mut needed: HashMap<u64, bool> = HashMap::new();
        for leaf in leaves {
            let node = leaf.node.as_ref().filter(|n| n.made.is_none());
            let node =
                node.expect("backward: asked for the gradient of a tensor that is not a leaf (use .param())");
            needed.insert(node.id, true);
        }
        let mut grads = Grads(HashMap::new());
        let Some(root) = &self.node else {
            return grads;
        };
        mark(root, &mut needed);

        let mut pending: BTreeMap<u64, (Arc<Node>, Tensor)> = BTreeMap::new();
        if needed[&root.id] {
            pending.insert(root.id, (root.clone(), gy.detach()));
        }
        while let Some((id, (node, gy))) = pending.pop_last() {
            let Some(made) = &node.made else {
                grads.0.insert(id, gy);
                continue;
            };
            for (input, gx) in made.inputs.iter().zip(local(made, &needed, &gy)) {
                let (Some(input), Some(gx)) = (&input.node, gx) else {
                    continue;
                };
                assert!(
                    gx.shape == input.shape,
                    "{}: gradient {} for input {}",
                    made.op.name(),
                    gx.shape,
                    input.shape
                );
                let sum = match pending.remove(&input.id) {
                    Some((_, first)) => accumulate::sum(&first, &gx),
                    None => gx,
                };
                pending.insert(input.id, (input.clone(), sum));
            }
        }
        grads
    }
}

/// Local gradients of one node, with those masked that lead to no requested leaf.
fn local(made: &Made, needed: &HashMap<u64, bool>, gy: &Tensor) -> Vec<Option<Tensor>> {
    let wanted: Vec<bool> = made
        .inputs
        .iter()
        .map(|x| x.node.as_ref().is_some_and(|n| needed[&n.id]))
        .collect();
    let ctx = Ctx { made, wanted: &wanted };
    let mut gx = made.op.backward(&ctx, gy);
    assert!(
        gx.len() == wanted.len(),
        "{}: {} gradients for {} inputs",
        made.op.name(),
        gx.len(),
        wanted.len()
    );
    for (gx, wanted) in gx.iter_mut().zip(&wanted) {
        if !wanted {
            *gx = None;
        }
    }
    gx
}

/// Marks every node below `root` by whether it leads to a requested leaf. Without recursion: a tape may be long.
fn mark(root: &Arc<Node>, needed: &mut HashMap<u64, bool>) {
    let mut seen: BTreeMap<u64, &Node> = BTreeMap::new();
    let mut stack: Vec<&Node> = vec![root];
    while let Some(node) = stack.pop() {
        if seen.insert(node.id, node).is_some() {
            continue;
        }
        if let Some(made) = &node.made {
            stack.extend(made.inputs.iter().filter_map(|x| x.node.as_deref()));
        }
    }
    // Inputs have smaller ids than what was made of them, so rising ids see inputs first.
    for (id, node) in seen {
        let leads = match &node.made {
            None => needed.contains_key(&id),
            Some(made) => made.inputs.iter().filter_map(|x| x.node.as_ref()).any(|n| needed[&n.id]),
        };
        needed.insert(id, leads);
    }
}
