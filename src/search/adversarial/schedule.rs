//! The temperature of the Gumbel noise over the passes of a search.

/// Temperature in pass `pass` of `passes`: `max(tau_min, tau_max * exp(-pass * ln(tau_max / tau_min) / passes))`.
pub fn temperature(pass: u64, passes: u64, tau_max: f64, tau_min: f64) -> f64 {
    let rate = (tau_max / tau_min).ln() / passes as f64;
    (tau_max * (-(pass as f64) * rate).exp()).max(tau_min)
}

#[cfg(test)]
mod tests {
    use super::temperature;

    #[test]
    fn the_published_temperatures() {
        for (pass, want) in [(0, 5.0), (1, 4.28), (5, 2.29), (10, 1.05), (15, 0.48), (20, 0.22), (24, 0.117)]
        {
            let got = temperature(pass, 25, 5.0, 0.1);
            assert!((got - want).abs() < 0.005, "pass {pass}: {got}");
        }
    }
}
