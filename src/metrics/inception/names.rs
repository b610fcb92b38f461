//! The original graph's names and layouts, turned into those of the PyTorch port.

use crate::formats::{Array, NamedArrays};

/// The stem's convolutions, in order.
const STEM: [&str; 5] = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"];
/// The blocks, in order.
const BLOCKS: [&str; 11] = [
    "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e",
    "Mixed_7a", "Mixed_7b", "Mixed_7c",
];

type Towers = &'static [(&'static str, &'static str)];

const A: Towers = &[
    ("conv", "branch1x1"),
    ("tower/conv", "branch5x5_1"),
    ("tower/conv_1", "branch5x5_2"),
    ("tower_1/conv", "branch3x3dbl_1"),
    ("tower_1/conv_1", "branch3x3dbl_2"),
    ("tower_1/conv_2", "branch3x3dbl_3"),
    ("tower_2/conv", "branch_pool"),
];
const B: Towers = &[
    ("conv", "branch3x3"),
    ("tower/conv", "branch3x3dbl_1"),
    ("tower/conv_1", "branch3x3dbl_2"),
    ("tower/conv_2", "branch3x3dbl_3"),
];
const C: Towers = &[
    ("conv", "branch1x1"),
    ("tower/conv", "branch7x7_1"),
    ("tower/conv_1", "branch7x7_2"),
    ("tower/conv_2", "branch7x7_3"),
    ("tower_1/conv", "branch7x7dbl_1"),
    ("tower_1/conv_1", "branch7x7dbl_2"),
    ("tower_1/conv_2", "branch7x7dbl_3"),
    ("tower_1/conv_3", "branch7x7dbl_4"),
    ("tower_1/conv_4", "branch7x7dbl_5"),
    ("tower_2/conv", "branch_pool"),
];
const D: Towers = &[
    ("tower/conv", "branch3x3_1"),
    ("tower/conv_1", "branch3x3_2"),
    ("tower_1/conv", "branch7x7x3_1"),
    ("tower_1/conv_1", "branch7x7x3_2"),
    ("tower_1/conv_2", "branch7x7x3_3"),
    ("tower_1/conv_3", "branch7x7x3_4"),
];
const E: Towers = &[
    ("conv", "branch1x1"),
    ("tower/conv", "branch3x3_1"),
    ("tower/mixed/conv", "branch3x3_2a"),
    ("tower/mixed/conv_1", "branch3x3_2b"),
    ("tower_1/conv", "branch3x3dbl_1"),
    ("tower_1/conv_1", "branch3x3dbl_2"),
    ("tower_1/mixed/conv", "branch3x3dbl_3a"),
    ("tower_1/mixed/conv_1", "branch3x3dbl_3b"),
    ("tower_2/conv", "branch_pool"),
];

fn towers(block: &str) -> Towers {
    match block {
        "Mixed_5b" | "Mixed_5c" | "Mixed_5d" => A,
        "Mixed_6a" => B,
        "Mixed_7a" => D,
        "Mixed_7b" | "Mixed_7c" => E,
        _ => C,
    }
}

/// What lies behind a unit's name, here and there.
const PARTS: [(&str, &str); 5] = [
    ("conv2d_params", "conv.weight"),
    ("batchnorm/gamma", "bn.weight"),
    ("batchnorm/beta", "bn.bias"),
    ("batchnorm/moving_mean", "bn.running_mean"),
    ("batchnorm/moving_variance", "bn.running_var"),
];

/// `conv` for 0, `conv_1` for 1, and so on.
fn numbered(stem: &str, i: usize) -> String {
    if i == 0 { stem.to_owned() } else { format!("{stem}_{i}") }
}

/// Every array name of the original graph and its name in the port.
pub(super) fn table() -> Vec<(String, String)> {
    let mut units: Vec<(String, String)> = STEM
        .iter()
        .enumerate()
        .map(|(i, name)| (numbered("conv", i), (*name).to_owned()))
        .collect();
    for (i, block) in BLOCKS.iter().enumerate() {
        let scope = numbered("mixed", i);
        units.extend(
            towers(block)
                .iter()
                .map(|(tower, branch)| (format!("{scope}/{tower}"), format!("{block}.{branch}"))),
        );
    }
    let mut all: Vec<(String, String)> = units
        .iter()
        .flat_map(|(theirs, ours)| {
            PARTS.map(|(part, port)| (format!("{theirs}/{part}"), format!("{ours}.{port}")))
        })
        .collect();
    all.push(("softmax/weights".to_owned(), "fc.weight".to_owned()));
    all.push(("softmax/biases".to_owned(), "fc.bias".to_owned()));
    all
}

/// The arrays under the port's names and in its layouts, if they bear the original's; others come back as they are.
pub(super) fn to_port(mut arrays: NamedArrays) -> NamedArrays {
    if arrays.get("softmax/weights").is_none() {
        return arrays;
    }
    let mut port = NamedArrays::new();
    for (theirs, ours) in table() {
        if let Some(array) = arrays.remove(&theirs) {
            let Array { shape, values } = turned(array);
            port.insert(ours, &shape, values);
        }
    }
    port
}

/// `[kh,kw,in,out]` to `[out,in,kh,kw]`, `[in,out]` to `[out,in]`.
fn turned(array: Array) -> Array {
    let Array { shape, values } = array;
    let (taps, cin, cout) = match shape[..] {
        [kh, kw, cin, cout] => (kh * kw, cin, cout),
        [cin, cout] => (1, cin, cout),
        _ => return Array { shape, values },
    };
    let mut out = vec![0.0; values.len()];
    for (i, v) in values.iter().enumerate() {
        let (t, c, o) = (i / (cin * cout), i / cout % cin, i % cout);
        out[(o * cin + c) * taps + t] = *v;
    }
    let shape = match shape[..] {
        [kh, kw, _, _] => vec![cout, cin, kh, kw],
        _ => vec![cout, cin],
    };
    Array { shape, values: out.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_array_has_one_name_on_either_side() {
        let table = table();
        assert_eq!(table.len(), 472);
        for side in [|pair: &(String, String)| pair.0.clone(), |pair: &(String, String)| pair.1.clone()] {
            assert_eq!(table.iter().map(side).collect::<BTreeSet<_>>().len(), 472);
        }
        for (theirs, ours) in [
            ("conv_4/batchnorm/gamma", "Conv2d_4a_3x3.bn.weight"),
            ("mixed_3/tower/conv_2/conv2d_params", "Mixed_6a.branch3x3dbl_3.conv.weight"),
            ("mixed_10/tower_1/mixed/conv_1/conv2d_params", "Mixed_7c.branch3x3dbl_3b.conv.weight"),
        ] {
            assert!(table.contains(&(theirs.to_owned(), ours.to_owned())), "{theirs}");
        }
    }

    #[test]
    fn kernels_and_the_last_layer_are_turned_and_a_ports_file_is_left_alone() {
        let mut original = NamedArrays::new();
        // [kh=1, kw=2, in=2, out=1] and [in=2, out=3].
        original.insert("conv/conv2d_params", &[1, 2, 2, 1], vec![0.0, 1.0, 2.0, 3.0]);
        original.insert("softmax/weights", &[2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        original.insert("conv/batchnorm/beta", &[1], vec![9.0]);
        let port = to_port(original);
        assert_eq!(port.expect("Conv2d_1a_3x3.conv.weight", &[1, 2, 1, 2]).unwrap(), [0.0, 2.0, 1.0, 3.0]);
        assert_eq!(port.expect("fc.weight", &[3, 2]).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(port.expect("Conv2d_1a_3x3.bn.bias", &[1]).unwrap(), [9.0]);
        assert_eq!(to_port(port.clone()), port);
    }
}
