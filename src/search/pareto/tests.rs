//! Hand-made sets, the sets of pymoo and random ones against textbook definitions.

use super::*;
use crate::Rng;
use serde_json::Value;
use std::io::Write;

const INF: f64 = f64::INFINITY;

fn set<const M: usize>(points: &[[f64; M]]) -> Vec<Vec<f64>> {
    points.iter().map(|p| p.to_vec()).collect()
}

fn crowding_of(points: &[Vec<f64>]) -> Vec<f64> {
    crowding(&points.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[test]
fn dominance_takes_nan_for_infinity_and_zeros_for_equal() {
    assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]));
    assert!(!dominates(&[1.0, 2.0], &[1.0, 2.0]));
    assert!(!dominates(&[1.0, 2.0], &[2.0, 1.0]));
    assert!(dominates(&[1.0, 2.0], &[1.0, f64::NAN]));
    assert!(!dominates(&[f64::NAN, 2.0], &[INF, 2.0]));
    assert!(!dominates(&[-0.0, 1.0], &[0.0, 1.0]));
}

#[test]
fn fronts_of_hand_made_sets() {
    assert!(fronts(&[]).is_empty());
    assert_eq!(fronts(&[vec![], vec![]]), [[0, 1]]);
    assert_eq!(fronts(&set(&[[3.0], [1.0], [2.0], [1.0]])), [vec![1, 3], vec![2], vec![0]]);
    let points = set(&[[2.0, 2.0], [0.0, 3.0], [3.0, 0.0], [1.0, 1.0], [f64::NAN, INF], [INF, f64::NAN]]);
    assert_eq!(fronts(&points), [vec![1, 2, 3], vec![0], vec![4, 5]]);
    assert_eq!(ranks(&points), [1, 0, 0, 0, 2, 2]);
    assert_eq!(fronts(&set(&[[-0.0, 1.0], [0.0, 1.0]])), [[0, 1]]);
}

#[test]
fn crowding_of_hand_made_fronts() {
    assert!(crowding(&[]).is_empty());
    assert_eq!(crowding_of(&set(&[[1.0, 1.0]; 2])), [INF; 2]);
    assert_eq!(crowding_of(&set(&[[1.0, 1.0]; 3])), [0.0; 3]);
    assert_eq!(crowding_of(&set(&[[]; 3])), [0.0; 3]);
    // Neighbours over the range: (3 - 0) / 4 and (4 - 1) / 4, then the mean.
    let mut front = set(&[[0.0, 4.0], [1.0, 3.0], [3.0, 1.0], [4.0, 0.0]]);
    assert_eq!(crowding_of(&front), [INF, 0.75, 0.75, INF]);
    // A copy comes after the first in both orders: each is on one side nearer to its copy, at distance 0.
    front.push(vec![1.0, 3.0]);
    assert_eq!(crowding_of(&front), [INF, 0.375, 0.75, INF, 0.375]);
    // A copy of an end: in each order the first or the last of the two is the end.
    front[4] = vec![0.0, 4.0];
    assert_eq!(crowding_of(&front), [INF, 0.75, 0.75, INF, INF]);
    let flat = [[0.0, 4.0, 7.0], [1.0, 3.0, 7.0], [4.0, 0.0, 7.0]];
    assert_eq!(crowding_of(&set(&flat)), [INF, 2.0 / 3.0, INF]);
    // Failed in one objective, best in the other: the rest keep their distances.
    let failed = [[-1.0, f64::NAN], [0.0, 4.0], [1.0, 3.0], [3.0, 1.0], [4.0, 0.0]];
    let distances = crowding_of(&set(&failed));
    assert_eq!((distances[0], distances[1], distances[4]), (INF, INF, INF));
    assert!((distances[2] - 0.5 * (3.0 / 5.0 + 3.0 / 4.0)).abs() < 1e-15, "{distances:?}");
    assert_eq!(crowding_of(&set(&[[0.0, INF], [-INF, INF], [INF, INF]])), [INF; 3]);
}

#[test]
fn selection_is_by_front_then_crowding_then_index() {
    let points = set(&[[5.0, 5.0], [1.0, 3.0], [0.0, 4.0], [3.0, 1.0], [4.0, 0.0], [1.5, 2.5]]);
    assert_eq!(select(&points, 4), [2, 4, 3, 5]);
    assert_eq!(select(&points, 9), [2, 4, 3, 5, 1, 0]);
    assert!(select(&points, 0).is_empty());
    assert!(select(&[], 3).is_empty());
}

#[test]
fn hypervolume_of_hand_made_sets() {
    assert_eq!(hypervolume(&[], &[1.0]), 0.0);
    assert_eq!(hypervolume(&set(&[[3.0], [2.0], [9.0], [f64::NAN]]), &[5.0]), 3.0);
    assert_eq!(hypervolume(&set(&[[0.0, 2.0], [1.0, 1.0], [1.0, 1.0], [2.0, 0.0]]), &[3.0, 3.0]), 6.0);
    // On the border of the reference, or beyond it in one objective.
    assert_eq!(hypervolume(&set(&[[0.0, 3.0], [-9.0, 4.0], [f64::NAN, 0.0]]), &[3.0, 3.0]), 0.0);
    assert_eq!(hypervolume(&set(&[[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]), &[2.0; 3]), 5.0);
    assert_eq!(hypervolume(&set(&[[-INF, 0.0, 1.0], [1.0, 1.0, 0.0]]), &[2.0; 3]), INF);
    assert_eq!(hypervolume(&set(&[[0.5; 7]]), &[1.0; 7]), 0.5f64.powi(7));
}

#[test]
#[should_panic(expected = "different numbers of objectives")]
fn ragged_points_are_refused() {
    fronts(&[vec![1.0], vec![1.0, 2.0]]);
}

#[test]
#[should_panic(expected = "another number of objectives than the reference")]
fn a_reference_of_another_length_is_refused() {
    hypervolume(&[vec![1.0]], &[1.0, 2.0]);
}

#[test]
fn sets_of_pymoo() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures/nsga2_pymoo.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        // Not println, which the test harness would capture.
        std::io::stderr()
            .write_all(format!("skipped: {path} is missing\n").as_bytes())
            .unwrap();
        return;
    };
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let number = |v: &Value| v.as_f64().or_else(|| v.as_str()?.parse().ok()).unwrap();
    let row = |v: &Value| v.as_array().unwrap().iter().map(number).collect::<Vec<f64>>();
    for (k, case) in fixture["sets"].as_array().unwrap().iter().enumerate() {
        let points: Vec<Vec<f64>> = case["points"].as_array().unwrap().iter().map(row).collect();
        // Its fronts come in an order of their own.
        let their_first: Vec<usize> = row(&case["fronts"][0]).iter().map(|&i| i as usize).collect();
        let mut theirs: Vec<Vec<f64>> = case["fronts"].as_array().unwrap().iter().map(row).collect();
        theirs.iter_mut().for_each(|front| front.sort_by(f64::total_cmp));
        let ours: Vec<Vec<f64>> =
            fronts(&points).iter().map(|f| f.iter().map(|&i| i as f64).collect()).collect();
        assert_eq!(ours, theirs, "set {k}");
        let volume = hypervolume(&points, &row(&case["reference_point"]));
        let expected = number(&case["hypervolume"]);
        assert!((volume - expected).abs() <= 1e-12 * expected, "set {k}: {volume} {expected}");
        let first: Vec<&[f64]> = their_first.iter().map(|&i| points[i].as_slice()).collect();
        for (d, expected) in crowding(&first).iter().zip(row(&case["crowding_first_front"])) {
            assert!(*d == expected || (d - expected).abs() < 1e-12, "set {k}: {d} {expected}");
        }
    }
}

/// The fronts by definition: what nothing left dominates, again and again.
fn peeled(points: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..points.len()).collect();
    let mut fronts = Vec::new();
    while !left.is_empty() {
        let free = |i: usize| !left.iter().any(|&j| dominates(&points[j], &points[i]));
        let (front, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&i| free(i));
        fronts.push(front);
        left = rest;
    }
    fronts
}

#[test]
fn random_sets_with_ties_sort_as_by_definition() {
    let mut rng = Rng::seed(5);
    for round in 0..10_000 {
        let (n, m, values) = (rng.below(41), 1 + rng.below(5), 2 + rng.below(6));
        let mut value = || match rng.below(values) {
            // The odd ones: NaN and infinity tie, and so do the zeros.
            0 if round % 4 == 0 => [f64::NAN, INF, -0.0, -INF][rng.below(4)],
            v => v as f64,
        };
        let points: Vec<Vec<f64>> = (0..n).map(|_| (0..m).map(|_| value()).collect()).collect();
        let expected = peeled(&points);
        assert_eq!(fronts(&points), expected, "{points:?}");
        for (rank, front) in expected.iter().enumerate() {
            assert!(front.iter().all(|&i| ranks(&points)[i] == rank));
        }
        let mut judged = Vec::new();
        for (rank, front) in expected.iter().enumerate() {
            let members: Vec<&[f64]> = front.iter().map(|&i| points[i].as_slice()).collect();
            let distances = crowding(&members);
            assert!(distances.iter().all(|d| *d >= 0.0), "{members:?}: {distances:?}");
            judged.extend(front.iter().zip(distances).map(|(&i, d)| (rank, -d, i)));
        }
        judged.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let keep = rng.below(n + 3);
        let best: Vec<usize> = judged.iter().take(keep).map(|j| j.2).collect();
        assert_eq!(select(&points, keep), best, "{keep} of {points:?}");
    }
}

#[test]
fn many_points_span_several_words() {
    let mut rng = Rng::seed(6);
    for n in [63, 64, 65, 128, 300] {
        let points: Vec<Vec<f64>> =
            (0..n).map(|_| (0..3).map(|_| f64::from(rng.uniform())).collect()).collect();
        assert_eq!(fronts(&points), peeled(&points), "{n}");
    }
}

#[test]
fn random_sets_on_a_grid_have_the_volume_of_the_cells_they_cover() {
    let mut rng = Rng::seed(7);
    let side = 5;
    for _ in 0..3000 {
        let (n, m) = (rng.below(16), 1 + rng.below(5));
        // Coordinates up to the side: some points lie on the border and add nothing.
        let points: Vec<Vec<f64>> =
            (0..n).map(|_| (0..m).map(|_| rng.below(side + 1) as f64).collect()).collect();
        let covered = |cell: usize| {
            let coordinate = |d: usize| (cell / side.pow(d as u32) % side) as f64;
            points.iter().any(|p| p.iter().enumerate().all(|(d, &x)| x <= coordinate(d)))
        };
        let cells = (0..side.pow(m as u32)).filter(|&c| covered(c)).count();
        assert_eq!(hypervolume(&points, &vec![side as f64; m]), cells as f64, "{points:?}");
    }
}
