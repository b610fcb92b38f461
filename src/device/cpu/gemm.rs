//! Matrix products on strided views of slices, bounds-checked, around the `gemm` crate.
//!
//! Work is cut into blocks whose size depends on the product alone, each computed by one thread, so the bits of a
//! result do not depend on how many threads there are.

use std::time::Instant;

use gemm::Parallelism;
use rayon::prelude::*;

/// Rows of a block of the result.
const BLOCK_ROWS: usize = 256;
/// Columns of a block of the result.
const BLOCK_COLS: usize = 512;

/// A matrix to read: element `(i, j)` lies at `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy)]
pub struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    /// A view with any strides.
    ///
    /// # Panics
    /// If the last element lies outside `data`.
    #[track_caller]
    pub fn strided(
        data: &'a [f32],
        [rows, cols]: [usize; 2],
        [row_stride, col_stride]: [usize; 2],
    ) -> Mat<'a> {
        let reach = extent([rows, cols], [row_stride, col_stride]);
        assert!(
            reach <= data.len(),
            "gemm: a {rows}x{cols} view with strides {row_stride}, {col_stride} of {} floats",
            data.len()
        );
        Mat { data, rows, cols, row_stride, col_stride }
    }

    /// A dense row-major matrix.
    ///
    /// # Panics
    /// If `data` is shorter.
    #[track_caller]
    pub fn dense(data: &'a [f32], rows: usize, cols: usize) -> Mat<'a> {
        Mat::strided(data, [rows, cols], [cols, 1])
    }

    /// The transposed view of the same floats.
    pub fn transposed(self) -> Mat<'a> {
        Mat {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// Where a product is written: rows of `cols` consecutive floats, `row_stride` apart.
pub struct MatMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> MatMut<'a> {
    /// Rows `row_stride` apart.
    ///
    /// # Panics
    /// If rows overlap or the last one ends outside `data`.
    #[track_caller]
    pub fn strided(data: &'a mut [f32], [rows, cols]: [usize; 2], row_stride: usize) -> MatMut<'a> {
        assert!(
            rows <= 1 || row_stride >= cols,
            "gemm: rows of {cols} floats overlap at stride {row_stride}"
        );
        let reach = extent([rows, cols], [row_stride, 1]);
        assert!(
            reach <= data.len(),
            "gemm: a {rows}x{cols} result with row stride {row_stride} in {} floats",
            data.len()
        );
        MatMut { data, rows, cols, row_stride }
    }

    /// A dense row-major matrix.
    ///
    /// # Panics
    /// If `data` is shorter.
    #[track_caller]
    pub fn dense(data: &'a mut [f32], rows: usize, cols: usize) -> MatMut<'a> {
        MatMut::strided(data, [rows, cols], cols)
    }
}

/// What a product does with the old content of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// `y = a * b`; the old content is not read.
    Overwrite,
    /// `y += a * b`.
    Add,
}

/// One past the largest index that a view reaches; 0 if it is empty. Saturates, so that no check can be passed by
/// overflow.
fn extent(sizes: [usize; 2], strides: [usize; 2]) -> usize {
    if sizes.contains(&0) {
        return 0;
    }
    let last = |i: usize| (sizes[i] - 1).saturating_mul(strides[i]);
    last(0).saturating_add(last(1)).saturating_add(1)
}

#[track_caller]
fn check(y: &MatMut, a: &Mat, b: &Mat) {
    assert!(
        a.cols == b.rows && y.rows == a.rows && y.cols == b.cols,
        "gemm: {}x{} = {}x{} times {}x{}",
        y.rows,
        y.cols,
        a.rows,
        a.cols,
        b.rows,
        b.cols
    );
}

/// `a * b` on the calling thread: a building block for callers that spread the work themselves.
///
/// # Panics
/// If the sizes do not fit.
#[track_caller]
pub fn serial(y: MatMut, a: Mat, b: Mat, store: Store) {
    check(&y, &a, &b);
    let whole = Block { row: 0, col: 0, rows: y.rows, cols: y.cols };
    // SAFETY: the views fit each other (`check`), reach no further than their slices (their constructors), and `y`
    // is borrowed mutably, so nothing else touches it.
    unsafe { block(y.data.as_mut_ptr(), y.row_stride, &a, &b, whole, store) }
}

/// `a * b` on all threads, in blocks of fixed size.
///
/// # Panics
/// If the sizes do not fit.
#[track_caller]
pub fn parallel(y: MatMut, a: Mat, b: Mat, store: Store) {
    check(&y, &a, &b);
    let across = y.cols.div_ceil(BLOCK_COLS);
    let blocks = y.rows.div_ceil(BLOCK_ROWS) * across;
    if blocks <= 1 {
        serial(y, a, b, store);
        return;
    }
    let (rows, cols, row_stride) = (y.rows, y.cols, y.row_stride);
    let result = Shared(y.data.as_mut_ptr());
    (0..blocks).into_par_iter().for_each(|i| {
        let (row, col) = (i / across * BLOCK_ROWS, i % across * BLOCK_COLS);
        let part = Block {
            row,
            col,
            rows: BLOCK_ROWS.min(rows - row),
            cols: BLOCK_COLS.min(cols - col),
        };
        // SAFETY: as in `serial`; and no two tasks write one element, since blocks do not overlap and rows do not.
        unsafe { block(result.pointer(), row_stride, &a, &b, part, store) }
    });
}

/// The start of a result whose blocks are written by several threads.
struct Shared(*mut f32);

impl Shared {
    fn pointer(&self) -> *mut f32 {
        self.0
    }
}

// SAFETY: the pointer is only handed to `block`, by tasks that write blocks which do not overlap, while `parallel`
// holds the mutable borrow it came from.
unsafe impl Sync for Shared {}

/// A rectangle of the result.
struct Block {
    row: usize,
    col: usize,
    rows: usize,
    cols: usize,
}

/// Computes one rectangle of the result on this thread.
///
/// # Safety
/// `y` must be valid for reads and writes of the rectangle at this row stride, and nothing else may touch that
/// rectangle meanwhile. The rectangle must lie within `a.rows` x `b.cols`, and `a.cols` must be `b.rows`.
unsafe fn block(y: *mut f32, row_stride: usize, a: &Mat, b: &Mat, part: Block, store: Store) {
    if part.rows == 0 || part.cols == 0 {
        return;
    }
    // An empty inner axis leaves nothing to point at.
    let k = a.cols;
    let a_start = if k == 0 { 0 } else { part.row * a.row_stride };
    let b_start = if k == 0 { 0 } else { part.col * b.col_stride };
    // SAFETY: the constructors of `Mat` checked that every element of both views lies in their slices, so the
    // starts and all strides from them do; the caller vouches for `y`. Slices are at most isize::MAX bytes, so the
    // strides of views with more than one row or column fit isize, and others are never multiplied by more than 0.
    unsafe {
        gemm::gemm(
            part.rows,
            part.cols,
            k,
            y.add(part.row * row_stride + part.col),
            1,
            row_stride as isize,
            store == Store::Add,
            a.data.as_ptr().add(a_start),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr().add(b_start),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Rate of an `n`-cubed product on all threads in GFLOP/s, the best of `repeats`: the peak that benches compare with.
pub fn rate(n: usize, repeats: usize) -> f64 {
    let a: Vec<f32> = (0..n * n).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect();
    let b: Vec<f32> = (0..n * n).map(|i| (i % 13) as f32 * 0.1 - 0.6).collect();
    let mut y = vec![0.0; n * n];
    let mut best = f64::INFINITY;
    for _ in 0..repeats.max(1) {
        let start = Instant::now();
        let (a, b) = (Mat::dense(&a, n, n), Mat::dense(&b, n, n));
        parallel(MatMut::dense(&mut y, n, n), a, b, Store::Overwrite);
        best = best.min(start.elapsed().as_secs_f64());
        std::hint::black_box(&y);
    }
    2.0 * (n as f64).powi(3) / best / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, step: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * step) % 101) as f32 * 0.02 - 1.0).collect()
    }

    fn naive(a: &Mat, b: &Mat) -> Vec<f64> {
        let at = |m: &Mat, i, j| f64::from(m.data[i * m.row_stride + j * m.col_stride]);
        let mut y = Vec::new();
        for i in 0..a.rows {
            for j in 0..b.cols {
                y.push((0..a.cols).map(|k| at(a, i, k) * at(b, k, j)).sum());
            }
        }
        y
    }

    #[test]
    fn strided_and_transposed_views() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 7), (65, 33, 17), (300, 20, 530)] {
            let (a, b) = (values(m * (k + 3) + 2, 37), values(n * k, 53));
            let a = Mat::strided(&a[2..], [m, k], [k + 3, 1]);
            let b = Mat::dense(&b, n, k).transposed();
            let want = naive(&a, &b);
            let stride = n + 5;
            let mut y = vec![1.0; m * stride];
            parallel(MatMut::strided(&mut y, [m, n], stride), a, b, Store::Add);
            for i in 0..m {
                for j in 0..n {
                    let difference = f64::from(y[i * stride + j]) - 1.0 - want[i * n + j];
                    assert!(difference.abs() < 1e-4, "{m}x{k}x{n} at {i},{j}: {difference}");
                }
                assert!(y[i * stride + n..(i + 1) * stride].iter().all(|&v| v == 1.0));
            }
        }
    }

    #[test]
    fn an_empty_inner_axis_gives_zeros() {
        let mut y = [f32::NAN; 6];
        serial(
            MatMut::dense(&mut y, 2, 3),
            Mat::dense(&[], 2, 0),
            Mat::dense(&[], 0, 3),
            Store::Overwrite,
        );
        assert_eq!(y, [0.0; 6]);
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let (m, k, n) = (600, 130, 1100);
        let (a, b) = (values(m * k, 37), values(k * n, 53));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut y = vec![f32::NAN; m * n];
            pool.install(|| {
                parallel(
                    MatMut::dense(&mut y, m, n),
                    Mat::dense(&a, m, k),
                    Mat::dense(&b, k, n),
                    Store::Overwrite,
                )
            });
            y.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    #[should_panic(expected = "gemm: a 2x3 view with strides 3, 1 of 5 floats")]
    fn a_view_past_its_slice_is_refused() {
        Mat::dense(&[0.0; 5], 2, 3);
    }
}
