//! Which feature of a surrogate is which parameter of the flat encoding.

use crate::formats::limits::brief;
use crate::space::darts::PARAMETERS;

/// The other parameters of the official configuration space: settings of the training, which NAS-Bench-301
/// fixed.
const SETTINGS: [&str; 22] = [
    "CreateImageDataLoader:batch_size",
    "ImageAugmentation:augment",
    "ImageAugmentation:autoaugment",
    "ImageAugmentation:cutout",
    "ImageAugmentation:cutout_holes",
    "ImageAugmentation:cutout_length",
    "ImageAugmentation:fastautoaugment",
    "LossModuleSelectorIndices:loss_module",
    "NetworkSelectorDatasetInfo:darts:auxiliary",
    "NetworkSelectorDatasetInfo:darts:drop_path_prob",
    "NetworkSelectorDatasetInfo:darts:init_channels",
    "NetworkSelectorDatasetInfo:darts:layers",
    "NetworkSelectorDatasetInfo:network",
    "OptimizerSelector:optimizer",
    "OptimizerSelector:sgd:learning_rate",
    "OptimizerSelector:sgd:momentum",
    "OptimizerSelector:sgd:weight_decay",
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max",
    "SimpleLearningrateSchedulerSelector:cosine_annealing:eta_min",
    "SimpleLearningrateSchedulerSelector:lr_scheduler",
    "SimpleTrainNode:batch_loss_computation_technique",
    "SimpleTrainNode:mixup:alpha",
];

/// For each of `count` features the index of its parameter among [`PARAMETERS`]; none for a setting of the
/// training.
///
/// Names in the file decide. Without names, as the official surrogates were trained, 34 features are
/// [`PARAMETERS`] in their order, and 56 are the whole official configuration space in the same kind of
/// order: parameters without a condition by name, among them all settings, then those with one by name.
pub(super) fn inputs(names: &[String], count: usize) -> Result<Vec<Option<usize>>, String> {
    let all = PARAMETERS.len();
    if names.is_empty() {
        return match count {
            _ if count == all => Ok((0..all).map(Some).collect()),
            _ if count == all + SETTINGS.len() => Ok(official()),
            _ => Err(format!(
                "it has {count} features without names; wanted are the {all} parameters of the flat \
                 encoding, or {} with the settings of the training",
                all + SETTINGS.len()
            )),
        };
    }
    if names.len() != count {
        return Err(format!("it has {} `feature_names`, but `num_feature` is {count}", names.len()));
    }
    let input = |name: &String| match PARAMETERS.iter().position(|p| p.name == *name) {
        None if !SETTINGS.contains(&name.as_str()) => {
            Err(format!("feature `{}` is no parameter of the flat encoding", brief(name)))
        }
        parameter => Ok(parameter),
    };
    names.iter().map(input).collect()
}

fn official() -> Vec<Option<usize>> {
    let conditional = PARAMETERS.partition_point(|p| p.is_unconditional());
    let mut first: Vec<(&str, Option<usize>)> = SETTINGS.map(|name| (name, None)).to_vec();
    first.extend((0..conditional).map(|i| (PARAMETERS[i].name.as_str(), Some(i))));
    first.sort_unstable();
    let first = first.into_iter().map(|(_, parameter)| parameter);
    first.chain((conditional..PARAMETERS.len()).map(Some)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_in_the_order_of_the_official_configuration_space() {
        let fixture: serde_json::Value = serde_json::from_str(include_str!("fixture.json")).unwrap();
        let names = |key: &str| -> Vec<String> { serde_json::from_value(fixture[key].clone()).unwrap() };
        let parameters: Vec<&str> = PARAMETERS.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(parameters, names("names"));
        // By position and by name the same parameters.
        let official = names("official_names");
        let inputs = inputs(&[], 56).unwrap();
        assert_eq!(inputs, super::inputs(&official, 56).unwrap());
        assert_eq!(inputs.iter().flatten().count(), 34);
        for (name, input) in official.iter().zip(inputs) {
            let is_setting = !name.contains(":edge_") && !name.contains(":inputs_node_");
            assert_eq!(input.map(|i| parameters[i]), (!is_setting).then_some(name.as_str()));
        }
    }
}
