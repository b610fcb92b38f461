//! Damage to files, the same for the same seed.

/// A small generator of random numbers (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Numbers at which arithmetic and bounds turn over.
const INTERESTING: [u64; 16] = [
    0,
    1,
    2,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 61,
    u64::MAX >> 1,
    u64::MAX,
];

/// `bytes` with one to four pieces of damage; `others` are files to splice in.
pub fn mutated(bytes: &[u8], others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        damage(&mut bytes, others, random);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len());
    let part = |bytes: &[u8], random: &mut Random| {
        let start = random.below(bytes.len());
        let len = random.below(64).min(bytes.len() - start);
        bytes[start..start + len].to_vec()
    };
    match random.below(9) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
        2 if !bytes.is_empty() => bytes[at] = INTERESTING[random.below(8)] as u8,
        3 => bytes.truncate(at),
        4 => {
            let part = part(bytes, random);
            bytes.splice(at..at, part);
        }
        5 => {
            let part = part(&others[random.below(others.len())], random);
            bytes.splice(at..at, part);
        }
        6 => {
            let end = (at + random.below(16)).min(bytes.len());
            bytes.drain(at..end);
        }
        _ => {
            // A length, in either order of bytes.
            let width = [2, 4, 8][random.below(3)];
            let number = INTERESTING[random.below(INTERESTING.len())].wrapping_sub(random.below(3) as u64);
            let mut number = number.to_le_bytes()[..width].to_vec();
            if random.below(4) == 0 {
                number.reverse();
            }
            if let Some(field) = bytes.get_mut(at..at + width) {
                field.copy_from_slice(&number);
            }
        }
    }
}
