//! Networks that are a sequence of blocks in stages; what the macro spaces share.
//!
//! The first block of a stage changes size or channels; every other one may be left out by the skip option,
//! and where in the stage it is left out makes no difference.

use super::choice::{Arc, Choice, Complexity, Dag, Genotype, Key, Node, Sketch, Space, check_ranges};
use super::mbconv::MbConv;
use super::primitive::Primitive;
use crate::Error;
use std::ops::Range;

/// Label of a block that is not chosen yet; those of the options follow.
const MASK: usize = 0;

/// How an architecture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One digit per block, its option.
    Digits,
    /// Names of the options, separated by commas.
    Names,
}

/// One option of a block, and what it costs there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// The option.
    pub op: Primitive,
    /// Its size.
    pub cost: Complexity,
}

/// Where an inverted bottleneck stands: all of it that is not chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Channels read.
    pub input: u64,
    /// Channels written.
    pub output: u64,
    /// Stride.
    pub stride: u64,
    /// Side of the image that is read.
    pub side: u64,
    /// Whether it has squeeze-and-excitation.
    pub squeeze: bool,
}

impl Place {
    /// The block of an option with this kernel and expansion.
    pub fn block(self, (op, kernel, expansion): (Primitive, u64, u64)) -> Block {
        let Place { input, output, stride, side, squeeze } = self;
        let block = MbConv { kernel, expansion, input, output, stride, squeeze };
        Block { op, cost: block.complexity(side) }
    }
}

/// A space of block sequences.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    name: &'static str,
    form: Form,
    skip: &'static str,
    fixed: Complexity,
    choices: Vec<Choice>,
    costs: Vec<Vec<Complexity>>,
    stages: Vec<Range<usize>>,
    names: Vec<&'static str>,
}

impl Chain {
    /// A chain without blocks; `skip` names the option that leaves a block out, `fixed` is the size of all
    /// that is not chosen.
    pub fn new(name: &'static str, form: Form, skip: &'static str, fixed: Complexity) -> Chain {
        Chain {
            name,
            form,
            skip,
            fixed,
            choices: Vec::new(),
            costs: Vec::new(),
            stages: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Adds a stage: its first block's options, then `others` blocks with the options of `other`.
    pub fn stage(&mut self, first: &[Block], others: usize, other: &[Block]) {
        let start = self.choices.len();
        let stage = self.stages.len() + 1;
        let blocks = std::iter::once(first).chain(std::iter::repeat_n(other, others));
        for (i, options) in blocks.enumerate() {
            for block in options {
                if !self.names.contains(&block.op.name) {
                    self.names.push(block.op.name);
                }
            }
            self.choices.push(Choice {
                name: format!("stage {stage} block {}", i + 1),
                options: options.iter().map(|block| block.op).collect(),
            });
            self.costs.push(options.iter().map(|block| block.cost).collect());
        }
        self.stages.push(start..self.choices.len());
    }

    fn op(&self, choice: usize, gene: u8) -> &'static str {
        self.choices[choice].options[usize::from(gene)].name
    }

    fn ops(&self, g: &Genotype) -> Vec<&'static str> {
        g.0.iter().enumerate().map(|(choice, &gene)| self.op(choice, gene)).collect()
    }

    fn options(&self, choice: usize) -> String {
        let names: Vec<&str> = self.choices[choice].options.iter().map(|op| op.name).collect();
        names.join(", ")
    }

    fn gene(&self, choice: usize, text: &str) -> Result<u8, Error> {
        let options = &self.choices[choice].options;
        let found = match self.form {
            Form::Digits => text.parse().ok().filter(|&gene| gene < options.len()),
            Form::Names => options.iter().position(|op| op.name == text),
        };
        let unknown = || {
            let (place, valid) = (&self.choices[choice].name, self.options(choice));
            let count = options.len() - 1;
            Error::genotype(match self.form {
                Form::Digits => format!("{place}: no option `{text}`, valid are 0 to {count} ({valid})"),
                Form::Names => format!("{place}: no option `{text}`, valid are {valid}"),
            })
        };
        found.map(|gene| gene as u8).ok_or_else(unknown)
    }
}

/// A space that is a [`Chain`]; being one makes it a [`Space`].
pub(super) trait Chained: Send + Sync {
    /// The chain.
    fn chain(&self) -> &Chain;
}

impl<T: Chained> Space for T {
    fn name(&self) -> &'static str {
        self.chain().name
    }

    fn choices(&self) -> &[Choice] {
        &self.chain().choices
    }

    fn check(&self, g: &Genotype) -> Result<(), Error> {
        check_ranges(&self.chain().choices, g)
    }

    /// The text of the same network with the blocks that are left out at the end of their stage.
    fn canonical(&self, g: &Genotype) -> Key {
        let chain = self.chain();
        let mut g = g.clone();
        for stage in &chain.stages {
            // The blocks after the first have the same options, so their genes may change places.
            let others = stage.start + 1..stage.end;
            g.0[others].sort_by_key(|&gene| chain.op(stage.end - 1, gene) == chain.skip);
        }
        Key(self.text(&g))
    }

    fn graph(&self, g: &Genotype) -> Dag {
        let chain = self.chain();
        let mut names = vec![String::from("image"), String::from("stem")];
        names.extend(chain.choices.iter().map(|choice| choice.name.clone()));
        names.push("logits".into());
        let last = names.len() - 1;
        let fixed = |from, op| Arc { from, to: from + 1, op, choice: None };
        let mut arcs = vec![fixed(0, "stem")];
        arcs.extend(chain.ops(g).into_iter().enumerate().map(|(choice, op)| Arc {
            from: choice + 1,
            to: choice + 2,
            op,
            choice: Some(choice),
        }));
        arcs.push(fixed(last - 1, "head"));
        let nodes = names.into_iter().map(|name| Node { name, live: true });
        Dag { nodes: nodes.collect(), arcs }
    }

    fn describe(&self, g: &Genotype) -> String {
        let chain = self.chain();
        let ops = chain.ops(g);
        let line = |(i, stage): (usize, &Range<usize>)| {
            format!("stage {}: {}\n", i + 1, ops[stage.clone()].join(", "))
        };
        chain.stages.iter().enumerate().map(line).collect()
    }

    fn complexity(&self, g: &Genotype) -> Option<Complexity> {
        let chain = self.chain();
        let blocks = g.0.iter().zip(&chain.costs).map(|(&gene, costs)| costs[usize::from(gene)]);
        Some(std::iter::once(chain.fixed).chain(blocks).sum())
    }

    fn is_chain(&self) -> bool {
        true
    }

    fn labels(&self) -> usize {
        MASK + 1 + self.chain().names.len()
    }

    fn nodes(&self) -> usize {
        self.chain().choices.len()
    }

    /// One label per block, the same for an option wherever it stands; blocks not chosen yet have a label of
    /// their own.
    fn sketch(&self, prefix: &[u8]) -> Sketch {
        let chain = self.chain();
        let label = |choice| match prefix.get(choice) {
            None => MASK,
            Some(&gene) => {
                let op = chain.op(choice, gene);
                let known = chain.names.iter().position(|name| *name == op);
                MASK + 1 + known.expect("every option's name is listed when its stage is added")
            }
        };
        Sketch {
            labels: (0..chain.choices.len()).map(label).collect(),
            arcs: Vec::new(),
        }
    }

    fn text(&self, g: &Genotype) -> String {
        match self.chain().form {
            Form::Digits => g.0.iter().map(u8::to_string).collect(),
            Form::Names => self.chain().ops(g).join(","),
        }
    }

    fn parse(&self, text: &str) -> Result<Genotype, Error> {
        let chain = self.chain();
        let text = text.trim();
        let parts: Vec<String> = match chain.form {
            Form::Digits => text.chars().map(String::from).collect(),
            Form::Names => text.split(',').map(|name| name.trim().to_string()).collect(),
        };
        let (found, wanted) = (parts.len(), chain.choices.len());
        if found != wanted {
            return Err(Error::genotype(format!("`{text}` has {found} blocks, the space has {wanted}")));
        }
        let genes = parts.iter().enumerate().map(|(choice, part)| chain.gene(choice, part));
        Ok(Genotype(genes.collect::<Result<_, _>>()?))
    }
}
