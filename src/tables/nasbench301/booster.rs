//! One gradient-boosted model in the JSON form that XGBoost saves.

use super::layout;
use super::tree::Tree;
use crate::formats::limits::brief;
use serde::Deserialize;

/// A model for one number: the sum of its trees.
#[derive(Debug)]
pub(super) struct Booster {
    base: f32,
    trees: Vec<Tree>,
    /// For each feature the parameter of the flat encoding that it is; none for a setting of the training.
    inputs: Vec<Option<usize>>,
}

#[derive(Deserialize)]
struct File {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    gradient_booster: GradientBooster,
    learner_model_param: Param,
    objective: Named,
}

#[derive(Deserialize)]
struct GradientBooster {
    name: String,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Param {
    base_score: String,
    num_feature: String,
    num_class: Option<String>,
    num_target: Option<String>,
}

impl Param {
    /// What is added to the trees; releases from 3 on write it as a list of one number.
    fn base(&self) -> Result<f32, String> {
        let text = self.base_score.trim();
        let number = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        let base = number.trim().parse().ok().filter(|base: &f32| base.is_finite());
        base.ok_or_else(|| format!("`base_score` is `{}`, wanted is one number", brief(text)))
    }

    fn features(&self) -> Result<usize, String> {
        let wrong = |_| format!("`num_feature` is `{}`, wanted is a count", brief(&self.num_feature));
        self.num_feature.parse().map_err(wrong)
    }
}

impl Booster {
    /// Reads the bytes of a saved model.
    pub fn parse(bytes: &[u8]) -> Result<Booster, String> {
        let file: File = serde_json::from_slice(bytes).map_err(|e| {
            format!("is no tree model as `booster.save_model(\"NAME.json\")` of XGBoost writes it: {e}")
        })?;
        let Learner {
            feature_names,
            gradient_booster,
            learner_model_param: param,
            objective,
        } = file.learner;
        for (key, found, wanted) in [
            ("objective", &objective.name, "reg:squarederror"),
            ("gradient_booster", &gradient_booster.name, "gbtree"),
        ] {
            if found != wanted {
                return Err(format!("its `{key}` is `{}`, wanted is `{wanted}`", brief(found)));
            }
        }
        for (key, count) in [("num_class", &param.num_class), ("num_target", &param.num_target)] {
            if let Some(count) = count.as_deref().filter(|count| !["0", "1"].contains(count)) {
                return Err(format!("its `{key}` is `{}`, wanted is one target", brief(count)));
            }
        }
        let inputs = layout::inputs(&feature_names, param.features()?)?;
        let trees = gradient_booster.model.trees;
        for feature in trees.iter().flat_map(Tree::features) {
            match inputs.get(feature) {
                Some(Some(_)) => {}
                Some(None) => {
                    let reason = "a setting of the training, which is the same for all architectures";
                    return Err(format!("it splits on feature {feature}, {reason}"));
                }
                None => return Err(format!("it splits on feature {feature} of {}", inputs.len())),
            }
        }
        Ok(Booster { base: param.base()?, trees, inputs })
    }

    /// The prediction for the values `vector` of the parameters of the flat encoding; NaN is a missing one.
    pub fn predict(&self, vector: &[f32]) -> f32 {
        // No split asks for a setting of the training.
        let feature = |input: &Option<usize>| input.map_or(f32::NAN, |parameter| vector[parameter]);
        let x: Vec<f32> = self.inputs.iter().map(feature).collect();
        self.trees.iter().fold(self.base, |sum, tree| sum + tree.predict(&x))
    }
}
