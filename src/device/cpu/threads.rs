//! Work cut into pieces whose size never depends on the number of threads, so that results do not either.

use rayon::prelude::*;

/// Floats per task: large enough to hide the hand-over, small enough for two tasks to share a cache.
pub const GRAIN: usize = 16 * 1024;

/// Calls `f(start, piece)` for consecutive pieces of `y` of `piece` elements, in parallel.
/// Runs in place when there is only one piece.
pub fn pieces(y: &mut [f32], piece: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    if y.len() <= piece {
        if !y.is_empty() {
            f(0, y);
        }
        return;
    }
    y.par_chunks_mut(piece)
        .enumerate()
        .for_each(|(i, chunk)| f(i * piece, chunk));
}

/// Calls `f(start, piece)` for element-wise work over all of `y`, in parallel.
pub fn elements(y: &mut [f32], f: impl Fn(usize, &mut [f32]) + Sync) {
    pieces(y, GRAIN, f);
}

/// Calls `f(first_row, rows)` for whole rows of `width` floats of `y`, about a grain at a time, in parallel.
pub fn rows(y: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    let width = width.max(1);
    let per_piece = (GRAIN / width).max(1) * width;
    pieces(y, per_piece, |start, piece| f(start / width, piece));
}

/// `f(i)` for each `i` in `0..n` in parallel, results in order.
pub fn map<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    if n == 1 {
        return vec![f(0)];
    }
    (0..n).into_par_iter().map(f).collect()
}
