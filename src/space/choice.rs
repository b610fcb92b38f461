//! What every space offers: a flat list of categorical choices, and a genotype that picks one option of each.

use super::primitive::Primitive;
use crate::{Error, Rng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::iter::Sum;
use std::ops::Range;

/// One categorical choice: an edge of a cell, a bit of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Where it is, for messages: `generator cell 1 edge 0->1`.
    pub name: String,
    /// What can be picked.
    pub options: Vec<Primitive>,
}

/// One option index per choice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Genotype(pub Vec<u8>);

/// Canonical form: genotypes with equal keys compute the same family of functions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(pub String);

/// A node of an architecture's graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name: `G1.3` is node 3 of the first generator cell.
    pub name: String,
    /// Whether it reaches the output.
    pub live: bool,
}

/// An edge of an architecture's graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arc {
    /// Index of the node it starts from.
    pub from: usize,
    /// Index of the node it leads to.
    pub to: usize,
    /// Name of its operation.
    pub op: &'static str,
    /// The choice that picked the operation; none where it is fixed.
    pub choice: Option<usize>,
}

/// An architecture as a directed graph without cycles: nodes in topological order, absent edges left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dag {
    /// Nodes, every one after those it reads.
    pub nodes: Vec<Node>,
    /// Edges.
    pub arcs: Vec<Arc>,
}

/// Size of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Complexity {
    /// Trainable numbers.
    pub params: u64,
    /// Multiply-adds of one forward pass over one picture.
    pub macs: u64,
}

impl Sum for Complexity {
    fn sum<I: Iterator<Item = Complexity>>(parts: I) -> Complexity {
        let plus =
            |a: Complexity, b: Complexity| Complexity { params: a.params + b.params, macs: a.macs + b.macs };
        parts.fold(Complexity::default(), plus)
    }
}

/// One step in which an architecture is put together: first an operation is chosen, then which of the nodes that are
/// there feed the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The categorical choice, if there is one.
    pub op: Option<usize>,
    /// Choices with the options no and yes, one per earlier node of the sketch, in the order of the nodes.
    pub links: Range<usize>,
}

/// A half-made architecture as graph networks read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sketch {
    /// What stands at each node, below [`Space::labels`].
    pub labels: Vec<usize>,
    /// Edges `(from, to)`.
    pub arcs: Vec<(usize, usize)>,
}

/// A search space.
pub trait Space: Send + Sync {
    /// Its name in files and reports: `nasbench201`.
    fn name(&self) -> &'static str;

    /// The choices, in the order of the genotype.
    fn choices(&self) -> &[Choice];

    /// Whether the space contains `g`.
    ///
    /// # Errors
    /// If it does not; the reason names the gene or the node.
    fn check(&self, g: &Genotype) -> Result<(), Error>;

    /// The canonical form of a valid genotype: what cannot matter does not distinguish.
    fn canonical(&self, g: &Genotype) -> Key;

    /// A genotype of the same architecture without what does not matter, as far as the space can tell: what learners see.
    fn normal(&self, g: &Genotype) -> Genotype {
        g.clone()
    }

    /// The architecture as a graph.
    fn graph(&self, g: &Genotype) -> Dag;

    /// The architecture in words.
    fn describe(&self, g: &Genotype) -> String;

    /// A random valid genotype: every choice uniform, redrawn until valid.
    fn random(&self, rng: &mut Rng) -> Genotype {
        loop {
            let draw = self.choices().iter().map(|c| rng.below(c.options.len()) as u8);
            let g = Genotype(draw.collect());
            if self.check(&g).is_ok() {
                return g;
            }
        }
    }

    /// The choice that may have to change together with `choice` for the genotype to stay valid.
    fn coupled(&self, choice: usize) -> Option<usize> {
        let _ = choice;
        None
    }

    /// A valid genotype near `g`: one choice that has an alternative, uniform, gets another option, uniform, and where that
    /// alone is not valid a coupled choice any fitting one; redrawn until valid.
    fn mutate(&self, g: &Genotype, rng: &mut Rng) -> Genotype {
        let open: Vec<usize> = (0..g.0.len()).filter(|&i| self.choices()[i].options.len() > 1).collect();
        loop {
            let mut child = g.clone();
            let choice = open[rng.below(open.len())];
            let options = self.choices()[choice].options.len();
            child.0[choice] = ((usize::from(g.0[choice]) + 1 + rng.below(options - 1)) % options) as u8;
            if self.check(&child).is_ok() {
                return child;
            }
            let mut mended = with_coupled(self, &child, self.coupled(choice));
            if !mended.is_empty() {
                return mended.swap_remove(rng.below(mended.len()));
            }
        }
    }

    /// The valid genotypes that differ from `g` in one choice, or in two coupled ones where one alone cannot change.
    fn neighbours(&self, g: &Genotype) -> Vec<Genotype> {
        let mut all = Vec::new();
        for (i, choice) in self.choices().iter().enumerate() {
            for option in (0..choice.options.len() as u8).filter(|option| *option != g.0[i]) {
                let mut near = g.clone();
                near.0[i] = option;
                match self.check(&near) {
                    Ok(()) => all.push(near),
                    // From the first of the two, so that each pair comes once.
                    Err(_) => {
                        let later = self.coupled(i).filter(|other| *other > i);
                        all.extend(with_coupled(self, &near, later));
                    }
                }
            }
        }
        all
    }

    /// Parameters and multiply-adds, where the space knows them.
    fn complexity(&self, g: &Genotype) -> Option<Complexity> {
        let _ = g;
        None
    }

    /// The steps in which an architecture is put together; every choice is in one of them, in order.
    fn steps(&self) -> Vec<Step> {
        let step = |i| Step { op: Some(i), links: 0..0 };
        (0..self.choices().len()).map(step).collect()
    }

    /// Which options of the next choice keep the way to a valid genotype open after the choices of `prefix`.
    fn allowed(&self, prefix: &[u8]) -> Vec<bool> {
        vec![true; self.choices()[prefix.len()].options.len()]
    }

    /// Whether the architecture is a sequence of blocks: recurrent networks read its labels in order, and its sketch has no
    /// arcs.
    fn is_chain(&self) -> bool {
        false
    }

    /// Whether nodes at different places of a sketch mean different things, whatever their labels and arcs.
    fn has_places(&self) -> bool {
        true
    }

    /// Number of different labels of sketches.
    fn labels(&self) -> usize;

    /// Most nodes that a sketch has.
    fn nodes(&self) -> usize;

    /// What is known of the architecture when the choices of `prefix` are made; all of it with the whole genotype.
    fn sketch(&self, prefix: &[u8]) -> Sketch;

    /// The form in which papers and tables write it.
    fn text(&self, g: &Genotype) -> String;

    /// Reads what [`Space::text`] writes.
    ///
    /// # Errors
    /// If it is no architecture of this space; the reason says what is wrong.
    fn parse(&self, text: &str) -> Result<Genotype, Error>;

    /// The form in which files hold it.
    fn to_json(&self, g: &Genotype) -> Value {
        json!({"space": self.name(), "genes": g, "text": self.text(g)})
    }

    /// Reads what [`Space::to_json`] makes.
    ///
    /// # Errors
    /// If it belongs to another space or is not valid in this one.
    fn parse_json(&self, value: &Value) -> Result<Genotype, Error> {
        let space = value["space"].as_str().unwrap_or_default();
        if space != self.name() {
            let reason = format!("it is of space `{space}`, wanted is `{}`", self.name());
            return Err(Error::genotype(reason));
        }
        let genes = Vec::<u8>::deserialize(&value["genes"]);
        let genes = genes.map_err(|e| Error::genotype(format!("`genes` is no list of options: {e}")))?;
        let g = Genotype(genes);
        self.check(&g)?;
        Ok(g)
    }
}

/// `g` with every option of the choice `coupled` that makes it valid.
fn with_coupled<S: Space + ?Sized>(space: &S, g: &Genotype, coupled: Option<usize>) -> Vec<Genotype> {
    let Some(coupled) = coupled else {
        return Vec::new();
    };
    let with = |option| {
        let mut g = g.clone();
        g.0[coupled] = option;
        g
    };
    let options = space.choices()[coupled].options.len() as u8;
    (0..options).map(with).filter(|g| space.check(g).is_ok()).collect()
}

/// Checks length and ranges of `g` against `choices`; what every space's own check starts with.
///
/// # Errors
/// If the number of genes differs or an option does not exist.
pub fn check_ranges(choices: &[Choice], g: &Genotype) -> Result<(), Error> {
    if g.0.len() != choices.len() {
        let reason = format!("{} genes, the space has {} choices", g.0.len(), choices.len());
        return Err(Error::genotype(reason));
    }
    for (choice, &option) in choices.iter().zip(&g.0) {
        if usize::from(option) >= choice.options.len() {
            let reason = format!(
                "{}: option {option} does not exist, valid are 0..={}",
                choice.name,
                choice.options.len() - 1
            );
            return Err(Error::genotype(reason));
        }
    }
    Ok(())
}
