//! The official key of a cell: an MD5 that does not depend on how its vertices are numbered.

use super::graph::{Cell, MOST_VERTICES};
use md5::{Digest, Md5};

/// An MD5 in hexadecimal digits.
type Hex = [u8; 32];

impl Cell {
    /// The official key, `graph_util.hash_module` of google-research/nasbench; equal for exactly those cells
    /// that differ only in the numbering of their vertices.
    pub fn key(&self) -> [u8; 16] {
        let n = self.vertices();
        let mut hashes = [[0; 32]; MOST_VERTICES];
        for (v, hash) in hashes[..n].iter_mut().enumerate() {
            let outs = (v + 1..n).filter(|&w| self.has_edge(v, w)).count();
            let ins = (0..v).filter(|&u| self.has_edge(u, v)).count();
            let label = match v {
                0 => -1,
                _ if v == n - 1 => -2,
                _ => i32::from(self.ops()[v - 1]),
            };
            *hash = hex(&Md5::digest(format!("({outs}, {ins}, {label})")).into());
        }
        for _ in 0..n {
            let old = hashes;
            for (v, hash) in hashes[..n].iter_mut().enumerate() {
                let mut md5 = Md5::new();
                update_sorted(&mut md5, &old, (0..v).filter(|&u| self.has_edge(u, v)));
                md5.update(b"|");
                update_sorted(&mut md5, &old, (v + 1..n).filter(|&w| self.has_edge(v, w)));
                md5.update(b"|");
                md5.update(old[v]);
                *hash = hex(&md5.finalize().into());
            }
        }
        hashes[..n].sort_unstable();
        // The list as Python prints it.
        let mut md5 = Md5::new();
        md5.update(b"[");
        for (v, hash) in hashes[..n].iter().enumerate() {
            md5.update(if v == 0 { "'" } else { ", '" });
            md5.update(hash);
            md5.update(b"'");
        }
        md5.update(b"]");
        md5.finalize().into()
    }

    /// The official key in hexadecimal digits, as the published files have it.
    pub fn key_hex(&self) -> String {
        hex(&self.key()).iter().map(|&digit| char::from(digit)).collect()
    }
}

/// Feeds the hashes of some vertices in ascending order.
fn update_sorted(md5: &mut Md5, hashes: &[Hex; MOST_VERTICES], vertices: impl Iterator<Item = usize>) {
    let mut sorted = [[0; 32]; MOST_VERTICES];
    let mut n = 0;
    for v in vertices {
        sorted[n] = hashes[v];
        n += 1;
    }
    sorted[..n].sort_unstable();
    md5.update(sorted[..n].as_flattened());
}

fn hex(digest: &[u8; 16]) -> Hex {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|i| DIGITS[usize::from(digest[i / 2] >> (4 * (1 - i % 2)) & 15)])
}
