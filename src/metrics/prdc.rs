//! Improved precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020): how much of one
//! set lies among the nearest neighbours of the other.

use std::ops::Range;

use super::FeatureSet;
use super::features::check_same_number;
use super::tiles::{self, Tile};
use crate::Error;

/// Which neighbour gives the radius of a ball.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbours {
    /// For precision and recall; a distance equal to the radius counts.
    pub precision: usize,
    /// For density and coverage; a distance equal to the radius does not count.
    pub density: usize,
}

impl Default for Neighbours {
    /// The third for precision and recall, the fifth for density and coverage, as their papers have it.
    fn default() -> Neighbours {
        Neighbours { precision: 3, density: 5 }
    }
}

/// Shares of the sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prdc {
    /// Share of the generated within the ball of some real: of good quality.
    pub precision: f64,
    /// Share of the real within the ball of some generated: covered variety.
    pub recall: f64,
    /// Real balls around a generated, on average, as a share of the number of neighbours; may exceed 1.
    pub density: f64,
    /// Share of the real whose ball holds a generated.
    pub coverage: f64,
}

/// Precision, recall, density and coverage of the features of generated images among those of real ones.
///
/// # Errors
/// [`Error::Config`] if a neighbour is the 0th or a side has too few images to have it, or the features differ in
/// number.
pub fn prdc(generated: &FeatureSet, real: &FeatureSet, neighbours: Neighbours) -> Result<Prdc, Error> {
    let (fewest, most) =
        (neighbours.precision.min(neighbours.density), neighbours.precision.max(neighbours.density));
    let least = generated.n().min(real.n());
    if fewest == 0 || most >= least {
        let reason =
            format!("the {most}th nearest of {least} images; valid are 1 to {}", least.saturating_sub(1));
        return Err(Error::config("neighbours", reason));
    }
    check_same_number(generated.d(), real.d())?;
    let (generated, real) = (Points::new(generated), Points::new(real));
    let ks = [neighbours.precision, neighbours.density];
    let real_radii = radii(&real, ks);
    let generated_radii = radii(&generated, [neighbours.precision, neighbours.precision]);
    let counts = count(&real, &generated, &real_radii, &generated_radii);
    let share = |n: usize, of: usize| n as f64 / of as f64;
    let (m, n) = (generated.set.n(), real.set.n());
    Ok(Prdc {
        precision: share(counts.precise.iter().filter(|hit| **hit).count(), m),
        recall: share(counts.recalled, n),
        density: share(counts.inside, m) / neighbours.density as f64,
        coverage: share(counts.covered, n),
    })
}

/// Rows with their squared lengths.
struct Points<'a> {
    set: &'a FeatureSet,
    lengths: Vec<f64>,
}

/// Share of the squared lengths below which a squared distance is computed from the differences: equal rows are then at
/// distance 0 exactly.
const CANCELLED: f64 = 1e-9;

impl<'a> Points<'a> {
    fn new(set: &'a FeatureSet) -> Points<'a> {
        let lengths = (0..set.n()).map(|i| set.rows(i..i + 1).iter().map(|v| v * v).sum()).collect();
        Points { set, lengths }
    }

    /// For each block of rows a state that sees the squared distance to every row of `other`: `see(state, row, other
    /// row, squared distance)`.
    fn distances<S: Send>(
        &self,
        other: &Points,
        fresh: impl Fn(Range<usize>) -> S + Sync,
        see: impl Fn(&mut S, usize, usize, f64) + Sync,
    ) -> Vec<S> {
        let d = self.set.d();
        tiles::by_rows(self.set, other.set, fresh, |state, tile: &Tile| {
            for (j, column) in tile.products.chunks_exact(tile.rows.len()).enumerate() {
                let length = other.lengths[tile.columns.start + j];
                for (i, product) in column.iter().enumerate() {
                    let both = self.lengths[tile.rows.start + i] + length;
                    let mut squared = both - 2.0 * product;
                    if squared <= CANCELLED * both {
                        let (x, y) = (&tile.x[i * d..][..d], &tile.y[j * d..][..d]);
                        squared = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum();
                    }
                    see(state, tile.rows.start + i, tile.columns.start + j, squared);
                }
            }
        })
    }
}

/// Squared distances from each row to its `ks`-th nearest other rows.
fn radii(points: &Points, ks: [usize; 2]) -> Vec<[f64; 2]> {
    let most = ks[0].max(ks[1]);
    let fresh = |rows: Range<usize>| (rows.start, vec![f64::INFINITY; rows.len() * most]);
    let see = |(start, nearest): &mut (usize, Vec<f64>), i: usize, j: usize, squared: f64| {
        if i == j {
            return;
        }
        let nearest = &mut nearest[(i - *start) * most..][..most];
        if squared < nearest[most - 1] {
            let at = nearest.partition_point(|v| *v <= squared);
            nearest.copy_within(at..most - 1, at + 1);
            nearest[at] = squared;
        }
    };
    let blocks = points.distances(points, fresh, see);
    blocks
        .iter()
        .flat_map(|(_, nearest)| nearest.chunks_exact(most))
        .map(|nearest| ks.map(|k| nearest[k - 1]))
        .collect()
}

/// What the distances between real and generated say.
struct Counts {
    /// For each generated, whether it lies in the first ball of some real.
    precise: Vec<bool>,
    /// Real within the ball of some generated.
    recalled: usize,
    /// Pairs with the generated inside the second ball of the real.
    inside: usize,
    /// Real whose second ball holds a generated.
    covered: usize,
}

struct Block {
    start: usize,
    precise: Vec<bool>,
    recalled: Vec<bool>,
    covered: Vec<bool>,
    inside: usize,
}

fn count(real: &Points, generated: &Points, real_radii: &[[f64; 2]], generated_radii: &[[f64; 2]]) -> Counts {
    let fresh = |rows: Range<usize>| Block {
        start: rows.start,
        precise: vec![false; generated.set.n()],
        recalled: vec![false; rows.len()],
        covered: vec![false; rows.len()],
        inside: 0,
    };
    let see = |block: &mut Block, i: usize, j: usize, squared: f64| {
        let [first, second] = real_radii[i];
        block.precise[j] |= squared <= first;
        block.recalled[i - block.start] |= squared <= generated_radii[j][0];
        let inside = squared < second;
        block.inside += usize::from(inside);
        block.covered[i - block.start] |= inside;
    };
    let mut all = Counts {
        precise: vec![false; generated.set.n()],
        recalled: 0,
        inside: 0,
        covered: 0,
    };
    for block in real.distances(generated, fresh, see) {
        all.precise.iter_mut().zip(&block.precise).for_each(|(all, hit)| *all |= hit);
        all.recalled += block.recalled.iter().filter(|hit| **hit).count();
        all.covered += block.covered.iter().filter(|hit| **hit).count();
        all.inside += block.inside;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::metrics::Values;

    fn draws(n: usize, d: usize, scale: f32, seed: u64) -> FeatureSet {
        let values = Rng::seed(seed).normals(n * d).iter().map(|v| v * scale).collect();
        FeatureSet::new(d, Values::F32(values)).unwrap()
    }

    /// The definitions, pair by pair.
    fn plainly(generated: &FeatureSet, real: &FeatureSet, k: Neighbours) -> Prdc {
        let distance = |a: &FeatureSet, i: usize, b: &FeatureSet, j: usize| -> f64 {
            let pairs = a.rows(i..i + 1).into_iter().zip(b.rows(j..j + 1));
            pairs.map(|(x, y)| (x - y).powi(2)).sum()
        };
        let radius = |set: &FeatureSet, i: usize, k: usize| {
            let mut all: Vec<f64> =
                (0..set.n()).filter(|j| *j != i).map(|j| distance(set, i, set, j)).collect();
            all.sort_by(f64::total_cmp);
            all[k - 1]
        };
        let (m, n) = (generated.n(), real.n());
        let mut found = Prdc {
            precision: 0.0,
            recall: 0.0,
            density: 0.0,
            coverage: 0.0,
        };
        for j in 0..m {
            let hit = (0..n).any(|i| distance(real, i, generated, j) <= radius(real, i, k.precision));
            found.precision += f64::from(u8::from(hit)) / m as f64;
        }
        for i in 0..n {
            let hit = (0..m).any(|j| distance(real, i, generated, j) <= radius(generated, j, k.precision));
            found.recall += f64::from(u8::from(hit)) / n as f64;
            let ball = radius(real, i, k.density);
            let inside = (0..m).filter(|j| distance(real, i, generated, *j) < ball).count();
            found.density += inside as f64 / (k.density * m) as f64;
            found.coverage += f64::from(u8::from(inside > 0)) / n as f64;
        }
        found
    }

    #[test]
    fn shares_equal_their_definitions() {
        for (scale, k) in [(1.0, Neighbours::default()), (0.3, Neighbours { precision: 1, density: 2 })] {
            let (generated, real) = (draws(40, 3, scale, 1), draws(35, 3, 1.0, 2));
            let (got, want) = (prdc(&generated, &real, k).unwrap(), plainly(&generated, &real, k));
            for (got, want) in [
                (got.precision, want.precision),
                (got.recall, want.recall),
                (got.density, want.density),
                (got.coverage, want.coverage),
            ] {
                assert!((got - want).abs() < 1e-12, "{got} {want}");
            }
        }
    }

    #[test]
    fn duplicates_lie_at_distance_0_far_from_the_origin() {
        let one: Vec<f32> = (0..6).map(|i| 1000.0 + i as f32 * 0.1).collect();
        let set = FeatureSet::new(6, Values::F32(one.repeat(300))).unwrap();
        let found = prdc(&set, &set, Neighbours::default()).unwrap();
        // Balls of radius 0 hold their centre where the boundary counts, and nothing where it does not.
        assert_eq!(
            found,
            Prdc {
                precision: 1.0,
                recall: 1.0,
                density: 0.0,
                coverage: 0.0
            }
        );
    }

    #[test]
    fn too_few_images_for_the_neighbour_are_refused() {
        let text = prdc(&draws(5, 2, 1.0, 1), &draws(9, 2, 1.0, 2), Neighbours::default())
            .unwrap_err()
            .to_string();
        assert!(text.contains("5th nearest of 5") && text.contains("1 to 4"), "{text}");
    }
}
