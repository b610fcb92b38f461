//! Which options keep a half-made genotype on the way to a valid cell whose vertices all survive pruning.

use super::graph::{MOST_EDGES, NONE, OPS};
use super::layout::{OUTPUT, Place, place};

/// What is decided so far.
struct Partial {
    /// The vertices that are there, as bits; input and output are.
    there: u32,
    /// Those of them, but the output, that feed no vertex yet.
    open: u32,
    /// Those that are fed.
    fed: u32,
    edges: u32,
}

impl Partial {
    fn of(prefix: &[u8]) -> Partial {
        let mut partial = Partial { there: 1 | 1 << OUTPUT, open: 1, fed: 1, edges: 0 };
        for (i, &option) in prefix.iter().enumerate() {
            match place(i) {
                Place::Op(v) if option != NONE => {
                    partial.there |= 1 << v;
                    partial.open |= 1 << v;
                }
                Place::Link(from, to) if option == 1 && partial.has(from) && partial.has(to) => {
                    partial.edges += 1;
                    partial.open &= !(1 << from);
                    partial.fed |= 1 << to;
                }
                Place::Op(_) | Place::Link(..) => {}
            }
        }
        partial
    }

    fn has(&self, v: usize) -> bool {
        self.there >> v & 1 == 1
    }
}

/// The options of the choice after `prefix`.
///
/// Every open vertex must still feed another one. A cell is finished with the fewest edges if all open
/// vertices feed the output, one edge each; a new vertex takes over the place of an open one for one edge
/// more. So an option is open exactly if the edges, with those that it makes necessary, stay within the
/// budget. A prefix that has broken the rule is left with `no` and `none`.
pub(super) fn allowed(prefix: &[u8]) -> Vec<bool> {
    let partial = Partial::of(prefix);
    let fits = |edges: u32| edges as usize <= MOST_EDGES;
    let open = partial.open.count_ones();
    match place(prefix.len()) {
        Place::Op(v) => {
            let real = (v == 1 || partial.has(v - 1)) && fits(partial.edges + open + 1);
            let mut options = vec![real; OPS.len()];
            options.push(true);
            options
        }
        Place::Link(from, to) if partial.has(from) && partial.has(to) => {
            let is_open = partial.open >> from & 1;
            let yes = fits(partial.edges + 1 + open - is_open);
            let later = partial.there & ((1 << to) - (2 << from));
            let fed = partial.fed >> to & 1 == 1;
            let no = if to == OUTPUT {
                is_open == 0
            } else {
                // An edge from an open vertex costs nothing, it has to feed one in any case.
                let extra = u32::from(!fed && later & partial.open == 0);
                (fed || later != 0) && fits(partial.edges + open + extra)
            };
            vec![no || !yes, yes]
        }
        Place::Link(..) => vec![true, false],
    }
}
