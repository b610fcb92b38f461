//! New candidates from old ones: crossover and mutation that always end.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::Rng;
use crate::space::{GanCells, Genotype, Space};

/// How children are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operators {
    /// The paper's: two parents exchange one edge in which they differ with one probability, then each child's one edge changes with another.
    #[default]
    Paper,
    /// The released program's: a coin decides between a mutation of one parent and one differing gene from another. A child
    /// must differ from every genotype that was ever drawn at random.
    Code,
    /// None: children are random genotypes. The rest of the search stays the same, to compare with.
    Random,
}

/// Tries before something is drawn in another way.
const TRIES: usize = 100;

/// What makes children.
pub(super) struct Breeder<'a> {
    pub space: &'a GanCells,
    pub operators: Operators,
    /// Probabilities of the paper's operators.
    pub crossover: f64,
    pub mutation: f64,
}

impl Breeder<'_> {
    /// `n` valid children of `parents` that are not in `taken` and that `fits` accepts, none twice. Where operators find no
    /// such child in a bounded number of tries it is drawn at random, and where even that fails `fits` is dropped: a space may
    /// hold no more candidates that fit.
    pub fn children(
        &self,
        parents: &[Genotype],
        n: usize,
        taken: &HashSet<Genotype>,
        fits: &dyn Fn(&Genotype) -> bool,
        rng: &mut Rng,
    ) -> Vec<Genotype> {
        let mut children: Vec<Genotype> = Vec::with_capacity(n);
        while children.len() < n {
            let new = |g: &Genotype, children: &[Genotype]| !taken.contains(g) && !children.contains(g);
            let mut found: Vec<Genotype> = Vec::new();
            for _ in 0..TRIES {
                for child in self.offspring(parents, rng) {
                    if new(&child, &children) && !found.contains(&child) && fits(&child) {
                        found.push(child);
                    }
                }
                if !found.is_empty() {
                    break;
                }
            }
            if found.is_empty() {
                found.push(self.random(&|g| new(g, &children) && fits(g), &|g| new(g, &children), rng));
            }
            let room = n - children.len();
            children.extend(found.into_iter().take(room));
        }
        children
    }

    /// A random genotype that is `wanted`, else one that is at least `allowed`, else any.
    fn random(
        &self,
        wanted: &dyn Fn(&Genotype) -> bool,
        allowed: &dyn Fn(&Genotype) -> bool,
        rng: &mut Rng,
    ) -> Genotype {
        let mut draw = |accept: &dyn Fn(&Genotype) -> bool| {
            (0..10 * TRIES).map(|_| self.space.random(rng)).find(|g| accept(g))
        };
        draw(wanted).or_else(|| draw(allowed)).unwrap_or_else(|| self.space.random(rng))
    }

    fn offspring(&self, parents: &[Genotype], rng: &mut Rng) -> Vec<Genotype> {
        if parents.is_empty() {
            return vec![self.space.random(rng)];
        }
        let a = rng.below(parents.len());
        // Another parent where there is one.
        let b = (a + 1 + rng.below((parents.len() - 1).max(1))) % parents.len();
        let (a, b) = (&parents[a], &parents[b]);
        match self.operators {
            Operators::Random => vec![self.space.random(rng)],
            Operators::Code if rng.uniform() < 0.5 => self.mutated(a, rng).into_iter().collect(),
            Operators::Code => self.crossed(a, b, rng).into_iter().map(|[child, _]| child).collect(),
            Operators::Paper => {
                let mut pair = vec![a.clone(), b.clone()];
                if f64::from(rng.uniform()) < self.crossover
                    && let Some(crossed) = self.crossed(a, b, rng)
                {
                    pair = crossed.into();
                }
                for child in &mut pair {
                    if f64::from(rng.uniform()) < self.mutation
                        && let Some(mutated) = self.mutated(child, rng)
                    {
                        *child = mutated;
                    }
                }
                pair
            }
        }
    }

    /// `a` and `b` with one random differing gene exchanged, together with the gene that depends on it; `None` if they
    /// differ in no gene that can be exchanged.
    fn crossed(&self, a: &Genotype, b: &Genotype, rng: &mut Rng) -> Option<[Genotype; 2]> {
        let differing: Vec<usize> = (0..a.0.len()).filter(|i| a.0[*i] != b.0[*i]).collect();
        for which in rng.permutation(differing.len()) {
            let gene = differing[which];
            for genes in [vec![gene], with_coupled(self.space, gene)] {
                let mut pair = [a.clone(), b.clone()];
                for i in genes {
                    (pair[0].0[i], pair[1].0[i]) = (b.0[i], a.0[i]);
                }
                if pair.iter().all(|g| self.space.check(g).is_ok()) {
                    return Some(pair);
                }
            }
        }
        None
    }

    /// `g` with another option in one random gene, and in the one that depends on it where the genotype would be invalid
    /// otherwise. A space where every gene has another valid option always gives one.
    fn mutated(&self, g: &Genotype, rng: &mut Rng) -> Option<Genotype> {
        let choices = self.space.choices();
        for gene in rng.permutation(choices.len()) {
            for option in rng.permutation(choices[gene].options.len()) {
                if option == usize::from(g.0[gene]) {
                    continue;
                }
                let mut child = g.clone();
                child.0[gene] = option as u8;
                if self.space.check(&child).is_ok() {
                    return Some(child);
                }
                if let Some(other) = self.space.coupled(gene) {
                    for option in rng.permutation(choices[other].options.len()) {
                        child.0[other] = option as u8;
                        if self.space.check(&child).is_ok() {
                            return Some(child);
                        }
                    }
                }
            }
        }
        None
    }
}

fn with_coupled(space: &GanCells, gene: usize) -> Vec<usize> {
    std::iter::once(gene).chain(space.coupled(gene)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Family;

    fn breeder(space: &GanCells, operators: Operators) -> Breeder<'_> {
        Breeder { space, operators, crossover: 0.3, mutation: 0.5 }
    }

    fn distance(a: &Genotype, b: &Genotype) -> usize {
        a.0.iter().zip(&b.0).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn children_are_valid_new_and_near_their_parents() {
        let mut rng = Rng::seed(1);
        for space in [GanCells::generators(), GanCells::discriminators(Family::Eagan)] {
            for operators in [Operators::Paper, Operators::Code] {
                let parents: Vec<Genotype> = (0..8).map(|_| space.random(&mut rng)).collect();
                let taken: HashSet<Genotype> = parents.iter().cloned().collect();
                let with = breeder(&space, operators);
                let children = with.children(&parents, 50, &taken, &|_| true, &mut rng);
                assert_eq!(children.len(), 50);
                assert_eq!(children.iter().collect::<HashSet<_>>().len(), 50);
                for child in &children {
                    space.check(child).unwrap();
                    assert!(!taken.contains(child));
                    let nearest = parents.iter().map(|p| distance(p, child)).min().unwrap();
                    // One edge exchanged and one changed, each perhaps with the gene that depends on it.
                    assert!((1..=4).contains(&nearest), "{nearest}");
                }
            }
        }
    }

    #[test]
    fn every_option_can_be_reached_by_mutation_alone() {
        let mut rng = Rng::seed(2);
        let space = GanCells::discriminators(Family::Eagan);
        let with = breeder(&space, Operators::Code);
        let mut g = space.random(&mut rng);
        let mut seen = HashSet::new();
        for _ in 0..4000 {
            g = with.mutated(&g, &mut rng).unwrap();
            space.check(&g).unwrap();
            seen.extend(g.0.iter().copied().enumerate());
        }
        let all: usize = space.choices().iter().map(|c| c.options.len()).sum();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn equal_parents_and_impossible_wishes_end_too() {
        let mut rng = Rng::seed(3);
        let space = GanCells::generators();
        let one = space.random(&mut rng);
        for operators in [Operators::Paper, Operators::Code, Operators::Random] {
            let with = breeder(&space, operators);
            assert!(with.crossed(&one, &one, &mut rng).is_none());
            let parents = [one.clone(), one.clone()];
            let taken = HashSet::from([one.clone()]);
            assert_eq!(with.children(&parents, 5, &taken, &|_| true, &mut rng).len(), 5);
            assert_eq!(with.children(&parents[..1], 2, &taken, &|_| false, &mut rng).len(), 2);
        }
    }

    #[test]
    fn parents_that_differ_in_coupled_genes_exchange_both() {
        let space = GanCells::discriminators(Family::Eagan);
        let with = breeder(&space, Operators::Code);
        let mut rng = Rng::seed(4);
        let mut a = space.random(&mut rng);
        while a.0[5] == 0 {
            a = space.random(&mut rng);
        }
        let mut b = a.clone();
        (b.0[5], b.0[6]) = (0, 0);
        space.check(&b).unwrap();
        let [c, d] = with.crossed(&a, &b, &mut Rng::seed(5)).unwrap();
        assert_eq!((c, d), (b, a));
    }
}
