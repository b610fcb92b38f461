//! Inner products of all pairs of two sets of features, a tile of the matrix at a time, so that memory stays small.

use std::ops::Range;

use rayon::prelude::*;

use super::FeatureSet;
use super::linalg::inner_products;

/// Rows of either set in a tile: their values and products fit a second-level cache at a few hundred features.
const SIDE: usize = 256;

/// A tile: `products[j * rows.len() + i]` belongs to row `rows.start + i` of the first set and row `columns.start + j`
/// of the second.
pub(super) struct Tile<'a> {
    /// Rows of the first set.
    pub rows: Range<usize>,
    /// Rows of the second set.
    pub columns: Range<usize>,
    /// Values of the rows.
    pub x: &'a [f64],
    /// Values of the columns.
    pub y: &'a [f64],
    /// Inner products.
    pub products: &'a [f64],
}

/// For each block of rows of `x`, in parallel: a fresh state that sees the tiles against all of `y` from left to right.
/// The states come in the order of the rows.
pub(super) fn by_rows<S: Send>(
    x: &FeatureSet,
    y: &FeatureSet,
    fresh: impl Fn(Range<usize>) -> S + Sync,
    see: impl Fn(&mut S, &Tile) + Sync,
) -> Vec<S> {
    assert!(x.d() == y.d(), "pairs of rows of {} and {} values", x.d(), y.d());
    let tasks = x.n().div_ceil(SIDE);
    let run = |task: usize| {
        let rows = block(task, x.n());
        let mut state = fresh(rows.clone());
        let values = x.rows(rows.clone());
        let mut products = vec![0.0; rows.len() * SIDE];
        let mut others = Vec::new();
        for other in 0..y.n().div_ceil(SIDE) {
            let columns = block(other, y.n());
            others.clear();
            y.append_rows(columns.clone(), &mut others);
            let products = &mut products[..rows.len() * columns.len()];
            inner_products(&values, &others, x.d(), products);
            let tile = Tile {
                rows: rows.clone(),
                columns,
                x: &values,
                y: &others,
                products,
            };
            see(&mut state, &tile);
        }
        state
    };
    (0..tasks).into_par_iter().map(run).collect()
}

fn block(i: usize, n: usize) -> Range<usize> {
    i * SIDE..((i + 1) * SIDE).min(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Values;

    #[test]
    fn every_pair_is_seen_once() {
        let set = |n: usize| FeatureSet::new(2, Values::F32((0..2 * n).map(|i| i as f32).collect())).unwrap();
        let (x, y) = (set(SIDE + 3), set(2 * SIDE + 1));
        let seen = by_rows(
            &x,
            &y,
            |rows| (rows, 0),
            |state, tile| {
                for (j, column) in tile.products.chunks(tile.rows.len()).enumerate() {
                    for (i, got) in column.iter().enumerate() {
                        let (a, b) =
                            (2.0 * (tile.rows.start + i) as f64, 2.0 * (tile.columns.start + j) as f64);
                        assert_eq!(*got, a * b + (a + 1.0) * (b + 1.0));
                        state.1 += 1;
                    }
                }
            },
        );
        assert_eq!(seen.iter().map(|s| s.1).sum::<usize>(), x.n() * y.n());
        assert_eq!(seen.iter().map(|s| s.0.clone()).collect::<Vec<_>>(), [0..SIDE, SIDE..SIDE + 3]);
    }
}
