//! Where a hash stands among many.

use super::header::KEY;

/// The place of `key` in the ascending `keys`.
///
/// Hashes are spread evenly, so steps of the mean distance come close to it while few pages are touched. From
/// there the range is widened until it holds the key, which is right for any spread.
pub(super) fn place(keys: &[[u8; KEY]], key: &[u8; KEY]) -> Option<usize> {
    let last = keys.len().checked_sub(1)?;
    let number = |at: usize| u128::from_be_bytes(keys[at]);
    let target = u128::from_be_bytes(*key);
    // How many keys lie within a range of numbers on the average.
    let within = |range: u128| (((range >> 64) * keys.len() as u128) >> 64) as usize;
    let mut at = within(target);
    for _ in 0..4 {
        let found = number(at);
        let steps = within(target.abs_diff(found));
        if steps == 0 {
            break;
        }
        at = if target < found {
            at.saturating_sub(steps)
        } else {
            last.min(at + steps)
        };
    }
    let mut reach = 2;
    loop {
        let (low, high) = (at.saturating_sub(reach), keys.len().min(at + reach));
        let above = low == 0 || number(low) <= target;
        let below = high == keys.len() || target < number(high);
        if above && below {
            let found = keys[low..high].binary_search_by_key(&target, |key| u128::from_be_bytes(*key));
            return found.ok().map(|i| low + i);
        }
        reach *= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn check(mut keys: Vec<[u8; KEY]>, others: &[[u8; KEY]]) {
        keys.sort_unstable();
        keys.dedup();
        for key in keys.iter().chain(others) {
            assert_eq!(place(&keys, key), keys.binary_search(key).ok(), "{key:?}");
        }
    }

    #[test]
    fn keys_are_found_whether_they_are_spread_evenly_or_not() {
        let mut rng = Rng::seed(3);
        let mut random = |n: usize| -> Vec<[u8; KEY]> {
            (0..n).map(|_| std::array::from_fn(|_| rng.below(256) as u8)).collect()
        };
        let others = [random(500), vec![[0; KEY], [0xff; KEY]]].concat();
        for n in [1, 2, 3, 100, 5000] {
            check(random(n), &others);
            // All in a small part at either end, and some far from the rest.
            for (start, bytes) in [(0xff, 9), (0, 9), (0, 2), (0x80, 3)] {
                let mut crowd = random(n);
                crowd.iter_mut().for_each(|key| key[..bytes].fill(start));
                crowd.extend([[0xff; KEY], [0xfe; KEY]]);
                check(crowd, &others);
            }
        }
        assert_eq!(place(&[], &[0; KEY]), None);
    }

    #[test]
    fn keys_out_of_order_end_the_search_all_the_same() {
        let keys: Vec<[u8; KEY]> = (0..200_u8).map(|i| [i.wrapping_mul(37); KEY]).collect();
        for key in &keys {
            assert!(place(&keys, key).is_none_or(|at| keys[at] == *key));
        }
    }
}
