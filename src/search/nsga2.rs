//! NSGA-II (Deb et al. 2002) as a loop over any genome: it asks for evaluations and is told the objectives.

use super::pareto::{self, Survivor};
use crate::Rng;

#[cfg(test)]
mod tests;

/// How often children that exist already are drawn anew before they are taken as they are.
const REDRAWS: usize = 100;

/// How two parents make two children: crossover, mutation and whatever repairs them.
pub trait Variation<G> {
    /// Two children of `a` and `b`, which may be the same genome.
    fn vary(&mut self, a: &G, b: &G, rng: &mut Rng) -> [G; 2];
}

/// NSGA-II: [`ask`](Nsga2::ask) for candidates, evaluate them, [`tell`](Nsga2::tell) their objectives, and so on.
///
/// All objectives are minimised; NaN counts as positive infinity. The first candidates are the initial population,
/// later ones as many children. Parents win binary tournaments by front, then by crowding distance, then by a coin.
/// Children equal to one of the population or to each other are drawn anew, up to 100 times. Of parents and children
/// together, [`pareto::select`] keeps as many as there were at first.
#[derive(Debug, Clone)]
pub struct Nsga2<G, V> {
    variation: V,
    rng: Rng,
    size: usize,
    /// With their objectives, best first; empty until the initial population has been evaluated.
    population: Vec<(G, Vec<f64>)>,
    /// How each of the population was judged when it was selected.
    standing: Vec<Survivor>,
    state: State<G>,
}

#[derive(Debug, Clone)]
enum State<G> {
    /// The initial population was not asked for yet.
    Initial(Vec<G>),
    /// Candidates whose objectives are to be told.
    Asked(Vec<G>),
    Told,
}

impl<G: Clone + PartialEq, V: Variation<G>> Nsga2<G, V> {
    /// A search from the population `initial`, whose size it keeps; `seed` decides all that is random.
    ///
    /// # Panics
    /// If `initial` is empty.
    #[track_caller]
    pub fn new(initial: Vec<G>, variation: V, seed: u64) -> Nsga2<G, V> {
        assert!(!initial.is_empty(), "Nsga2::new: the initial population is empty");
        Nsga2 {
            variation,
            rng: Rng::stream(seed, "nsga2"),
            size: initial.len(),
            population: Vec::new(),
            standing: Vec::new(),
            state: State::Initial(initial),
        }
    }

    /// The candidates to evaluate next, as many as the population has.
    ///
    /// # Panics
    /// If the objectives of the last ones were not told.
    #[track_caller]
    pub fn ask(&mut self) -> Vec<G> {
        let candidates = match std::mem::replace(&mut self.state, State::Told) {
            State::Initial(initial) => initial,
            State::Told => self.children(),
            State::Asked(_) => panic!("Nsga2::ask: tell the objectives of the candidates asked for before"),
        };
        self.state = State::Asked(candidates.clone());
        candidates
    }

    /// The objectives of the candidates last asked for, in their order; the next generation is selected by them.
    ///
    /// # Panics
    /// If no candidates were asked for, if the objectives are not as many as they, or if their number varies.
    #[track_caller]
    pub fn tell(&mut self, objectives: Vec<Vec<f64>>) {
        let State::Asked(candidates) = &self.state else {
            panic!("Nsga2::tell: ask for candidates first");
        };
        assert_eq!(
            objectives.len(),
            candidates.len(),
            "Nsga2::tell: objectives (left) and candidates (right) differ in number"
        );
        let mut known = self.population.iter().map(|(_, o)| o).chain(&objectives);
        let first = known.next().map_or(0, Vec::len);
        assert!(first > 0, "Nsga2::tell: a candidate has no objectives");
        assert!(
            known.all(|o| o.len() == first),
            "Nsga2::tell: candidates have different numbers of objectives"
        );
        let State::Asked(candidates) = std::mem::replace(&mut self.state, State::Told) else {
            unreachable!("it was matched above");
        };
        let mut pool = std::mem::take(&mut self.population);
        pool.extend(candidates.into_iter().zip(objectives));
        let points: Vec<Vec<f64>> = pool.iter().map(|(_, o)| o.clone()).collect();
        self.standing = pareto::survivors(&points, self.size);
        let mut pool: Vec<Option<(G, Vec<f64>)>> = pool.into_iter().map(Some).collect();
        self.population = self.standing.iter().filter_map(|s| pool[s.index].take()).collect();
    }

    /// The population and its objectives, best first; empty until the initial one has been evaluated.
    pub fn population(&self) -> &[(G, Vec<f64>)] {
        &self.population
    }

    /// The non-dominated part of the population.
    pub fn front(&self) -> &[(G, Vec<f64>)] {
        let n = self.standing.partition_point(|s| s.rank == 0);
        &self.population[..n]
    }

    fn children(&mut self) -> Vec<G> {
        let mut children: Vec<G> = Vec::with_capacity(self.size);
        for draw in 0..=REDRAWS {
            let missing = self.size - children.len();
            if missing == 0 {
                break;
            }
            for [a, b] in self.parents(missing.div_ceil(2)) {
                let (a, b) = (&self.population[a].0, &self.population[b].0);
                for child in self.variation.vary(a, b, &mut self.rng) {
                    let exists =
                        || children.contains(&child) || self.population.iter().any(|(g, _)| *g == child);
                    // A small space may hold nothing new, and what was promised is a full generation.
                    if children.len() < self.size && (draw == REDRAWS || !exists()) {
                        children.push(child);
                    }
                }
            }
        }
        children
    }

    /// `pairs` of parents, by place in the population.
    fn parents(&mut self, pairs: usize) -> Vec<[usize; 2]> {
        // Rivals come from whole permutations, so that everyone competes equally often.
        let mut rivals = Vec::with_capacity(4 * pairs + self.size);
        while rivals.len() < 4 * pairs {
            rivals.extend(self.rng.permutation(self.size));
        }
        let groups = rivals.chunks_exact(4).take(pairs);
        groups.map(|r| [self.winner(r[0], r[1]), self.winner(r[2], r[3])]).collect()
    }

    fn winner(&mut self, a: usize, b: usize) -> usize {
        let (left, right) = (&self.standing[a], &self.standing[b]);
        let order = left.rank.cmp(&right.rank).then(right.crowding.total_cmp(&left.crowding));
        match order {
            std::cmp::Ordering::Less => a,
            std::cmp::Ordering::Greater => b,
            std::cmp::Ordering::Equal => [a, b][self.rng.below(2)],
        }
    }
}
