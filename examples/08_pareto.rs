//! How much does a good fit cost? NSGA-II looks for polynomials that follow a sine and have small coefficients: two
//! aims that no single answer meets, so the result is a front of the best compromises.
//!
//! The same loop serves any genome that has a `Variation`, such as architectures with their quality and their size.

use ganas::Rng;
use ganas::search::{Nsga2, RealVariation, pareto};

/// Mean squared error against a sine on `[-1, 1]`, and the mean square of the coefficients.
fn objectives(coefficients: &[f64]) -> Vec<f64> {
    let samples = 21;
    let error = |k: usize| {
        let x = k as f64 / 10.0 - 1.0;
        let value = coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
        (value - (3.0 * x).sin()).powi(2) / f64::from(samples)
    };
    let size = coefficients.iter().map(|c| c * c).sum::<f64>() / coefficients.len() as f64;
    vec![(0..samples as usize).map(error).sum(), size]
}

fn main() {
    let variation = RealVariation::new(vec![(-5.0, 5.0); 6]);
    let initial = variation.sample(60, &mut Rng::seed(7));
    let mut search = Nsga2::new(initial, variation, 7);
    // Worse than this in either aim is of no interest: the flat line has an error of 0.5 and costs nothing.
    let reference = [0.6, 5.0];
    println!("{:>10} {:>6} {:>12}", "generation", "front", "hypervolume");
    for generation in 0..=200 {
        let told = search.ask().iter().map(|c| objectives(c)).collect();
        search.tell(told);
        if generation % 40 == 0 {
            let front: Vec<Vec<f64>> = search.front().iter().map(|(_, o)| o.clone()).collect();
            let volume = pareto::hypervolume(&front, &reference);
            println!("{generation:>10} {:>6} {volume:>12.4}", front.len());
        }
    }

    let mut front = search.front().to_vec();
    front.sort_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]));
    println!("\n{:>8} {:>8}   coefficients", "error", "size");
    for (coefficients, told) in front.iter().step_by(front.len().div_ceil(6)) {
        println!("{:>8.4} {:>8.4}   {coefficients:.2?}", told[0], told[1]);
    }
}
