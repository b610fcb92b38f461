//! The size classes of the pool.

/// Rounds up to four steps per power of two: at most a quarter of a class is unused.
pub(super) fn size_class(units: usize) -> usize {
    let step = (units.next_power_of_two() / 8).max(1);
    units.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_waste_at_most_a_quarter() {
        for units in 1..5000 {
            let class = size_class(units);
            assert!(class >= units && class * 4 <= units * 5 + 4, "{units} -> {class}");
        }
    }
}
