//! Merging taps on the CPU: tasks are pieces of the output, cut at the taps' bounds.

use super::MergeTaps;
use crate::Tensor;
use crate::device::cpu::wide::{self, AddScaled, wide};
use crate::device::cpu::{dot, threads};

pub(super) fn forward(op: &MergeTaps, a: &[f32], w: &[&Tensor], y: &mut [f32]) {
    let size = op.size();
    let w: Vec<&[f32]> = w.iter().map(|w| w.cpu()).collect();
    let mut places = vec![Vec::new(); op.taps.taps];
    for (i, map) in op.taps.maps.iter().enumerate() {
        for (j, &t) in map.iter().enumerate() {
            places[t].push((i, j));
        }
    }
    threads::elements(y, |start, y| {
        by_tap(start, y, size, |t, q, y| {
            let part = q..q + y.len();
            let mut terms = places[t].iter().map(|&(i, j)| (a[i], &w[i][j * size..][part.clone()]));
            match terms.next() {
                None => y.fill(0.0),
                Some((a, w)) => wide::each(w, y, |w| a * w),
            }
            for (f, x) in terms {
                wide(AddScaled { y, x, f });
            }
        });
    });
}

pub(super) fn backward_w(op: &MergeTaps, a: f32, i: usize, gy: &[f32], gw: &mut [f32]) {
    let (size, map) = (op.size(), &op.taps.maps[i]);
    threads::elements(gw, |start, gw| {
        by_tap(start, gw, size, |j, q, gw| {
            let from = map[j] * size + q;
            wide::each(&gy[from..], gw, |gy| a * gy);
        });
    });
}

pub(super) fn backward_a(op: &MergeTaps, w: &[&Tensor], gy: &[f32]) -> Vec<f32> {
    let size = op.size();
    let w: Vec<&[f32]> = w.iter().map(|w| w.cpu()).collect();
    let taps: Vec<(usize, usize, usize)> = op
        .taps
        .maps
        .iter()
        .enumerate()
        .flat_map(|(i, map)| map.iter().enumerate().map(move |(j, &t)| (i, j, t)))
        .collect();
    let products = threads::map(taps.len(), |at| {
        let (i, j, t) = taps[at];
        dot::dot(&w[i][j * size..][..size], &gy[t * size..][..size])
    });
    let mut sums = vec![0.0; w.len()];
    for ((i, ..), product) in taps.iter().zip(products) {
        sums[*i] += product;
    }
    sums.iter().map(|&sum| sum as f32).collect()
}

/// Calls `f(tap, first element in the tap, part)` for the parts of a piece that lie in one tap each.
fn by_tap(start: usize, piece: &mut [f32], size: usize, f: impl Fn(usize, usize, &mut [f32])) {
    let (mut at, mut rest) = (start, piece);
    while !rest.is_empty() {
        let (tap, q) = (at / size, at % size);
        let taken = (size - q).min(rest.len());
        let (part, after) = rest.split_at_mut(taken);
        f(tap, q, part);
        at += taken;
        rest = after;
    }
}
