//! Damaged copies of good files.

use ganas::Rng;

/// Numbers at which lengths and counts tend to go wrong.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// A seed with one to eight changes.
pub fn mutated(seeds: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = seeds[rng.below(seeds.len())].clone();
    for _ in 0..1 + rng.below(8).min(rng.below(8)) {
        change(&mut bytes, seeds, rng);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.push(rng.bits() as u8);
        return;
    }
    let at = place(bytes.len(), rng);
    match rng.below(8) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = rng.bits() as u8,
        2 => bytes[at] = bytes[at].wrapping_add(if rng.below(2) == 0 { 1 } else { 255 }),
        3 => {
            let width = [2, 4, 8][rng.below(3)];
            let number = NUMBERS[rng.below(NUMBERS.len())].to_le_bytes();
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
        4 => bytes.truncate(at),
        5 => {
            let end = (at + 1 + rng.below(64)).min(bytes.len());
            bytes.drain(at..end);
        }
        6 => {
            let end = (at + 1 + rng.below(64)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let to = place(bytes.len(), rng);
            bytes.splice(to..to, piece);
        }
        _ => {
            let other = &seeds[rng.below(seeds.len())];
            let from = rng.below(other.len());
            let end = (from + 1 + rng.below(64)).min(other.len());
            bytes.splice(at..at, other[from..end].iter().copied());
        }
    }
}

/// A place, more often near either end, where headers and directories are.
fn place(len: usize, rng: &mut Rng) -> usize {
    let near = len.min(200);
    match rng.below(3) {
        0 => rng.below(near),
        1 => len - 1 - rng.below(near),
        _ => rng.below(len),
    }
}
