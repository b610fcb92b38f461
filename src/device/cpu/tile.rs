//! The inner kernel of every convolution on the CPU: a small tile of outputs held in registers.
//!
//! ```text
//! c[m][j] = sum over runs r, over i < r.len of  a[r.start + i*a_step + m*a_row] * b[(r.at + i)*width + j]
//! ```
//!
//! `a` is read in place with two strides, so neither an im2col matrix nor a packed copy of the image exists;
//! `b` is packed by the caller, one row of `width = 16*nv` floats per term.
//! Each output is summed in the order of the runs whatever the tile's size, so bits do not depend on tiling.

/// Lanes of one column vector; a packed row of `b` is 1 to [`MAX_VECTORS`] of them wide.
pub const LANES: usize = 16;
/// Most column vectors per tile: with 8 rows, 24 accumulators of the 32 registers of AVX-512.
pub const MAX_VECTORS: usize = 3;
/// Most rows per tile.
pub const MAX_ROWS: usize = 8;

/// Consecutive terms of the sum: `len` elements of `a` from `start` on, and as many rows of `b` from `at` on.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// First element in `a` for row 0 of the tile.
    pub start: usize,
    /// First packed row of `b`.
    pub at: usize,
    /// Number of terms.
    pub len: usize,
}

/// Strides of `a` in floats: from one term of the sum to the next, and from one row of the tile to the next.
#[derive(Debug, Clone, Copy)]
pub struct Strides {
    /// From term to term.
    pub step: usize,
    /// From row to row.
    pub row: usize,
}

/// Room for one tile of results, row-major.
pub type Tile = [f32; MAX_ROWS * MAX_VECTORS * LANES];

/// Where a tile's results go, replacing what is there: rows as wide as the tile, from one to the next `stride` floats.
#[derive(Debug)]
pub struct Rows<'a> {
    /// From the first result on.
    pub data: &'a mut [f32],
    /// From row to row.
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// One after the other in a tile.
    pub fn of(tile: &'a mut Tile, vectors: usize) -> Rows<'a> {
        Rows { data: tile, stride: vectors * LANES }
    }
}

/// Largest number of tile rows that the kernel handles at once and that does not exceed `left`.
pub fn rows_for(left: usize) -> usize {
    match left {
        0..=1 => left,
        2..=3 => 2,
        4..=7 => 4,
        _ => 8,
    }
}

/// Computes one tile of `rows` (1, 2, 4 or 8) by `vectors` (1 to 3) column vectors into `c`.
///
/// # Panics
/// If a run reaches beyond `a`, or `b` or `c` is too short.
pub fn tile(rows: usize, vectors: usize, a: &[f32], strides: Strides, runs: &[Run], b: &[f32], c: Rows) {
    assert!((1..=MAX_VECTORS).contains(&vectors), "tile: {vectors} vectors");
    let width = vectors * LANES;
    // What steps reach beyond their first element: saturating, so that no check can be passed by overflow.
    let beyond = |n: usize, stride: usize| n.saturating_sub(1).saturating_mul(stride);
    let rows_of_a = beyond(rows, strides.row);
    let mut terms = 0;
    for run in runs {
        if run.len > 0 {
            let last = run
                .start
                .saturating_add(beyond(run.len, strides.step))
                .saturating_add(rows_of_a);
            assert!(last < a.len(), "tile: run ends at {last} of {}", a.len());
            terms = terms.max(run.at.saturating_add(run.len));
        }
    }
    assert!(b.len() >= terms.saturating_mul(width), "tile: b is too short");
    assert!(rows == 1 || c.stride >= width, "tile: rows of c overlap");
    assert!(c.data.len() >= beyond(rows, c.stride).saturating_add(width), "tile: c is too short");

    macro_rules! pick {
        ($kernel:ident) => {
            match (rows, vectors) {
                (1, 1) => $kernel::<1, 1>,
                (1, 2) => $kernel::<1, 2>,
                (1, 3) => $kernel::<1, 3>,
                (2, 1) => $kernel::<2, 1>,
                (2, 2) => $kernel::<2, 2>,
                (2, 3) => $kernel::<2, 3>,
                (4, 1) => $kernel::<4, 1>,
                (4, 2) => $kernel::<4, 2>,
                (4, 3) => $kernel::<4, 3>,
                (8, 1) => $kernel::<8, 1>,
                (8, 2) => $kernel::<8, 2>,
                (8, 3) => $kernel::<8, 3>,
                _ => panic!("tile: {rows} rows"),
            }
        };
    }
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            let kernel: unsafe fn(&[f32], Strides, &[Run], &[f32], Rows) = pick!(avx512);
            // SAFETY: the processor has AVX-512F, and the bounds of all reads and writes were checked above.
            return unsafe { kernel(a, strides, runs, b, c) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let kernel: unsafe fn(&[f32], Strides, &[Run], &[f32], Rows) = pick!(avx2);
            // SAFETY: the processor has AVX2 and FMA, and the bounds were checked.
            return unsafe { kernel(a, strides, runs, b, c) };
        }
    }
    pick!(portable)(a, strides, runs, b, c);
}

/// Terms between two tests for the end of a run: a processor that begins four instructions a cycle has none to spare
/// beside the products.
#[cfg(target_arch = "x86_64")]
const UNROLL: usize = 4;

/// # Safety
/// The processor must have AVX-512F; every element that `runs` name must lie in `a`, `b` must hold one packed row per term,
/// and `c` all rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const ROWS: usize, const VECTORS: usize>(
    a: &[f32],
    strides: Strides,
    runs: &[Run],
    b: &[f32],
    c: Rows,
) {
    use std::arch::x86_64::{
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };
    let mut acc = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    // One term; a stride of 1 that stands in the call is part of the addresses.
    macro_rules! add_term {
        ($p:expr, $row:expr, $b:expr) => {
            let mut column = [_mm512_setzero_ps(); VECTORS];
            for (v, column) in column.iter_mut().enumerate() {
                *column = _mm512_loadu_ps($b.wrapping_add(v * LANES));
            }
            for (m, acc) in acc.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*$p.wrapping_add(m * $row));
                for (acc, column) in acc.iter_mut().zip(&column) {
                    *acc = _mm512_fmadd_ps(x, *column, *acc);
                }
            }
        };
    }
    macro_rules! add_runs {
        ($step:expr, $row:expr) => {
            for run in runs {
                let mut p = a.as_ptr().wrapping_add(run.start);
                let mut b = b.as_ptr().wrapping_add(run.at * VECTORS * LANES);
                for _ in 0..run.len / UNROLL {
                    for u in 0..UNROLL {
                        add_term!(p.wrapping_add(u * $step), $row, b.wrapping_add(u * VECTORS * LANES));
                    }
                    p = p.wrapping_add(UNROLL * $step);
                    b = b.wrapping_add(UNROLL * VECTORS * LANES);
                }
                for _ in 0..run.len % UNROLL {
                    add_term!(p, $row, b);
                    p = p.wrapping_add($step);
                    b = b.wrapping_add(VECTORS * LANES);
                }
            }
        };
    }
    // SAFETY: the caller vouches for all reads and writes.
    unsafe {
        match strides {
            Strides { step: 1, row } => add_runs!(1, row),
            Strides { step, row: 1 } => add_runs!(step, 1),
            Strides { step, row } => add_runs!(step, row),
        }
        for (m, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                _mm512_storeu_ps(c.data.as_mut_ptr().add(m * c.stride + v * LANES), *acc);
            }
        }
    }
}

/// Terms after which the next rows and columns of a tile take their turn: what they read of `b` is still in the first cache.
#[cfg(target_arch = "x86_64")]
const TERMS: usize = 128;

/// # Safety
/// The processor must have AVX2 and FMA; otherwise as for AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const ROWS: usize, const VECTORS: usize>(
    a: &[f32],
    strides: Strides,
    runs: &[Run],
    b: &[f32],
    mut c: Rows,
) {
    let width = VECTORS * LANES;
    let total: usize = runs.iter().map(|run| run.len).sum();
    // Without terms there are zeros to be written.
    for from in (0..total.max(1)).step_by(TERMS) {
        let terms = from..(from + TERMS).min(total);
        let piece = Piece { a, strides, runs, b, width, terms };
        // Twelve accumulators of 16 registers where that is possible.
        // SAFETY: the caller vouches for the processor, all reads and all writes; rows and columns lie in the tile.
        unsafe {
            match (ROWS, VECTORS) {
                (1, 1) => piece.add::<1, 2>([0, 0], &mut c),
                (1, 2) => piece.add::<1, 4>([0, 0], &mut c),
                (1, _) => piece.add::<1, 6>([0, 0], &mut c),
                (2, 1) => piece.add::<2, 2>([0, 0], &mut c),
                (2, 2) => piece.add::<2, 4>([0, 0], &mut c),
                (2, _) => piece.add::<2, 6>([0, 0], &mut c),
                (_, 3) => {
                    for row in (0..ROWS).step_by(4) {
                        piece.add::<4, 3>([row, 0], &mut c);
                        piece.add::<4, 3>([row, 24], &mut c);
                    }
                }
                _ => {
                    for row in (0..ROWS).step_by(4) {
                        for column in (0..width).step_by(LANES) {
                            piece.add::<4, 2>([row, column], &mut c);
                        }
                    }
                }
            }
        }
    }
}

/// Some terms of the sums of a tile; the first ones begin them.
#[cfg(target_arch = "x86_64")]
struct Piece<'a> {
    a: &'a [f32],
    strides: Strides,
    runs: &'a [Run],
    b: &'a [f32],
    width: usize,
    /// Counted through all runs.
    terms: std::ops::Range<usize>,
}

#[cfg(target_arch = "x86_64")]
impl Piece<'_> {
    /// Adds the terms to `R` rows of `C` vectors of eight columns, or begins them with the first ones.
    ///
    /// # Safety
    /// The processor must have AVX2 and FMA; reads must lie in `a` and `b`, and the rows and columns from `row` and
    /// `column` on in `c`.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn add<const R: usize, const C: usize>(&self, [row, column]: [usize; 2], c: &mut Rows) {
        use std::arch::x86_64::{
            _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
        };
        let Strides { step, row: next } = self.strides;
        let mut acc = [[_mm256_setzero_ps(); C]; R];
        // SAFETY: see above.
        unsafe {
            let to = c.data.as_mut_ptr().add(row * c.stride + column);
            if self.terms.start > 0 {
                for (m, acc) in acc.iter_mut().enumerate() {
                    for (v, acc) in acc.iter_mut().enumerate() {
                        *acc = _mm256_loadu_ps(to.add(m * c.stride + 8 * v));
                    }
                }
            }
            let mut begin = 0;
            for run in self.runs {
                let from = self.terms.start.clamp(begin, begin + run.len) - begin;
                let until = self.terms.end.clamp(begin, begin + run.len) - begin;
                begin += run.len;
                let mut p = self.a.as_ptr().wrapping_add(run.start + from * step + row * next);
                let mut b = self.b.as_ptr().wrapping_add((run.at + from) * self.width + column);
                for _ in from..until {
                    // Of both sides, the shorter one is held.
                    if C > R {
                        let mut x = [_mm256_setzero_ps(); R];
                        for (m, x) in x.iter_mut().enumerate() {
                            *x = _mm256_broadcast_ss(&*p.add(m * next));
                        }
                        for v in 0..C {
                            let column = _mm256_loadu_ps(b.add(8 * v));
                            for (acc, x) in acc.iter_mut().zip(&x) {
                                acc[v] = _mm256_fmadd_ps(*x, column, acc[v]);
                            }
                        }
                    } else {
                        let mut column = [_mm256_setzero_ps(); C];
                        for (v, column) in column.iter_mut().enumerate() {
                            *column = _mm256_loadu_ps(b.add(8 * v));
                        }
                        for (m, acc) in acc.iter_mut().enumerate() {
                            let mut x = p.wrapping_add(m * next);
                            if R * C == 12 {
                                // Every register is taken: the compiler must not load the next row's number ahead, for
                                // which it would put a sum into memory. What it does not know it cannot load.
                                std::arch::asm!("/* {0} */", inout(reg) x, options(pure, readonly, nostack, preserves_flags));
                            }
                            let x = _mm256_broadcast_ss(&*x);
                            for (acc, column) in acc.iter_mut().zip(&column) {
                                *acc = _mm256_fmadd_ps(x, *column, *acc);
                            }
                        }
                    }
                    p = p.wrapping_add(step);
                    b = b.wrapping_add(self.width);
                }
            }
            for (m, acc) in acc.iter().enumerate() {
                for (v, acc) in acc.iter().enumerate() {
                    _mm256_storeu_ps(to.add(m * c.stride + 8 * v), *acc);
                }
            }
        }
    }
}

/// Plain loops, half a vector and four rows at a time so that 16 registers suffice.
fn portable<const ROWS: usize, const VECTORS: usize>(
    a: &[f32],
    strides: Strides,
    runs: &[Run],
    b: &[f32],
    c: Rows,
) {
    let width = VECTORS * LANES;
    for half in 0..VECTORS * 2 {
        for first in (0..ROWS).step_by(4) {
            let rows = (ROWS - first).min(4);
            let mut acc = [[0.0_f32; LANES / 2]; 4];
            for run in runs {
                for i in 0..run.len {
                    let at = (run.at + i) * width + half * (LANES / 2);
                    let column: &[f32; LANES / 2] = b[at..at + LANES / 2].try_into().expect("half a vector");
                    let x = run.start + i * strides.step;
                    for (m, acc) in acc[..rows].iter_mut().enumerate() {
                        let x = a[x + (first + m) * strides.row];
                        for (acc, column) in acc.iter_mut().zip(column) {
                            *acc += x * column;
                        }
                    }
                }
            }
            for (m, acc) in acc[..rows].iter().enumerate() {
                let at = (first + m) * c.stride + half * (LANES / 2);
                c.data[at..at + LANES / 2].copy_from_slice(acc);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    /// Every size on every instruction set of this machine against f64.
    #[test]
    fn every_tile_equals_the_formula() {
        let mut rng = Rng::seed(3);
        let (a, b) = (rng.normals(2000), rng.normals(200 * MAX_VECTORS * LANES));
        let short = [
            Run { start: 5, at: 20, len: 7 },
            Run { start: 90, at: 40, len: 0 },
            Run { start: 60, at: 1, len: 13 },
        ];
        compare(&a, &b, &short);
        // Sums of more terms than a piece has, of whole numbers: they have no rounding.
        let [a, b] = [a, b].map(|all| all.into_iter().map(f32::round).collect::<Vec<f32>>());
        compare(&a, &b, &[short[0], Run { start: 70, at: 50, len: 130 }, short[2]]);
        // Of no terms, zeros.
        compare(&a, &b, &[]);
    }

    #[test]
    #[should_panic(expected = "tile: c is too short")]
    fn a_tile_past_its_slice_is_refused() {
        let (a, b, mut c) = ([1.0; 2], [1.0; 2 * LANES], [0.0; 2 * LANES + 2]);
        let runs = [Run { start: 0, at: 0, len: 1 }];
        let rows = Rows { data: &mut c, stride: LANES + 3 };
        tile(2, 1, &a, Strides { step: 1, row: 1 }, &runs, &b, rows);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_processor_with_wider_vectors_knows_the_shorter_ones() {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let (a, b) = (vec![1.0; 400], vec![0.5; 200 * MAX_VECTORS * LANES]);
            let runs = [Run { start: 3, at: 1, len: 150 }];
            let mut c: Tile = [f32::NAN; MAX_ROWS * MAX_VECTORS * LANES];
            // SAFETY: the processor has both, and all sizes suffice.
            unsafe {
                avx2::<8, 3>(&a, Strides { step: 1, row: 20 }, &runs, &b, Rows::of(&mut c, MAX_VECTORS));
            }
            assert_eq!(c, [75.0; MAX_ROWS * MAX_VECTORS * LANES]);
        }
    }

    /// Tiles of all sizes.
    fn compare(a: &[f32], b: &[f32], runs: &[Run]) {
        type Kernel = fn(usize, usize, &[f32], Strides, &[Run], &[f32], Rows);
        let by_hand: Kernel = |rows, vectors, a, strides, runs, b, c| match (rows, vectors) {
            (8, 3) => portable::<8, 3>(a, strides, runs, b, c),
            (4, 2) => portable::<4, 2>(a, strides, runs, b, c),
            (1, 1) => portable::<1, 1>(a, strides, runs, b, c),
            _ => tile(rows, vectors, a, strides, runs, b, c),
        };
        for (kernel, strides) in [(tile as Kernel, (1, 17)), (by_hand, (11, 1)), (tile as Kernel, (3, 20))] {
            let strides = Strides { step: strides.0, row: strides.1 };
            for (rows, vectors, apart) in [1, 2, 4, 8]
                .into_iter()
                .flat_map(|rows| (1..=MAX_VECTORS).flat_map(move |v| [0, 5].map(|apart| (rows, v, apart))))
            {
                let width = vectors * LANES;
                let stride = width + apart;
                let mut c = vec![f32::NAN; rows * stride];
                kernel(rows, vectors, a, strides, runs, b, Rows { data: &mut c, stride });
                for (m, row) in c.chunks_exact(stride).enumerate() {
                    for (j, &got) in row[..width].iter().enumerate() {
                        let mut want = 0.0;
                        for run in runs {
                            for i in 0..run.len {
                                let x = a[run.start + i * strides.step + m * strides.row];
                                want += f64::from(x) * f64::from(b[(run.at + i) * width + j]);
                            }
                        }
                        let got = f64::from(got);
                        assert!((got - want).abs() < 1e-5, "{rows}x{vectors} at {m},{j}: {got} {want}");
                    }
                    assert!(row[width..].iter().all(|between| between.is_nan()), "{rows}x{vectors}: row {m}");
                }
            }
        }
    }
}
