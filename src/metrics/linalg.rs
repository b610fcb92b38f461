//! Dense algebra in `f64` on the host. The only file that names the crate which does it.
//!
//! Work is cut by the sizes alone: the bits of a result depend on the matrices and on nothing else, neither on the
//! number of threads nor on how the rows arrived.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::matmul::{self as product};
use faer::{Accum, Mat, MatMut, MatRef, Par, Spec};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};

/// Columns of a result that one task computes.
const PANEL: usize = 128;
/// Pieces that the reductions to tridiagonal form are cut into, whatever the number of threads.
const PIECES: usize = 2;

/// The trace of a square root, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceSqrt {
    /// `tr((A B)^(1/2))`.
    pub value: f64,
    /// The factorisation of `A` or `B` that it rests on.
    pub route: Route,
}

/// Which factor `F` of one matrix, `F F^T`, turns the product into a symmetric one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The triangle of Cholesky: fast, for a positive definite matrix.
    Cholesky,
    /// Eigenvectors times roots of eigenvalues, those within rounding of 0 left out: for any covariance.
    Eigenvalues,
}

/// `tr((A B)^(1/2))` of two covariances of `d` dimensions, each `d*d` values: by Cholesky where one of them is positive
/// definite, else by eigenvalues.
///
/// # Panics
/// If a slice has another length.
pub fn trace_sqrt_product(a: &[f64], b: &[f64], d: usize) -> TraceSqrt {
    let by_cholesky = trace_sqrt_by_cholesky(a, b, d).or_else(|| trace_sqrt_by_cholesky(b, a, d));
    match by_cholesky {
        Some(value) => TraceSqrt { value, route: Route::Cholesky },
        None => TraceSqrt {
            value: trace_sqrt_by_eigenvalues(a, b, d),
            route: Route::Eigenvalues,
        },
    }
}

/// The route through `A = L L^T`: the eigenvalues of `L^T B L` are those of `A B`. `None` if `A` is not positive
/// definite.
///
/// # Panics
/// If a slice has another length.
pub fn trace_sqrt_by_cholesky(a: &[f64], b: &[f64], d: usize) -> Option<f64> {
    let lower = cholesky(square(a, d))?;
    // Only the triangle of L takes part, which halves the work of either product.
    let mut right = Mat::zeros(d, d);
    let rectangular = BlockStructure::Rectangular;
    triangular::matmul(
        &mut right,
        rectangular,
        Accum::Replace,
        square(b, d),
        rectangular,
        &lower,
        BlockStructure::TriangularLower,
        1.0,
        pieces(),
    );
    let mut both = Mat::zeros(d, d);
    triangular::matmul(
        &mut both,
        rectangular,
        Accum::Replace,
        lower.transpose(),
        BlockStructure::TriangularUpper,
        &right,
        rectangular,
        1.0,
        pieces(),
    );
    Some(sum_of_roots(&both))
}

/// The route through `A = V diag(l) V^T`: with `F = V diag(sqrt(l))`, the eigenvalues of `F^T B F` are those of `A B`.
/// Eigenvalues of `A` within rounding of 0, or below it, are left out.
///
/// # Panics
/// If a slice has another length.
pub fn trace_sqrt_by_eigenvalues(a: &[f64], b: &[f64], d: usize) -> f64 {
    let (values, vectors) = eigen(square(a, d));
    let least = negligible(values.iter().copied(), d);
    // They come in rising order, so what is kept is the tail.
    let first = values.partition_point(|l| *l <= least);
    let rank = d - first;
    let factor = Mat::from_fn(d, rank, |i, j| vectors[(i, first + j)] * values[first + j].sqrt());
    let mut right = Mat::zeros(d, rank);
    multiply(right.as_mut(), square(b, d), factor.as_ref());
    let mut both = Mat::zeros(rank, rank);
    multiply(both.as_mut(), factor.transpose(), right.as_ref());
    sum_of_roots(&both)
}

/// Sum of the square roots of the eigenvalues of a positive semi-definite matrix. What is within rounding of 0 counts as
/// 0: the root would turn noise of 1e-16 into 1e-8.
fn sum_of_roots(matrix: &Mat<f64>) -> f64 {
    let n = matrix.nrows();
    // Rounding leaves the two triangles a little apart.
    let symmetric = Mat::from_fn(n, n, |i, j| 0.5 * (matrix[(i, j)] + matrix[(j, i)]));
    let values = eigenvalues(symmetric.as_ref());
    let least = negligible(values.iter().copied(), n);
    values.iter().filter(|l| **l > least).map(|l| l.sqrt()).sum()
}

/// Size up to which an eigenvalue of an `n` by `n` matrix may be rounding alone.
fn negligible(values: impl Iterator<Item = f64>, n: usize) -> f64 {
    values.fold(0.0, |most: f64, l| most.max(l.abs())) * n as f64 * f64::EPSILON
}

/// `sum += rows^T rows` in the lower triangle of the `d*d` values of `sum`, for rows of `d` values.
///
/// # Panics
/// If the lengths do not fit.
pub fn add_outer_products(sum: &mut [f64], rows: &[f64], d: usize) {
    let samples = MatRef::from_column_major_slice(rows, d, rows.len() / d);
    let sum = MatMut::from_column_major_slice_mut(sum, d, d);
    sum.par_col_chunks_mut(PANEL).enumerate().for_each(|(panel, columns)| {
        let first = panel * PANEL;
        let width = columns.ncols();
        let below = columns.subrows_mut(first, d - first);
        let left = samples.subrows(first, d - first);
        let right = samples.subrows(first, width).transpose();
        product::matmul(below, Accum::Add, left, right, 1.0, Par::Seq);
    });
}

/// `x y^T` on the calling thread: inner products of the rows of `x` with the rows of `y`, one row for each of `y`'s.
///
/// # Panics
/// If the lengths are no whole number of rows of `d` values, or `out` has another size.
pub fn inner_products(x: &[f64], y: &[f64], d: usize, out: &mut [f64]) {
    let (n, m) = (x.len() / d, y.len() / d);
    let x = MatRef::from_column_major_slice(x, d, n);
    let y = MatRef::from_column_major_slice(y, d, m);
    let out = MatMut::from_column_major_slice_mut(out, n, m);
    product::matmul(out, Accum::Replace, x.transpose(), y, 1.0, Par::Seq);
}

/// A symmetric matrix; row-major and column-major are the same.
fn square(values: &[f64], d: usize) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(values, d, d)
}

fn pieces() -> Par {
    Par::rayon(PIECES)
}

/// `out = a b`, in panels of columns.
fn multiply(out: MatMut<f64>, a: MatRef<f64>, b: MatRef<f64>) {
    out.par_col_chunks_mut(PANEL).enumerate().for_each(|(panel, columns)| {
        let right = b.subcols(panel * PANEL, columns.ncols());
        product::matmul(columns, Accum::Replace, a, right, 1.0, Par::Seq);
    });
}

/// The lower triangle `L` with `L L^T = a`, zeros above; `None` if a pivot is not positive.
fn cholesky(a: MatRef<f64>) -> Option<Mat<f64>> {
    let d = a.nrows();
    let mut lower = Mat::zeros(d, d);
    lower.copy_from_triangular_lower(a);
    let need = llt::factor::cholesky_in_place_scratch::<f64>(d, pieces(), Spec::default());
    let mut memory = MemBuffer::new(need);
    let stack = MemStack::new(&mut memory);
    let done = llt::factor::cholesky_in_place(
        lower.as_mut(),
        llt::factor::LltRegularization::default(),
        pieces(),
        stack,
        Spec::default(),
    );
    done.is_ok().then_some(lower)
}

/// Eigenvalues in rising order, of the lower triangle.
fn eigenvalues(a: MatRef<f64>) -> Vec<f64> {
    decompose(a, None)
}

/// Eigenvalues in rising order, and the eigenvectors as columns.
fn eigen(a: MatRef<f64>) -> (Vec<f64>, Mat<f64>) {
    let d = a.nrows();
    let mut vectors = Mat::zeros(d, d);
    let values = decompose(a, Some(vectors.as_mut()));
    (values, vectors)
}

fn decompose(a: MatRef<f64>, vectors: Option<MatMut<f64>>) -> Vec<f64> {
    let d = a.nrows();
    let mut values = Diag::zeros(d);
    let wanted = match vectors {
        Some(_) => ComputeEigenvectors::Yes,
        None => ComputeEigenvectors::No,
    };
    let need = evd::self_adjoint_evd_scratch::<f64>(d, wanted, pieces(), Spec::default());
    let mut memory = MemBuffer::new(need);
    let stack = MemStack::new(&mut memory);
    evd::self_adjoint_evd(a, values.as_mut(), vectors, pieces(), stack, Spec::default())
        .expect("the iteration for a finite symmetric matrix ends");
    values.column_vector().iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    /// The covariance of `n` draws of `d` correlated values.
    fn covariance(n: usize, d: usize, seed: u64) -> Vec<f64> {
        let mut rng = Rng::seed(seed);
        let mut rows: Vec<f64> = Vec::new();
        for _ in 0..n {
            let draws = rng.normals(d);
            rows.extend((0..d).map(|i| f64::from(draws[i] + 0.5 * draws[(i * 7 + 1) % d])));
        }
        let mut sum = vec![0.0; d * d];
        add_outer_products(&mut sum, &rows, d);
        for i in 0..d {
            for j in 0..i {
                // Column-major: (row i, column j) lies at j*d + i.
                sum[i * d + j] = sum[j * d + i];
            }
        }
        sum.iter().map(|v| v / n as f64).collect()
    }

    #[test]
    fn both_routes_agree_and_the_product_may_be_turned_around() {
        for d in [1, 2, 17, 64, 200, 300] {
            let (a, b) = (covariance(4 * d + 8, d, 1), covariance(4 * d + 8, d, 2));
            let want = trace_sqrt_by_eigenvalues(&a, &b, d);
            for got in [
                trace_sqrt_by_cholesky(&a, &b, d).unwrap(),
                trace_sqrt_by_cholesky(&b, &a, d).unwrap(),
                trace_sqrt_by_eigenvalues(&b, &a, d),
            ] {
                assert!((got / want - 1.0).abs() < 1e-12, "{d}: {got} {want}");
            }
        }
    }

    #[test]
    fn diagonal_and_singular_matrices_have_known_roots() {
        let diagonal = |v: &[f64]| -> Vec<f64> {
            let d = v.len();
            (0..d * d)
                .map(|k| if k % (d + 1) == 0 { v[k / (d + 1)] } else { 0.0 })
                .collect()
        };
        let (a, b) = (diagonal(&[4.0, 9.0, 0.0]), diagonal(&[1.0, 4.0, 25.0]));
        // sqrt(4) + sqrt(36) + 0
        let found = trace_sqrt_product(&a, &b, 3);
        assert!((found.value - 8.0).abs() < 1e-14, "{found:?}");
        assert_eq!(found.route, Route::Cholesky);
        let found = trace_sqrt_product(&a, &a, 3);
        assert!((found.value - 13.0).abs() < 1e-13, "{found:?}");
        assert_eq!(found.route, Route::Eigenvalues);
        let zero = vec![0.0; 9];
        assert_eq!(trace_sqrt_product(&zero, &a, 3).value, 0.0);
        assert_eq!(trace_sqrt_product(&zero, &b, 3).value, 0.0);
    }

    #[test]
    fn outer_products_equal_the_formula_for_every_panel() {
        for d in [1, 3, 127, 128, 129, 300] {
            let mut rng = Rng::seed(5);
            let rows: Vec<f64> = rng.normals(7 * d).iter().map(|v| f64::from(*v)).collect();
            let mut sum = vec![1.0; d * d];
            add_outer_products(&mut sum, &rows, d);
            for (i, j) in [(0, 0), (d - 1, 0), (d - 1, d - 1), (d / 2, d / 3)] {
                let want: f64 = 1.0 + rows.chunks(d).map(|r| r[i] * r[j]).sum::<f64>();
                assert!((sum[j * d + i] - want).abs() < 1e-12, "{d}: {i},{j}");
            }
        }
    }
}
