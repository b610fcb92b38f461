//! Work cut into pieces whose size never depends on the number of threads, so that results do not either.

use std::ops::Range;

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
    y.par_chunks_mut(piece).enumerate().for_each(|(i, chunk)| f(i * piece, chunk));
}

/// Calls `f(start, piece)` for element-wise work over all of `y`, in parallel.
pub fn elements(y: &mut [f32], f: impl Fn(usize, &mut [f32]) + Sync) {
    pieces(y, GRAIN, f);
}

/// Calls `f(first_row, rows)` for whole rows of `width` floats of `y`, about a grain at a time, in parallel.
pub fn rows(y: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    let width = width.max(1);
    pieces(y, whole_rows(width), |start, piece| f(start / width, piece));
}

/// Floats of the rows of `width` that a task gets, about a grain.
pub fn whole_rows(width: usize) -> usize {
    (GRAIN / width).max(1) * width
}

/// As [`rows`], the last ones first: for what was just read from its beginning to its end, of which the caches hold the end.
pub fn rows_back(y: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    let width = width.max(1);
    let piece = whole_rows(width);
    if y.len() <= piece {
        return rows(y, width, f);
    }
    y.par_chunks_mut(piece)
        .enumerate()
        .rev()
        .for_each(|(i, rows)| f(i * piece / width, rows));
}

/// `f(i)` for each `i` of `items`, each on a thread of its own, on which also everything runs that `f` would do in parallel; results
/// in order. For pieces of work so large that cutting them further only costs.
pub fn apart<T: Send>(items: Range<u64>, f: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let alone = |i| match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(|| f(i)),
        // Without a thread of its own it still gives the same.
        Err(_) => f(i),
    };
    std::thread::scope(|scope| {
        let alone = &alone;
        let running: Vec<_> = items.map(|i| scope.spawn(move || alone(i))).collect();
        let joined = running.into_iter().map(|thread| match thread.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}

/// `f(i)` for each `i` in `0..n` in parallel, results in order.
pub fn map<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    if n == 1 {
        return vec![f(0)];
    }
    (0..n).into_par_iter().map(f).collect()
}

/// Calls `f(start, pieces)` for the same consecutive pieces of several slices of one length, in parallel.
///
/// # Panics
/// If the slices differ in length.
pub fn pieces_of<const N: usize>(
    ys: [&mut [f32]; N],
    piece: usize,
    f: impl Fn(usize, [&mut [f32]; N]) + Sync,
) {
    let len = ys[0].len();
    assert!(ys.iter().all(|y| y.len() == len), "pieces_of: slices of different length");
    if len <= piece {
        if len > 0 {
            f(0, ys);
        }
        return;
    }
    let mut cut = ys.map(|y| y.chunks_mut(piece));
    let tasks: Vec<[&mut [f32]; N]> = (0..len.div_ceil(piece))
        .map(|_| std::array::from_fn(|i| cut[i].next().expect("slices of one length")))
        .collect();
    tasks.into_par_iter().enumerate().for_each(|(i, pieces)| f(i * piece, pieces));
}
