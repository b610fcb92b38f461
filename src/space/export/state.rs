//! State dictionaries under the names that the reference programs give their tensors.

use crate::formats::torch::Item;
use crate::formats::{Array, NamedArrays};

/// The tensors of one network of ours as the reference program's `load_state_dict` wants them: its modules register
/// each convolution of an edge twice, so each tensor is there under both names; counters are integers. `module` puts
/// `module.` before every name, as programs do that trained on several devices.
pub fn state_dict(network: &NamedArrays, module: bool) -> Item {
    let prefix = if module { "module." } else { "" };
    // AutoGAN's first block, which EAGAN's discriminator begins with and AdversarialNAS's does not.
    let eagan = network.get("block1.c1.weight_orig").is_some();
    let mut entries = Vec::new();
    for (name, array) in network.iter() {
        for name in std::iter::once(name.to_owned()).chain(second_name(name, eagan)) {
            entries.push((format!("{prefix}{name}"), item(&name, array)));
        }
    }
    Item::Dict(entries)
}

fn item(name: &str, array: &Array) -> Item {
    match name.ends_with("num_batches_tracked") {
        true => Item::Integers(array.shape.clone(), array.values.iter().map(|v| *v as i64).collect()),
        false => Item::Floats(array.clone()),
    }
}

/// `X.conv.weight` is `X.op.1.weight` too, behind a ReLU; `X.op.0.weight` on an edge without one.
fn second_name(name: &str, eagan: bool) -> Option<String> {
    let (edge, tensor) = name.split_once(".dilconv.").or_else(|| name.split_once(".conv."))?;
    let place = if without_relu(edge, eagan) { 0 } else { 1 };
    Some(format!("{edge}.op.{place}.{tensor}"))
}

/// The edges that read the image in AdversarialNAS's discriminator have no ReLU, nor have EAGAN's edges 4.
fn without_relu(edge: &str, eagan: bool) -> bool {
    let parts: Vec<&str> = edge.split('.').collect();
    match parts[..] {
        [block, "c4", ..] if eagan => block.starts_with("block"),
        ["block1", "c0" | "c1" | "c2", ..] => !eagan,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tensors: &[&str], module: bool) -> Vec<String> {
        let mut network = NamedArrays::new();
        for name in tensors {
            network.insert(*name, &[1], vec![2.0]);
        }
        let Item::Dict(entries) = state_dict(&network, module) else {
            panic!("a dictionary")
        };
        entries.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn every_tensor_has_the_names_that_the_reference_programs_register() {
        assert_eq!(
            names(&["cell1.c2.ops.0.conv.weight", "cell1.c3.ops.0.dilconv.bias", "l1.weight"], true),
            [
                "module.cell1.c2.ops.0.conv.weight",
                "module.cell1.c2.ops.0.op.1.weight",
                "module.cell1.c3.ops.0.dilconv.bias",
                "module.cell1.c3.ops.0.op.1.bias",
                "module.l1.weight"
            ]
        );
        let adversarial = names(&["block1.c0.ops.0.conv.weight_u", "block2.c4.ops.0.conv.bias"], false);
        assert_eq!(
            (adversarial[1].as_str(), adversarial[3].as_str()),
            ("block1.c0.ops.0.op.0.weight_u", "block2.c4.ops.0.op.1.bias")
        );
        let eagan = names(&["block1.c1.weight_orig", "block2.c4.ops.0.conv.bias"], false);
        assert_eq!(eagan[2], "block2.c4.ops.0.op.0.bias");
    }

    #[test]
    fn counters_are_integers() {
        let mut network = NamedArrays::new();
        network.insert("to_rgb.0.num_batches_tracked", &[], vec![12.0]);
        let Item::Dict(entries) = state_dict(&network, false) else {
            panic!("a dictionary")
        };
        assert_eq!(entries[0].1, Item::Integers(vec![], vec![12]));
    }
}
