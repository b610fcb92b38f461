//! One regression tree of a gradient-boosted model, from the arrays of XGBoost's JSON schema.

use serde::Deserialize;

/// Child of a leaf.
const NO_CHILD: i64 = -1;

/// A tree that is known to be one: every node but the first has one parent, which stands before it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Arrays")]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    Leaf(f32),
    /// Goes to the first child where the feature is less than `below`.
    Split {
        feature: u32,
        below: f32,
        children: [u32; 2],
        missing_goes_first: bool,
    },
}

/// The arrays of the file, with an item per node.
///
/// `split_conditions` of a leaf is its value; `base_weights` only repeats it.
#[derive(Deserialize)]
struct Arrays {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<i64>,
    split_conditions: Vec<f32>,
    default_left: Vec<Flag>,
    #[serde(default)]
    split_type: Vec<u8>,
    #[serde(default)]
    tree_param: Param,
}

#[derive(Default, Deserialize)]
struct Param {
    size_leaf_vector: Option<String>,
}

/// A truth value, which older releases write as a word and newer ones as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Word(bool),
    Number(u8),
}

impl Arrays {
    fn check(&self) -> Result<(), String> {
        let count = self.left_children.len();
        if count == 0 {
            return Err("a tree has no nodes".into());
        }
        for (name, len) in [
            ("right_children", self.right_children.len()),
            ("split_indices", self.split_indices.len()),
            ("split_conditions", self.split_conditions.len()),
            ("default_left", self.default_left.len()),
        ] {
            if len != count {
                return Err(format!("a tree has {len} `{name}`, but {count} `left_children`"));
            }
        }
        if self.split_type.iter().any(|kind| *kind != 0) {
            return Err("a tree has categorical splits, wanted are numeric ones".into());
        }
        match self.tree_param.size_leaf_vector.as_deref() {
            None | Some("0" | "1") => Ok(()),
            Some(_) => Err("a tree has vectors in its leaves, wanted is one target".into()),
        }
    }

    /// Node `i`, its children as the file numbers them.
    fn node(&self, i: usize) -> Result<Node, String> {
        let value = self.split_conditions[i];
        let children = [self.left_children[i], self.right_children[i]];
        if children == [NO_CHILD; 2] {
            return Ok(Node::Leaf(value));
        }
        let count = self.left_children.len();
        let child = |child: i64| match u32::try_from(child) {
            Ok(place) if (place as usize) < count => Ok(place),
            _ => Err(format!("node {i} of a tree has the child {child}; there are nodes 0 to {}", count - 1)),
        };
        let feature = self.split_indices[i];
        Ok(Node::Split {
            feature: u32::try_from(feature)
                .map_err(|_| format!("node {i} of a tree splits on feature {feature}, which is no index"))?,
            below: value,
            children: [child(children[0])?, child(children[1])?],
            missing_goes_first: match self.default_left[i] {
                Flag::Word(word) => word,
                Flag::Number(number) => number != 0,
            },
        })
    }
}

impl TryFrom<Arrays> for Tree {
    type Error = String;

    fn try_from(arrays: Arrays) -> Result<Tree, String> {
        arrays.check()?;
        let mut nodes = Vec::new();
        // Where the nodes that are reached stand in the file. Pruning leaves others there, which mean
        // nothing.
        let mut places = vec![0];
        let mut seen = vec![false; arrays.left_children.len()];
        seen[0] = true;
        while nodes.len() < places.len() {
            let mut node = arrays.node(places[nodes.len()])?;
            if let Node::Split { children, .. } = &mut node {
                for child in children {
                    let place = *child as usize;
                    if std::mem::replace(&mut seen[place], true) {
                        return Err(format!("node {place} of a tree is reached twice"));
                    }
                    *child = places.len() as u32;
                    places.push(place);
                }
            }
            nodes.push(node);
        }
        Ok(Tree { nodes })
    }
}

impl Tree {
    /// The features that splits ask for.
    pub fn features(&self) -> impl Iterator<Item = usize> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Leaf(_) => None,
            Node::Split { feature, .. } => Some(*feature as usize),
        })
    }

    /// The value of the leaf that `x` comes to; NaN is a missing feature.
    pub fn predict(&self, x: &[f32]) -> f32 {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Leaf(value) => return value,
                Node::Split { feature, below, children, missing_goes_first } => {
                    let value = x[feature as usize];
                    let first = if value.is_nan() {
                        missing_goes_first
                    } else {
                        value < below
                    };
                    at = children[usize::from(!first)] as usize;
                }
            }
        }
    }
}
