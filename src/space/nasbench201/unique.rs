//! The official form of a NAS-Bench-201 cell that isomorphic cells share.

use super::{EDGES, NODES, NONE, OPS, SKIP};

/// The official "unique string": node 0 is `0`, every other node the sorted terms of its edges joined with
/// `+`.
///
/// A term is `#`, zero, if the operation is `none` or the node read is exactly `#`; it is that node's string
/// if the operation is `skip_connect`, else `(node)@operation`. A sum of zeros, `#+#`, does not count as
/// zero: the published number of 6,466 classes depends on it.
///
/// # Panics
/// If there are not six genes below 5.
#[track_caller]
pub fn unique_string(genes: &[u8]) -> String {
    assert!(
        genes.len() == EDGES.len() && genes.iter().all(|&gene| usize::from(gene) < OPS.len()),
        "unique_string: {genes:?} are not six genes below {}",
        OPS.len()
    );
    let mut nodes = vec![String::from("0")];
    for node in 1..NODES {
        let edges = genes.iter().zip(EDGES).filter(|(_, (_, to))| *to == node);
        let mut terms: Vec<String> = edges.map(|(&gene, (from, _))| term(gene, &nodes[from])).collect();
        terms.sort_unstable();
        nodes.push(terms.join("+"));
    }
    nodes.swap_remove(NODES - 1)
}

fn term(gene: u8, read: &str) -> String {
    match gene {
        NONE => "#".into(),
        _ if read == "#" => "#".into(),
        SKIP => read.into(),
        _ => format!("({read})@{}", OPS[usize::from(gene)].name),
    }
}
