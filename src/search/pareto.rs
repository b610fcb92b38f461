//! Pareto fronts, crowding distance, survival and hypervolume of points whose objectives are all minimised.
//!
//! A point is a slice of objectives; NaN, the mark of a failed evaluation, counts as positive infinity.

#[cfg(test)]
mod tests;

/// Whether `a` dominates `b`: it is nowhere worse, `a_m <= b_m` for every objective, and somewhere better.
///
/// # Panics
/// If the points differ in their number of objectives.
#[track_caller]
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    assert_eq!(a.len(), b.len(), "pareto: points have different numbers of objectives");
    let mut better = false;
    for (&x, &y) in a.iter().zip(b) {
        let (x, y) = (without_nan(x), without_nan(y));
        if x > y {
            return false;
        }
        better |= x < y;
    }
    better
}

/// Non-dominated sorting: front 0 holds the points that no other dominates, front `k` those that only points of
/// fronts before it dominate. Indices ascend within a front; equal points share one. No points give no fronts.
///
/// Time grows as `M N^2 / 64` words and memory as `N^2 / 8` bytes for `N` distinct points of `M` objectives.
///
/// # Panics
/// If the points differ in their number of objectives.
#[track_caller]
pub fn fronts(points: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let points = clean(points);
    let groups = equal_groups(&points);
    let distinct: Vec<&[f64]> = groups.iter().map(|g| points[g[0]].as_slice()).collect();
    let dominators = Dominators::of(&distinct);
    let mut fronts: Vec<(Vec<u64>, Vec<usize>)> = Vec::new();
    // Whatever dominates a point comes before it in lexicographic order, so its front is known by now.
    for (i, group) in groups.iter().enumerate() {
        // A dominator in one front has dominators of its own, which dominate the point too, in all fronts before:
        // the fronts that hold one are the first few, and a binary search finds where they end.
        let k = fronts.partition_point(|(set, _)| intersect(set, dominators.row(i)));
        if k == fronts.len() {
            fronts.push((vec![0; dominators.words], Vec::new()));
        }
        let (set, members) = &mut fronts[k];
        insert(set, i);
        members.extend(group);
    }
    let sorted = |mut members: Vec<usize>| {
        members.sort_unstable();
        members
    };
    fronts.into_iter().map(|(_, members)| sorted(members)).collect()
}

/// The number of the front of every point, 0 for the non-dominated ones.
///
/// # Panics
/// If the points differ in their number of objectives.
#[track_caller]
pub fn ranks(points: &[Vec<f64>]) -> Vec<usize> {
    let mut ranks = vec![0; points.len()];
    for (rank, front) in fronts(points).iter().enumerate() {
        for &i in front {
            ranks[i] = rank;
        }
    }
    ranks
}

/// The crowding distance of every point of a front: `1/M sum_m (next_m - previous_m) / range_m`, where the
/// neighbours are those in the order of objective `m`.
///
/// The ends of an objective's order have no neighbour on one side and are infinitely far from it; an objective that
/// is the same for all points adds nothing. Up to two points are infinitely far from each other. Equal points are
/// neighbours at distance 0, in the order of their indices, as pymoo 0.6 has them in NSGA-II. The range is that of
/// the finite values, so that a failed point, whose objectives are infinite, does not shrink the distances between
/// the others to nothing.
///
/// # Panics
/// If the points differ in their number of objectives.
#[track_caller]
pub fn crowding(front: &[&[f64]]) -> Vec<f64> {
    let points = clean(front);
    if points.len() <= 2 {
        return vec![f64::INFINITY; points.len()];
    }
    let objectives = points[0].len();
    let mut distance = vec![0.0; points.len()];
    let mut order: Vec<usize> = (0..points.len()).collect();
    for m in 0..objectives {
        let values: Vec<f64> = points.iter().map(|p| p[m]).collect();
        let value = |i: usize| values[i];
        // Ties in index order, for one fixed result.
        order.sort_unstable_by(|&a, &b| value(a).total_cmp(&value(b)).then(a.cmp(&b)));
        let (first, last) = (value(order[0]), value(order[order.len() - 1]));
        if first == last {
            continue;
        }
        let range = finite_range(&values);
        // Two infinite neighbours are no distance apart, not NaN.
        let gap = |a: f64, b: f64| if a == b { 0.0 } else { (b - a) / range };
        for (k, &i) in order.iter().enumerate() {
            distance[i] += match (k.checked_sub(1), order.get(k + 1)) {
                (Some(before), Some(&after)) => {
                    gap(value(order[before]), value(i)) + gap(value(i), value(after))
                }
                _ => f64::INFINITY,
            };
        }
    }
    for d in &mut distance {
        *d /= objectives.max(1) as f64;
    }
    distance
}

/// The `n` points that survive in NSGA-II, best first: by front, and in a front by descending crowding distance. All
/// points if there are no more than `n`. Ties go to the lower index, so the result depends on nothing but the points.
///
/// # Panics
/// If the points differ in their number of objectives.
#[track_caller]
pub fn select(points: &[Vec<f64>], n: usize) -> Vec<usize> {
    survivors(points, n).iter().map(|s| s.index).collect()
}

/// A point that [`select`] keeps, with what it was judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Survivor {
    pub(super) index: usize,
    /// The number of its front.
    pub(super) rank: usize,
    /// Its crowding distance in the whole front, those that do not survive included.
    pub(super) crowding: f64,
}

/// What [`select`] keeps, in its order.
#[track_caller]
pub(super) fn survivors(points: &[Vec<f64>], n: usize) -> Vec<Survivor> {
    let mut survivors: Vec<Survivor> = Vec::with_capacity(n.min(points.len()));
    for (rank, front) in fronts(points).into_iter().enumerate() {
        if survivors.len() >= n {
            break;
        }
        let members: Vec<&[f64]> = front.iter().map(|&i| points[i].as_slice()).collect();
        let judged = front.into_iter().zip(crowding(&members));
        let mut judged: Vec<Survivor> =
            judged.map(|(index, crowding)| Survivor { index, rank, crowding }).collect();
        judged.sort_by(|a, b| b.crowding.total_cmp(&a.crowding));
        judged.truncate(n - survivors.len());
        survivors.append(&mut judged);
    }
    survivors
}

/// The hypervolume: the measure of all that lies between the points and `reference`, that is, of the union of the
/// boxes `[p, reference]`, in the product of the objectives' units. Exact but for rounding; infinite if a box is.
///
/// A point that is not better than the reference in every objective adds nothing. One objective takes time `N`, two
/// take `N log N`; more take the recursion of WFG (While, Bradstreet and Barone 2012), exponential in their number at
/// worst.
///
/// # Panics
/// If `reference` is empty or a point has another number of objectives than it.
#[track_caller]
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    assert!(!reference.is_empty(), "pareto::hypervolume: the reference has no objectives");
    let mut edges = Vec::new();
    for point in points {
        assert_eq!(
            point.len(),
            reference.len(),
            "pareto::hypervolume: a point has another number of objectives than the reference"
        );
        if point.iter().zip(reference).all(|(x, r)| x < r) {
            edges.push(point.iter().zip(reference).map(|(x, r)| r - x).collect::<Vec<f64>>());
        }
    }
    // The differences of the recursion would turn an infinite box into NaN.
    if edges.iter().any(|e| !e.iter().product::<f64>().is_finite()) {
        return f64::INFINITY;
    }
    union_of_boxes(edges)
}

/// The measure of the union of boxes that share one corner, by the lengths of their edges from it.
fn union_of_boxes(mut boxes: Vec<Vec<f64>>) -> f64 {
    let Some(first) = boxes.first() else {
        return 0.0;
    };
    match first.len() {
        1 => boxes.iter().map(|b| b[0]).fold(0.0, f64::max),
        2 => {
            boxes.sort_unstable_by(|a, b| b[0].total_cmp(&a[0]));
            let (mut area, mut height) = (0.0, 0.0);
            for b in boxes {
                if b[1] > height {
                    area += b[0] * (b[1] - height);
                    height = b[1];
                }
            }
            area
        }
        edges => {
            let mut boxes = outermost(boxes);
            let last = edges - 1;
            // The boxes after one reach at least as far along the last edge: what they share with it is as long there
            // as it is itself, so the overlap is a union in one dimension less.
            boxes.sort_unstable_by(|a, b| a[last].total_cmp(&b[last]));
            let exclusive = |(k, b): (usize, &Vec<f64>)| {
                let overlap = |other: &Vec<f64>| (0..last).map(|m| b[m].min(other[m])).collect();
                let shared = union_of_boxes(boxes[k + 1..].iter().map(overlap).collect());
                b[last] * (b[..last].iter().product::<f64>() - shared)
            };
            boxes.iter().enumerate().map(exclusive).sum()
        }
    }
}

/// The boxes that lie within no other; of equal ones, one.
fn outermost(mut boxes: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    // In descending lexicographic order a box can only lie within one before it.
    boxes.sort_unstable_by(|a, b| lexicographic(b, a));
    let mut kept: Vec<Vec<f64>> = Vec::new();
    for b in boxes {
        if !kept.iter().any(|k| k.iter().zip(&b).all(|(x, y)| x >= y)) {
            kept.push(b);
        }
    }
    kept
}

/// For each of some distinct points the set of those that dominate it, as rows of bits.
struct Dominators {
    words: usize,
    bits: Vec<u64>,
}

impl Dominators {
    fn of(points: &[&[f64]]) -> Dominators {
        let n = points.len();
        let words = n.div_ceil(64);
        let mut bits = vec![u64::MAX; n * words];
        for m in 0..points.first().map_or(0, |p| p.len()) {
            let values: Vec<f64> = points.iter().map(|p| p[m]).collect();
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
            // The points that are at least as good in this objective: a prefix of the order, with all ties.
            let mut as_good = vec![0; words];
            for ties in order.chunk_by(|&a, &b| values[a] == values[b]) {
                for &i in ties {
                    insert(&mut as_good, i);
                }
                for &i in ties {
                    for (word, set) in bits[i * words..][..words].iter_mut().zip(&as_good) {
                        *word &= set;
                    }
                }
            }
        }
        // What is as good everywhere and distinct is better somewhere; only the point itself is not.
        for i in 0..n {
            bits[i * words + i / 64] &= !(1 << (i % 64));
        }
        Dominators { words, bits }
    }

    fn row(&self, i: usize) -> &[u64] {
        &self.bits[i * self.words..][..self.words]
    }
}

fn insert(set: &mut [u64], i: usize) {
    set[i / 64] |= 1 << (i % 64);
}

fn intersect(a: &[u64], b: &[u64]) -> bool {
    a.iter().zip(b).any(|(x, y)| x & y != 0)
}

fn without_nan(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}

/// The points without NaN and negative zero, whose order is then that of `total_cmp`.
#[track_caller]
fn clean<P: AsRef<[f64]>>(points: &[P]) -> Vec<Vec<f64>> {
    let objectives = points.first().map_or(0, |p| p.as_ref().len());
    let ragged = points.iter().any(|p| p.as_ref().len() != objectives);
    assert!(!ragged, "pareto: points have different numbers of objectives");
    // The sum of the two zeros is the positive one.
    let clean = |p: &P| p.as_ref().iter().map(|&x| without_nan(x) + 0.0).collect();
    points.iter().map(clean).collect()
}

/// The indices of equal points together, ascending; the groups in lexicographic order of their points.
fn equal_groups(points: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_unstable_by(|&a, &b| lexicographic(&points[a], &points[b]).then(a.cmp(&b)));
    order.chunk_by(|&a, &b| points[a] == points[b]).map(<[usize]>::to_vec).collect()
}

fn lexicographic(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let differing = a.iter().zip(b).map(|(x, y)| x.total_cmp(y));
    differing.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

/// The difference of the largest and the smallest finite value; 1 where there are no two different ones.
fn finite_range(values: &[f64]) -> f64 {
    let finite = values.iter().filter(|v| v.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    if low < high { high - low } else { 1.0 }
}
