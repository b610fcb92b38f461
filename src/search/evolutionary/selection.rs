//! Which candidates survive a round.

use serde::{Deserialize, Serialize};

use super::objectives::{Judged, Limits, Objective};
use crate::Rng;
use crate::search::pareto;

/// How survivors are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The paper's ranks of non-dominated sorting, the last rank by crowding distance.
    #[default]
    Nsga2,
    /// The released program's rankings: score against every other objective and against its inverse, so that large networks
    /// and large distances have a chance too; the last rank at random. There they are four, with the objectives score,
    /// distance and params.
    Cars,
}

/// The judged candidates of a round, those that can be compared and those that cannot.
pub(super) struct Field<'a> {
    objectives: &'a [Objective],
    /// Candidates that were evaluated and keep the limits, and what is minimised of them.
    fit: Vec<usize>,
    points: Vec<Vec<f64>>,
    /// The others: evaluated ones by their excess over the limits, then those that failed.
    unfit: Vec<usize>,
    all: usize,
}

impl<'a> Field<'a> {
    pub fn new(judged: &[Judged], objectives: &'a [Objective], limits: &Limits) -> Field<'a> {
        let point = |one: &Judged| -> Option<Vec<f64>> {
            if one.failed.is_some() || limits.excess(&one.values) > 0.0 {
                return None;
            }
            objectives
                .iter()
                .map(|o| one.values.get(o).map(|value| o.minimised(*value)))
                .collect()
        };
        let points: Vec<Option<Vec<f64>>> = judged.iter().map(point).collect();
        let fit: Vec<usize> = (0..judged.len()).filter(|i| points[*i].is_some()).collect();
        let mut unfit: Vec<usize> = (0..judged.len()).filter(|i| points[*i].is_none()).collect();
        let badness = |i: &usize| {
            let one = &judged[*i];
            (u8::from(one.failed.is_some()), limits.excess(&one.values))
        };
        unfit.sort_by(|a, b| badness(a).partial_cmp(&badness(b)).unwrap_or(std::cmp::Ordering::Equal));
        Field {
            objectives,
            points: points.into_iter().flatten().collect(),
            fit,
            unfit,
            all: judged.len(),
        }
    }

    /// `n` survivors, or all if there are fewer; those that cannot be compared come last.
    pub fn survivors(&self, selection: Selection, n: usize, rng: &mut Rng) -> Vec<usize> {
        let n = n.min(self.all);
        let best = self.best();
        let chosen = match selection {
            Selection::Nsga2 => pareto::select(&self.points, n),
            Selection::Cars => self.cars(n.min(self.points.len()), rng),
        };
        let chosen = chosen.into_iter().map(|i| self.fit[i]);
        let mut chosen: Vec<usize> = chosen.chain(self.unfit.iter().copied()).take(n).collect();
        // Several extremes of a front are equally far from their neighbours; the best must not be the one that is dropped.
        if let (Some(best), Some(last)) = (best, chosen.last_mut())
            && *last != best
            && !chosen[..n - 1].contains(&best)
        {
            chosen[n - 1] = best;
        }
        chosen
    }

    /// The candidates that no other one dominates.
    pub fn front(&self) -> Vec<usize> {
        let fronts = pareto::fronts(&self.points);
        fronts
            .first()
            .map_or_else(Vec::new, |front| front.iter().map(|i| self.fit[*i]).collect())
    }

    /// The candidate that is best in the first objective, then in the next; it lies on the front. `None` if none can be
    /// compared.
    pub fn best(&self) -> Option<usize> {
        let order = |a: &Vec<f64>, b: &Vec<f64>| {
            let each = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
            each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        };
        let all = self.fit.iter().zip(&self.points);
        all.min_by(|a, b| order(a.1, b.1)).map(|(i, _)| *i)
    }

    /// What is minimised of the candidates that can be compared.
    pub fn points(&self) -> &[Vec<f64>] {
        &self.points
    }

    fn cars(&self, n: usize, rng: &mut Rng) -> Vec<usize> {
        let main = self.objectives.iter().position(|o| *o == Objective::Score);
        let main = main.expect("the settings were checked: these rankings take the score");
        let mut rankings = Vec::new();
        for other in (0..self.objectives.len()).filter(|o| *o != main) {
            let pair = |turn: &dyn Fn(f64) -> f64| -> Vec<Vec<f64>> {
                self.points.iter().map(|p| vec![p[main], turn(p[other])]).collect()
            };
            rankings.push(pareto::fronts(&pair(&|value| value)));
            rankings.push(pareto::fronts(&pair(&|value| 1.0 / (value + 1e-10))));
        }
        let mut chosen = vec![false; self.points.len()];
        for k in 0..self.points.len() {
            let count = chosen.iter().filter(|c| **c).count();
            if count >= n {
                break;
            }
            let mut front: Vec<usize> = rankings.iter().filter_map(|r| r.get(k)).flatten().copied().collect();
            front.sort_unstable();
            front.dedup();
            // As released: the front counts with those of its members that are already chosen.
            if count + front.len() <= n {
                front.iter().for_each(|i| chosen[*i] = true);
                continue;
            }
            let fresh: Vec<usize> = front.into_iter().filter(|i| !chosen[*i]).collect();
            let order = rng.permutation(fresh.len());
            order.into_iter().take(n - count).for_each(|i| chosen[fresh[i]] = true);
        }
        (0..chosen.len()).filter(|i| chosen[*i]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::objectives::Values;
    use super::*;

    const OBJECTIVES: [Objective; 3] = [Objective::Distance, Objective::Score, Objective::Params];

    fn judged(distance: f64, score: f64, params: f64) -> Judged {
        let values = Values::from([
            (Objective::Distance, distance),
            (Objective::Score, score),
            (Objective::Params, params),
        ]);
        Judged { values, failed: None }
    }

    fn failed() -> Judged {
        Judged {
            values: Values::new(),
            failed: Some("a loss is NaN".to_owned()),
        }
    }

    #[test]
    fn candidates_that_failed_or_break_a_limit_come_last_and_are_never_best() {
        let all = [failed(), judged(1.0, 9.0, 900.0), judged(5.0, 2.0, 50.0), judged(1.0, 9.0, 200.0)];
        let limits = Limits {
            largest: BTreeMap::from([(Objective::Params, 100.0)]),
            smallest_score: 0.0,
        };
        let field = Field::new(&all, &OBJECTIVES, &limits);
        for selection in [Selection::Nsga2, Selection::Cars] {
            let order = field.survivors(selection, 4, &mut Rng::seed(1));
            assert_eq!(order, [2, 3, 1, 0], "{selection:?}");
        }
        assert_eq!((field.best(), field.front()), (Some(2), vec![2]));
        let none = Field::new(&[failed(), failed()], &OBJECTIVES, &limits);
        assert_eq!((none.best(), none.front()), (None, vec![]));
        assert_eq!(none.survivors(Selection::Nsga2, 1, &mut Rng::seed(1)), [0]);
    }

    #[test]
    fn the_best_is_the_first_in_the_first_objective() {
        let all = [judged(2.0, 5.0, 10.0), judged(1.0, 3.0, 90.0), judged(1.0, 4.0, 95.0)];
        let field = Field::new(&all, &OBJECTIVES, &Limits::default());
        assert_eq!(field.best(), Some(2));
        assert_eq!(field.front(), [0, 1, 2]);
    }

    #[test]
    fn the_released_rankings_keep_what_the_paper_would_drop() {
        // The last one is dominated by all others in every objective but it is the largest, which one ranking rewards.
        let mut all: Vec<Judged> =
            (0..6).map(|i| judged(1.0 + f64::from(i), 6.0, 10.0 + f64::from(i))).collect();
        all.push(judged(9.0, 6.0, 99.0));
        let field = Field::new(&all, &OBJECTIVES, &Limits::default());
        let kept = |selection| field.survivors(selection, 4, &mut Rng::seed(3));
        assert!(!kept(Selection::Nsga2).contains(&6));
        assert!(kept(Selection::Cars).contains(&6));
        assert_eq!(kept(Selection::Cars), kept(Selection::Cars));
        assert_eq!(kept(Selection::Cars).len(), 4);
    }
}
